/** Every plain instruction, in every form an engine may treat apart, with all interesting operands, against V8. */

import { beforeAll, describe, expect, test } from 'vitest';
import type { Opcode } from '../../wasm/opcodes.ts';
import { F32, F64, I32, I64, type ValType } from '../../wasm/types.ts';
import { encodeModule, type FunctionDescription, type Instruction } from '../generate/encode.ts';
import { ACCESSES, constant, makeCanonical, makesNaN, NUMERIC, typesOf } from '../generate/rows.ts';
import { INTERESTING } from '../generate/values.ts';
import { classify, type Namespace } from './compare.ts';
import { loadNamespace } from './namespace.ts';

const bitsOf = (type: ValType) => INTERESTING[type] as readonly bigint[];
const asBits = (type: ValType): ValType => (type === F32 ? I32 : type === F64 ? I64 : type);
const toBits = (type: ValType | undefined): Instruction[] =>
  type === F32 ? ['i32.reinterpret_f32'] : type === F64 ? ['i64.reinterpret_f64'] : [];
const fromBits = (type: ValType): Instruction[] =>
  type === F32 ? ['f32.reinterpret_i32'] : type === F64 ? ['f64.reinterpret_i64'] : [];
const argument = (type: ValType, bits: bigint) =>
  asBits(type) === I64 ? BigInt.asIntN(64, bits) : Number(BigInt.asIntN(32, bits));

/** A function, and its values passed as bits: JavaScript numbers do not carry those of a NaN. */
class Forms {
  readonly functions: FunctionDescription[] = [];

  add(name: string, params: readonly ValType[], results: readonly ValType[], body: Instruction[], nan?: Opcode): void {
    const [result] = results;
    const locals = result === undefined ? [] : [result];
    const inner = this.functions.push({ params, results, locals, body }) - 1;
    const canonical = nan === undefined ? [] : makeCanonical(result as typeof F32 | typeof F64, params.length);
    this.functions.push({
      params: params.map(asBits),
      results: results.map(asBits),
      locals,
      body: [
        ...params.flatMap((type, i): Instruction[] => [['local.get', i], ...fromBits(type)]),
        ['call', inner],
        ...canonical,
        ...toBits(result),
      ],
      export: name,
    });
  }
}

type Callable = (...args: (number | bigint)[]) => unknown;

let tested: Namespace;
beforeAll(async () => {
  tested = await loadNamespace();
});

function result(ns: Namespace, call: Callable, args: readonly (number | bigint)[]): unknown {
  try {
    return call(...args);
  } catch (error) {
    return classify(error, ns);
  }
}

/** Calls every export with every list of arguments that `argumentsOf` gives, on both engines. */
function compareAll(
  bytes: Uint8Array,
  argumentsOf: (name: string) => readonly (readonly (number | bigint)[])[],
): number {
  const ours = new tested.Instance(new tested.Module(bytes as BufferSource)).exports as Record<string, Callable>;
  const theirs = new WebAssembly.Instance(new WebAssembly.Module(bytes as BufferSource)).exports as typeof ours;
  const faults: string[] = [];
  let count = 0;
  for (const name of Object.keys(theirs)) {
    if (typeof theirs[name] !== 'function') continue;
    for (const args of argumentsOf(name)) {
      const found = result(tested, ours[name] as Callable, args);
      const expected = result(WebAssembly, theirs[name] as Callable, args);
      if (!Object.is(found, expected)) faults.push(`${name}(${args.join(', ')}) = ${found}, not ${expected}`);
      count++;
    }
  }
  expect(faults.slice(0, 20)).toEqual([]);
  return count;
}

const pairs = <A, B>(as: readonly A[], bs: readonly B[]) => as.flatMap((a) => bs.map((b) => [a, b] as const));

