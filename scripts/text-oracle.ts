/**
 * `npx tsx scripts/text-oracle.ts [--runs n] [--seed n]`: what wabt can read, it has to read as we do. Random modules are
 * printed here and parsed there, and printed there and parsed here; the texts of the official suite are parsed on both
 * sides. Prints how many were compared, and what differs.
 */

import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { parse, print } from '../src/text.ts';
import { GENERATED_FEATURES } from '../test/generate/later.ts';
import { anyModule } from '../test/generate/module.ts';
import { anySeed } from '../test/property/runner.ts';
import { readSections, SECTION } from '../test/spec/byte-reader.ts';
import { unsigned } from '../test/spec/byte-writer.ts';
import { loadText, textFiles } from '../test/spec/suite.ts';
import { isFound, SUITES } from '../test/suites.ts';
import { decode } from '../wasm/decode.ts';
import { blockType, InstructionReader } from '../wasm/instructions.ts';
import type { WasmModule } from '../wasm/module.ts';
import { OPCODES, type Opcode, opcode } from '../wasm/opcodes.ts';
import type { FunctionBody } from '../wasm/types.ts';
import { loadWabt } from './wabt.mjs';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '500' }, seed: { type: 'string' } } });
const seed = Number(values.seed ?? anySeed());
const wabt = (await loadWabt()) as NonNullable<Awaited<ReturnType<typeof loadWabt>>>;

/** Differences that are shown. */
const SHOWN = 10;
/**
 * `unread` by wabt, `outdated` what it writes as it was before release 3.0, `refused` what else we do not read of it,
 * `spoilt` valid modules of which it makes invalid ones.
 */
const NONE = { same: 0, unread: 0, outdated: 0, spoilt: 0, different: 0, refused: 0 };
const counts = { ...NONE };

/** Calls of references, without the type. */
const OUTDATED = /\bcall_ref *[()\n]/;

/**
 * All that a module means: sections but custom ones and the one that only counts data segments; of elements, which can be
 * written as functions and as expressions, what they are; of code, without empty second arms.
 */
function meaning(bytes: Uint8Array): string {
  const module = attempt(() => decode(bytes));
  const left: readonly number[] = module === undefined ? [] : [SECTION.dataCount, SECTION.element, SECTION.code];
  const sections = [...readSections(bytes)].filter(([id]) => !left.includes(id));
  const rest =
    module === undefined ? [] : [...elementsOf(module), ...module.bodies.map((body) => codeOf(module, body))];
  return [...sections.map(([id, content]) => `${id}: ${hex(content)}`), ...rest].join('\n');
}

/** Without the `else` of arms that hold nothing, and with types of constructs in place of how they are written. */
function codeOf({ bytes, types }: WasmModule, { start, codeStart, end }: FunctionBody): string {
  const reader = new InstructionReader(bytes, codeStart, end);
  let text = hex(bytes.subarray(start, codeStart));
  while (reader.pos < end) {
    const { flow, immediates, mnemonic } = OPCODES[reader.next()] as Opcode;
    if (immediates === 'block' || immediates === 'block catches') {
      text += ` ${mnemonic} ${blockType(reader.a, types)?.key} ${JSON.stringify(immediates === 'block' ? [] : reader.catches)}`;
    } else if (flow !== 'else' || bytes[reader.pos] !== END)
      text += ` ${hex(bytes.subarray(reader.offset, reader.pos))}`;
  }
  return `code ${text}`;
}

const END = opcode('end').code;

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function elementsOf({ bytes, elements }: WasmModule): string[] {
  const code = ({ start, end }: { readonly start: number; readonly end: number }) => hex(bytes.subarray(start, end));
  return Array.from({ length: elements.length }, (_, i) => {
    const head = elements.headAt(i);
    const place = head.mode === 'active' ? `table ${head.index} at ${code(head.offset)}` : head.mode;
    const items = Array.from({ length: elements.count(i) }, (_, item) =>
      elements.areExpressions(i)
        ? code(elements.expressionAt(i, item))
        : hex(new Uint8Array(encodeFunction(elements.functionAt(i, item)))),
    );
    return `elements, ${place}: ${items}`;
  });
}

const encodeFunction = (index: number) => [0xd2, ...unsigned(index), 0x0b];

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}

const isValid = (bytes: Uint8Array) => attempt(() => decode(bytes)) !== undefined;

function reasonOf(action: () => unknown): string {
  try {
    return String(action());
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function compare(what: string, ours: Uint8Array, theirs: Uint8Array | undefined): void {
  if (theirs === undefined) counts.unread++;
  else if (isValid(ours) && !isValid(theirs)) counts.spoilt++;
  else if (meaning(ours) === meaning(theirs)) counts.same++;
  else if (counts.different++ < SHOWN) console.log(`${what} differs\n${meaning(ours)}\n---\n${meaning(theirs)}\n`);
}

function compareModule(what: string, bytes: Uint8Array): void {
  const text = print(bytes);
  const ours = parse(text);
  compare(
    `${what}, printed here,`,
    ours,
    attempt(() => wabt.parse(text)),
  );
  const their = attempt(() => wabt.print(bytes));
  // What it prints itself it does not always read, nor is it always the same module.
  if (their === undefined) {
    counts.unread++;
    return;
  }
  const read = attempt(() => parse(their));
  if (read !== undefined)
    compare(
      `${what}, printed there,`,
      read,
      attempt(() => wabt.parse(their)),
    );
  else if (attempt(() => wabt.parse(their)) === undefined) counts.unread++;
  else if (OUTDATED.test(their)) counts.outdated++;
  else if (counts.refused++ < SHOWN) console.log(`${what}, printed there, is refused: ${reasonOf(() => parse(their))}`);
}

console.log(`seed ${seed}`);
const few = { steps: 20, functions: 3 };
for (const features of [[], GENERATED_FEATURES]) {
  const modules = fc.sample(anyModule({ ...few, features }), { numRuns: Number(values.runs), seed });
  modules.forEach((bytes, i) => {
    compareModule(`module ${i} of seed ${seed}`, bytes);
  });
}
console.log('random modules', counts);
Object.assign(counts, NONE);
for (const file of isFound(SUITES.text) ? textFiles() : []) {
  for (const command of loadText(file)) {
    if (command.kind !== 'define') continue;
    const bytes = command.bytes();
    if (attempt(() => decode(bytes)) !== undefined) compareModule(`${file}:${command.line}`, bytes);
  }
}
console.log("the suite's modules", counts);
