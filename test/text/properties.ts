/** What must hold of any module that is printed, and of any text at all. */

import fc from 'fast-check';
import { parse, print } from '../../src/text.ts';
import { decode } from '../../wasm/decode.ts';
import { CompileError, TextError } from '../../wasm/errors.ts';
import { GALLERY } from '../generate/gallery.ts';
import type { GeneratedFeature } from '../generate/later.ts';
import { anyModule } from '../generate/module.ts';
import type { Property } from '../property/runner.ts';
import { readSections, SECTION } from '../spec/byte-reader.ts';
import { EXAMPLES } from './examples.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function same(what: string, a: Uint8Array, b: Uint8Array): void {
  if (Buffer.compare(a, b) !== 0) throw new Error(`${what}: the module is another\n${hex(a)}\n${hex(b)}`);
}

/** @throws Error where the text of a valid module is not the same module */
export function checkRoundTrip(bytes: Uint8Array): void {
  const text = print(bytes);
  const again = parse(text);
  decode(again);
  if (print(again) !== text) throw new Error('what was parsed is printed otherwise');
  same('flat', parse(print(again, { folded: false, offsets: true })), again);
}

/** All sections but the one that says how many data segments there are, which some write where nobody asks for it. */
function withoutDataCount(bytes: Uint8Array): Uint8Array {
  const sections = [...readSections(bytes)].filter(([id]) => id !== SECTION.dataCount);
  return Buffer.concat(sections.flatMap(([id, content]) => [Uint8Array.of(id), content]));
}

/** Random programs, printed and parsed: their encoder writes what the parser does. */
export function roundTrip(features: readonly GeneratedFeature[]): Property<Uint8Array> {
  return {
    name: 'modules as text',
    runs: 150,
    arbitrary: anyModule({ steps: 12, functions: 2, features }),
    check: (bytes) => {
      checkRoundTrip(bytes);
      same('folded', withoutDataCount(parse(print(bytes))), withoutDataCount(bytes));
    },
    keep: (bytes, note) => ({ bytesHex: hex(bytes), note }),
  };
}

/** What means much in many places. */
const TELLING = [
  ...['(', ')', '()', '"', '\\', '(;', ';)', ';;', '\n', ' ', '$', '@', '(@', '(@a ', '(@name "x")', '(@custom "x")'],
  ...['0', '1', '-1', '0x', '_', 'nan', 'nan:0x', 'inf', '1e', 'e99', '.', '18446744073709551616', '\u00e9', '\ud83d'],
  ...[
    '(then',
    '(else',
    'end',
    'else',
    'block',
    '(block',
    'if',
    '(if',
    'loop',
    '(type 0)',
    '(param i32)',
    '(result i32)',
  ],
  ...[
    '(func',
    '(export "a")',
    '(import "a" "b")',
    '(memory 1)',
    '(data',
    '(elem',
    '(table 1 funcref)',
    '(ref null',
    'i64',
  ],
  ...['(rec', '(sub', 'final', '(struct', '(field', '(array', '(mut', 'func', 'declare', '(offset', '(item', 'offset='],
  ...['align=', '(global', '(tag', '(start 0)', '(local', 'select', 'br_table', 'v128.const', 'i8x16', '(catch'],
];

interface Edit {
  readonly kind: 'remove' | 'insert' | 'replace' | 'repeat' | 'truncate';
  readonly at: number;
  readonly length: number;
  readonly piece: string;
}

const anyEdit: fc.Arbitrary<Edit> = fc.record({
  kind: fc.constantFrom('remove', 'insert', 'replace', 'repeat', 'truncate'),
  at: fc.nat(100_000),
  length: fc.nat(30),
  piece: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...TELLING) },
    { weight: 1, arbitrary: fc.string({ maxLength: 4 }) },
  ),
});

function edited(text: string, { kind, at, length, piece }: Edit): string {
  const start = at % (text.length + 1);
  const [before, after] = [text.slice(0, start), text.slice(start)];
  if (kind === 'truncate') return before;
  if (kind === 'insert') return before + piece + after;
  if (kind === 'repeat') return before + after.slice(0, length) + after;
  return before + (kind === 'replace' ? piece : '') + after.slice(length);
}

/** @throws Error where a text is neither a module nor refused as it should be */
export function checkText(text: string): void {
  let bytes: Uint8Array;
  try {
    bytes = parse(text);
  } catch (error) {
    if (!(error instanceof TextError)) throw error;
    if (!(error.line > 0 && error.column > 0 && /\(line \d+, column \d+\)\n {2}.*\n {2} *\^+$/.test(error.message))) {
      throw new Error(`it does not say where: ${error.message}`);
    }
    return;
  }
  try {
    decode(bytes);
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    checkPlace(text);
    return;
  }
  same('printed', parse(print(bytes)), bytes);
}

function checkPlace(text: string): void {
  try {
    parse(text, { validate: true });
  } catch (error) {
    if (error instanceof CompileError) return;
    throw error;
  }
  throw new Error('an invalid module was taken for a valid one');
}

/** Longer ones take more time than they find. */
const LONGEST = 3_000;

/** Texts with a few edits. Those that are edited are the examples, and random modules that are drawn once. */
export function mutatedTexts(seed: number): Property<string> {
  const generated = fc.sample(anyModule({ steps: 4, functions: 1 }), { numRuns: 20, seed });
  const printed = [...GALLERY, ...generated].map((bytes, i) => print(bytes, { folded: i % 2 === 0 }));
  const texts = [...EXAMPLES, ...printed.filter(({ length }) => length < LONGEST)];
  return {
    name: 'mutated texts',
    runs: 1_500,
    arbitrary: fc
      .record({ base: fc.constantFrom(...texts), edits: fc.array(anyEdit, { maxLength: 4, size: 'max' }) })
      .map(({ base, edits }) => edits.reduce(edited, base)),
    check: checkText,
    keep: (text, note) => ({ text, note }),
  };
}
