/** Small modules put together by hand, for tests that need exactly this and nothing else. */

import { F32, F64, FUNCREF, I32, I64, type ValType } from '../../wasm/types.ts';

const EXTERNREF = 0x6f;

export { EXTERNREF, F32, F64, FUNCREF, I32, I64 };

type Signature = readonly [params: readonly ValType[], results: readonly ValType[]];

interface FunctionParts {
  readonly name?: string;
  readonly type: Signature;
  /** Instructions, without the final `end`. */
  readonly code: readonly number[];
}

interface ModuleParts {
  readonly imports?: readonly (readonly [module: string, name: string, type: Signature])[];
  readonly functions?: readonly FunctionParts[];
  /** Pages of an exported memory. */
  readonly memory?: number;
  /** Index of the start function. */
  readonly start?: number;
}

function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...leb(items.length), ...items.flat()];
}

function text(name: string): number[] {
  const bytes = [...new TextEncoder().encode(name)];
  return [...leb(bytes.length), ...bytes];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...leb(content.length), ...content];
}

/** Types are not shared: import and function i have type i. */
export function assemble({ imports = [], functions = [], memory, start }: ModuleParts): Uint8Array<ArrayBuffer> {
  const signatures = [...imports.map(([, , type]) => type), ...functions.map(({ type }) => type)];
  const types = signatures.map(([params, results]) => [
    0x60,
    ...leb(params.length),
    ...params,
    ...leb(results.length),
    ...results,
  ]);
  const first = imports.length;
  const exports = functions.flatMap(({ name }, i) =>
    name === undefined ? [] : [[...text(name), 0, ...leb(first + i)]],
  );
  if (memory !== undefined) exports.push([...text('memory'), 2, 0]);
  const bodies = functions.map(({ code }) => {
    const body = [0, ...code, 0x0b];
    return [...leb(body.length), ...body];
  });
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector(types)),
    ...section(2, vector(imports.map(([module, name], i) => [...text(module), ...text(name), 0, ...leb(i)]))),
    ...section(3, vector(functions.map((_, i) => leb(first + i)))),
    ...(memory === undefined ? [] : section(5, [1, 0, ...leb(memory)])),
    ...section(7, vector(exports)),
    ...(start === undefined ? [] : section(8, leb(start))),
    ...section(10, vector(bodies)),
  ]);
}

/** `local.get 0`, `local.get 1` and so on. */
export function locals(count: number): number[] {
  return Array.from({ length: count }, (_, i) => [0x20, i]).flat();
}

/** Exports `identity`: takes one value of the type and gives it back. */
export function identity(type: ValType): Uint8Array<ArrayBuffer> {
  return assemble({ functions: [{ name: 'identity', type: [[type], [type]], code: locals(1) }] });
}

/** Exports `add`: (i32, i32) -> i32. */
export const ADD = assemble({ functions: [{ name: 'add', type: [[I32, I32], [I32]], code: [...locals(2), 0x6a] }] });

/** Exports `spin`, which never ends, and `nop`. */
export const SPIN = assemble({
  functions: [
    { name: 'spin', type: [[], []], code: [0x03, 0x40, 0x0c, 0, 0x0b] },
    { name: 'nop', type: [[], []], code: [] },
  ],
});

/** Exports `fail`, a trap, and `count`, which gives how often `fail` or `count` was called, from memory. */
export const COUNTER = assemble({
  memory: 1,
  functions: [
    { name: 'fail', type: [[], []], code: [0x10, 2, 0] },
    { name: 'count', type: [[], [I32]], code: [0x10, 2, 0x41, 0, 0x28, 2, 0] },
    { type: [[], []], code: [0x41, 0, 0x41, 0, 0x28, 2, 0, 0x41, 1, 0x6a, 0x36, 2, 0] },
  ],
});

/** Imports `env.host`: (i32) -> i32, and exports `call`, which hands its argument on to it. */
export const CALLS_HOST = assemble({
  imports: [['env', 'host', [[I32], [I32]]]],
  functions: [{ name: 'call', type: [[I32], [I32]], code: [...locals(1), 0x10, 0] }],
});
