/** WASI's host functions for one guest: the table's rows behind the gate. */

import { WASI_CALL } from '../../wasm/gas.ts';
import { HostFunction, type WasmValue } from '../../wasm/host.ts';
import type { HostCallContext } from '../call.ts';
import type { PolicyRequest } from '../decide.ts';
import { FILE_DENIAL, FILE_LIMIT_DENIAL } from '../denials.ts';
import { FsError } from '../fs/filesystem.ts';
import type { Body, Gate } from '../gate.ts';
import type { Policy } from '../in-force.ts';
import { ERRNO, type Errno } from './errno.ts';
import type { WasiState } from './state.ts';
import { WASI_FUNCTIONS, type WasiFunction } from './table.ts';

const BY_NAME: ReadonlyMap<string, WasiFunction> = new Map(WASI_FUNCTIONS.map((row) => [row.name, row]));

/** Whether a call may wait for a promise. */
export function wasiMayWait(policy: Policy, name: string): boolean {
  const waits = BY_NAME.get(name)?.waits;
  return waits === 'possible' || (waits === 'streams' && policy.capabilities.some(({ kind }) => kind === 'stdio'));
}

/**
 * Undefined for a function that WASI does not have under that module name.
 * @param module one of its two
 */
export function wasiFunction(state: WasiState, gate: Gate, module: string, name: string): HostFunction | undefined {
  const row = BY_NAME.get(name);
  const serve = row?.calls[module];
  if (row === undefined || serve === undefined) return undefined;
  const body: Body = (call, args) =>
    answer(
      row,
      tell(call, () => {
        const values = args.map(unsigned);
        if (row.subject === 'descriptor') payForFile(state, call, values[0] as number);
        return serve(state, call, values);
      }),
    );
  // Other refused calls find no environment, no directories and no sockets, and give the error values that go with that.
  const refused: Body = row.subject === 'descriptor' ? () => ERRNO.notcapable : body;
  const guarded = gate.guard(`${module}.${name}`, requestOf(row, state), body, refused);
  return new HostFunction(row.type, WASI_CALL, guarded, { keepsViews: false });
}

/** Whatever is done with an open file or directory, the host may have to be asked. */
export function payForFile(state: WasiState, call: HostCallContext, fd: number): void {
  const open = state.descriptors.get(fd);
  if (open?.kind === 'file') call.chargeWork(open.file.fileSystem.work.call);
  else if (open?.kind === 'directory') call.chargeWork(open.directory.fileSystem.work.call);
}

/** What file systems throw is the guest's to know; a refusal is for the record too. */
export function tell<T>(call: HostCallContext, action: () => T): T | Errno {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    if (error.refusal !== undefined) {
      const { rule, reason } = error.refusal;
      const what = rule === 'fileLimit' ? FILE_LIMIT_DENIAL : FILE_DENIAL;
      call.refusal = { request: call.asked?.() ?? { kind: 'filesystem' }, what, rule, reason };
    }
    return ERRNO[error.code];
  }
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
  return (args) => requestOfDescriptor(state, unsigned(args[0]) as number);
}

/** What an operation on a descriptor asks for. */
export function requestOfDescriptor(state: WasiState, descriptor: number): PolicyRequest {
  const open = state.descriptors.get(descriptor);
  if (open === undefined) return { kind: 'descriptor', descriptor };
  if (open.kind === 'file' || open.kind === 'directory') return { kind: 'filesystem', path: open.path };
  return { kind: 'stdio', stream: open.name };
}