describe('numbers', () => {
  test.each(NUMERIC.map((row) => [row.mnemonic, row] as const))('%s', (mnemonic, row) => {
    const params = typesOf(row.params);
    const results = typesOf(row.results);
    const forms = new Forms();
    const gets = params.map((_, i): Instruction => ['local.get', i]);
    const nan = makesNaN(row) ? row : undefined;
    const add = (name: string, types: readonly ValType[], operands: Instruction[]) => {
      forms.add(name, types, results, [...operands, mnemonic], nan);
      if (results[0] !== I32) return;
      // What a branch may be made one with.
      forms.add(
        `if ${name}`,
        types,
        [I32],
        [...operands, mnemonic, ['if', I32], ...choose(1), 'else', ...choose(2), 'end'],
      );
      forms.add(
        `not ${name}`,
        types,
        [I32],
        [...operands, mnemonic, 'i32.eqz', ['if', I32], ...choose(1), 'else', ...choose(2), 'end'],
      );
      forms.add(
        `br_if ${name}`,
        types,
        [I32],
        [['block', I32], ...choose(1), ...operands, mnemonic, ['br_if', 0], 'drop', ...choose(2), 'end'],
      );
      forms.add(`select ${name}`, types, [I32], [...choose(1), ...choose(2), ...operands, mnemonic, 'select']);
    };
    const choose = (value: number): Instruction[] => [['i32.const', value]];
    add('plain', params, gets);
    // Into the place of an operand.
    forms.add(
      'twice',
      params,
      results,
      [...gets, mnemonic, ['local.set', params.length], ...gets, mnemonic, 'drop', ['local.get', params.length]],
      nan,
    );
    const [first, second] = params as [ValType, ValType | undefined];
    for (const [i, bits] of bitsOf(second ?? first).entries()) {
      if (i % 3 !== 0) continue;
      if (second === undefined) add(`const ${i}`, [], [constant(first, bits)]);
      else add(`const ${i}`, [first], [['local.get', 0], constant(second, bits)]);
      if (second !== undefined && i % 4 === 0)
        add(`const first ${i}`, [second], [constant(first, bits), ['local.get', 0]]);
    }
    if (second !== undefined)
      add(
        'same',
        [first],
        [
          ['local.get', 0],
          ['local.get', 0],
        ],
      );

    const one = bitsOf(first).map((bits) => [argument(first, bits)]);
    const two =
      second === undefined
        ? one
        : pairs(bitsOf(first), bitsOf(second)).map(([a, b]) => [argument(first, a), argument(second, b)]);
    const count = compareAll(encodeModule({ functions: forms.functions }), (name) => {
      if (name === 'plain' || name === 'twice') return two;
      if (name.endsWith('plain')) return two.filter((_, i) => i % 5 === 0);
      return second === undefined ? [[]] : one;
    });
    expect(count).toBeGreaterThan(50);
  });
});

describe('memory', () => {
  const PAGE = 65_536;
  const addresses = [
    0,
    1,
    2,
    3,
    7,
    100,
    PAGE - 17,
    PAGE - 9,
    PAGE - 8,
    PAGE - 7,
    PAGE - 4,
    PAGE - 2,
    PAGE - 1,
    PAGE,
    PAGE + 8,
    0x7fff_ffff,
    -0x8000_0000,
    -8,
    -1,
  ];
  const offsets = [0, 1, PAGE - 1, PAGE, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8];
  const pattern = Array.from({ length: 256 }, (_, i) => (i * 197 + 91) & 0xff);
  const data = [0, PAGE - 256].map((at) => ({ offset: [['i32.const', at]] as Instruction[], bytes: pattern }));

  test.each(ACCESSES.map((row) => [row.mnemonic, row] as const))('%s', (mnemonic, row) => {
    const params = typesOf(row.params);
    const results = typesOf(row.results);
    const value = params[1];
    const forms = new Forms();
    for (const offset of offsets) {
      const access: Instruction = [mnemonic, { offset }];
      forms.add(`offset ${offset}`, params, results, [...params.map((_, i): Instruction => ['local.get', i]), access]);
      // An address, and a value, that are known.
      for (const address of [0, 7, PAGE - 8, PAGE - 1, PAGE, -1]) {
        const known: Instruction[] = [
          ['i32.const', address],
          ...(value === undefined ? [] : [['local.get', 0] as Instruction]),
          access,
        ];
        forms.add(`constant ${address} + ${offset}`, params.slice(1), results, known);
      }
      forms.add(`added ${offset}`, params, results, [
        ['local.get', 0],
        ['i32.const', 4],
        'i32.add',
        ...(value === undefined ? [] : [['local.get', 1] as Instruction]),
        access,
      ]);
    }
    forms.functions.push({
      params: [I32],
      results: [I64],
      body: [['local.get', 0], ['i64.load']],
      export: 'look',
    });
    const values = value === undefined ? [undefined] : bitsOf(value).filter((_, i) => i % 8 === 5);
    const valueArgs = values.map((bits) => (bits === undefined ? [] : [argument(value as ValType, bits)]));
    const bytes = encodeModule({ functions: forms.functions, memories: [{ min: 1, max: 2 }], data });
    compareAll(bytes, (name) => {
      // Exports are called in their order: this one sees what the stores before it left.
      if (name === 'look') return Array.from({ length: 128 }, (_, i) => [i < 64 ? 8 * i : PAGE - 8 * (i - 63)]);
      if (name.startsWith('constant')) return valueArgs;
      return pairs(addresses, valueArgs).map(([address, rest]) => [address, ...rest]);
    });
  });
});
