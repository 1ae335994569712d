/** What becomes of a function, stage by stage, as text: for docs/stages.md, and for whoever wants to see another. */

import { HELPERS } from '../../instrument/layout.ts';
import { meterModule } from '../../instrument/meter-module.ts';
import { HEADER_WORDS, lengthOf, MACHINE_OPS } from '../../interpreter/code/isa.ts';
import { ModuleCode } from '../../interpreter/code/module-code.ts';
import { decode } from '../../wasm/decode.ts';
import { InstructionReader } from '../../wasm/instructions.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { OPCODES, type Opcode } from '../../wasm/opcodes.ts';
import { planFunction } from '../../wasm/plan.ts';

const OPENS = new Set(['open', 'loop', 'if']);
const HAS_OPERAND = /^(i32|i64|local|global|label|function)$/;

interface Instruction {
  readonly offset: number;
  readonly text: string;
}

/** The instructions of one of the module's own functions, indented. */
function instructionsOf(module: WasmModule, body: number): Instruction[] {
  const { codeStart, end } = module.bodies.at(body);
  const reader = new InstructionReader(module.bytes, codeStart, end);
  const found: Instruction[] = [];
  let depth = 0;
  while (reader.pos < end) {
    const { mnemonic, immediates, flow } = OPCODES[reader.next()] as Opcode;
    if (flow === 'end' || flow === 'else') depth--;
    const isConstant = immediates === 'i32' || immediates === 'i64';
    // Those that are shown are small.
    const operand = HAS_OPERAND.test(immediates) ? ` ${isConstant ? reader.low : reader.a}` : '';
    found.push({ offset: reader.offset, text: `${'  '.repeat(Math.max(0, depth))}${mnemonic}${operand}` });
    if (OPENS.has(flow) || flow === 'else') depth++;
  }
  return found;
}

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
const place = (offset: number) => `0x${hex(offset, 2)}`;

function bytes(module: WasmModule, body: number): string[] {
  const instructions = instructionsOf(module, body);
  const { end } = module.bodies.at(body);
  return instructions.map(({ offset, text }, i) => {
    const raw = module.bytes.subarray(offset, instructions[i + 1]?.offset ?? end);
    return `${place(offset)}  ${[...raw]
      .map((byte) => hex(byte, 2))
      .join(' ')
      .padEnd(8)}  ${text}`;
  });
}

function plan(module: WasmModule, body: number): string[] {
  const { entryCost, weight, points } = planFunction(module, body);
  return [
    `entry  weighs ${weight}, costs ${entryCost}`,
    ...points.map(
      ({ offset, cost, check }) => `${place(offset)}   costs ${cost}${check ? ', and is a checkpoint' : ''}`,
    ),
  ];
}

function machine(module: WasmModule, body: number): string[] {
  const code = new ModuleCode(module);
  const entry = code.entry(body);
  const [weight, cost] = code.words.subarray(entry - HEADER_WORDS);
  const lines = [`header  weight ${weight}, cost ${cost}`];
  for (let at = entry; at < code.length; ) {
    const { name, operands, parts } = MACHINE_OPS[code.words[at] as number] as (typeof MACHINE_OPS)[number];
    const length = lengthOf(operands);
    const words = [...code.words.subarray(at + 1, at + length)];
    lines.push(
      `${String(at - entry).padEnd(6)}  ${name}${parts === undefined ? '' : ' (at once)'}  ${words.join(' ')}`,
    );
    at += length;
  }
  return lines;
}

function woven(module: WasmModule, body: number): string[] {
  const { code } = meterModule(module, { canonicalNaN: true, refills: true });
  const made = decode(code.bytes());
  return instructionsOf(made, HELPERS.length + body).map(({ text }) => text);
}

/** By stage. */
export const STAGES: Readonly<Record<string, (module: WasmModule, body: number) => string[]>> = {
  bytes,
  plan,
  machine,
  woven,
};
