/** `wasi:cli`: arguments, environment, the ends of the standard streams, the end of the program. */

import { LOOK } from '../../wasm/gas.ts';
import { GuestExit } from '../../wasm/host.ts';
import { decodeLossy } from '../../wasm/utf8.ts';
import type { HostCallContext } from '../call.ts';
import type { PolicyRequest } from '../decide.ts';
import { U32 } from '../wasi/abi.ts';
import type { StringList } from '../wasi/string-list.ts';
import { Kind } from './resources.ts';
import { INPUT, OUTPUT } from './streams.ts';
import { type Interface, type Preview2, row } from './table.ts';

const ENVIRONMENT: PolicyRequest = { kind: 'environment' };
const PROCESS: PolicyRequest = { kind: 'process' };

/** As they cost in preview 1, where they come as one piece. */
function stringsOf(call: HostCallContext, { bytes, offsets }: StringList): string[] {
  call.chargeBytes(offsets.length * U32.size + bytes.length);
  call.chargeWork(LOOK.string * offsets.length);
  // Each has a NUL behind it.
  return offsets.map((offset, i) => decodeLossy(bytes.subarray(offset, (offsets[i + 1] ?? bytes.length) - 1)));
}

function getEnvironment({ state }: Preview2, call: HostCallContext): [name: string, value: string][] {
  return stringsOf(call, state.environment).map((text) => {
    const at = text.indexOf('=');
    return [text.slice(0, at), text.slice(at + 1)];
  });
}

function outputOf(name: 'stdout' | 'stderr') {
  const stdio = { kind: 'stdio', stream: name } as const;
  return row(stdio, (host) =>
    host.hold(OUTPUT, { kind: 'standard', name, stream: host.state.sources[name], isClosed: false }),
  );
}

/** No stream is a terminal, wherever it leads: that changes nothing in the guest. */
const TERMINAL_INPUT = new Kind<never>('terminal-input');
const TERMINAL_OUTPUT = new Kind<never>('terminal-output');
const noTerminal = row(PROCESS, () => undefined);
const drop = (kind: Kind<never>) => row(PROCESS, (_host, _call, object: unknown) => void kind.drop(object));

/** @throws GuestExit always */
function exit(status: number): never {
  throw new GuestExit(status);
}

export const CLI: Readonly<Record<string, Interface>> = {
  'wasi:cli/environment': {
    'get-environment': row(ENVIRONMENT, getEnvironment),
    'get-arguments': row({ kind: 'arguments' }, ({ state }, call) => stringsOf(call, state.args)),
    'initial-cwd': row(PROCESS, () => undefined),
  },
  'wasi:cli/exit': {
    exit: row(PROCESS, (_host, _call, { tag }: { readonly tag: 'ok' | 'err' }) => exit(tag === 'ok' ? 0 : 1)),
    'exit-with-code': row(PROCESS, (_host, _call, status: number) => exit(status)),
  },
  'wasi:cli/stdin': {
    'get-stdin': row({ kind: 'stdio', stream: 'stdin' }, (host) =>
      host.hold(INPUT, { kind: 'standard', stream: host.state.sources.stdin, isClosed: false }),
    ),
  },
  'wasi:cli/stdout': { 'get-stdout': outputOf('stdout') },
  'wasi:cli/stderr': { 'get-stderr': outputOf('stderr') },
  'wasi:cli/terminal-input': { '[resource-drop]terminal-input': drop(TERMINAL_INPUT) },
  'wasi:cli/terminal-output': { '[resource-drop]terminal-output': drop(TERMINAL_OUTPUT) },
  'wasi:cli/terminal-stdin': { 'get-terminal-stdin': noTerminal },
  'wasi:cli/terminal-stdout': { 'get-terminal-stdout': noTerminal },
  'wasi:cli/terminal-stderr': { 'get-terminal-stderr': noTerminal },
};
