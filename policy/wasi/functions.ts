/** WASI's host functions for one guest: the table's rows behind the gate. */

import { WASI_CALL } from '../../wasm/gas.ts';
import { HostFunction, type WasmValue } from '../../wasm/host.ts';
import type { PolicyRequest } from '../decide.ts';
import type { Body, Gate } from '../gate.ts';
import { ERRNO } from './errno.ts';
import type { WasiState } from './state.ts';
import { PREVIEW1, UNSTABLE, WASI_FUNCTIONS, type WasiFunction } from './table.ts';

const BY_NAME: ReadonlyMap<string, WasiFunction> = new Map(WASI_FUNCTIONS.map((row) => [row.name, row]));

/** Undefined for a function that WASI does not have under that module name. */
export function wasiFunction(state: WasiState, gate: Gate, module: string, name: string): HostFunction | undefined {
  if (module !== PREVIEW1 && module !== UNSTABLE) return undefined;
  const row = BY_NAME.get(name);
  if (row === undefined || (module === UNSTABLE && row.unstable === 'absent')) return undefined;
  const served = module === PREVIEW1 || row.unstable === 'same';
  const body: Body = served
    ? (call, args) => answer(row, row.call(state, call, args.map(unsigned)))
    : () => ERRNO.nosys;
  // Refused calls find no environment, no directories and no sockets, and give the error values that go with that.
  const guarded = gate.guard(`${module}.${name}`, requestOf(row, state), body, body);
  return new HostFunction(row.type, WASI_CALL, guarded);
}

function answer(row: WasiFunction, errno: WasmValue): WasmValue {
  return row.type.results.length === 0 ? undefined : errno;
}

function unsigned(value: WasmValue): number | bigint {
  return typeof value === 'bigint' ? BigInt.asUintN(64, value) : (value as number) >>> 0;
}

function requestOf(
  row: WasiFunction,
  state: WasiState,
): PolicyRequest | ((args: readonly WasmValue[]) => PolicyRequest) {
  const { subject } = row;
  if (subject !== 'descriptor') return { kind: subject };
  return (args) => {
    const descriptor = unsigned(args[0]) as number;
    const open = state.descriptors.get(descriptor);
    return open === undefined ? { kind: 'descriptor', descriptor } : { kind: 'stdio', stream: open.name };
  };
}
