/** All 46 functions of WASI: names, types, what each asks of the policy, and who answers, under either module. */

import { type FuncType, funcType, I32, I64, type ValType } from '../../wasm/types.ts';
import type { HostCallContext } from '../call.ts';
import { ABI, type Abi } from './abi.ts';
import * as descriptors from './descriptors.ts';
import * as directories from './directories.ts';
import { ERRNO } from './errno.ts';
import * as files from './files.ts';
import { PREVIEW1, UNSTABLE } from './names.ts';
import * as paths from './paths.ts';
import { pollOneoff } from './poll.ts';
import type { WasiHandler, WasiResult, WasiState } from './state.ts';
import { sizesGet, stringsGet } from './strings.ts';
import * as system from './system.ts';

/** What a call asks of the policy; `descriptor` depends on what its first argument stands for. */
export type WasiSubject =
  | 'arguments'
  | 'environment'
  | 'clock'
  | 'random'
  | 'process'
  | 'descriptor'
  | 'filesystem'
  | 'network';

/** Whether a call may wait for a promise; `streams`: only for what the embedder has in the place of a standard stream. */
type WasiWaiting = 'never' | 'streams' | 'possible';

export interface WasiFunction {
  readonly name: string;
  readonly type: FuncType;
  readonly subject: WasiSubject;
  readonly waits: WasiWaiting;
  /** By the module that imports it; undefined where that has no such function. */
  readonly calls: Readonly<Record<string, WasiCall | undefined>>;
}

type WasiCall = (state: WasiState, call: HostCallContext, args: readonly (number | bigint)[]) => WasiResult;

const TYPES = { i32: I32, i64: I64 } as const;
type TypeName = keyof typeof TYPES;
type ArgumentsOf<P extends readonly TypeName[]> = { readonly [K in keyof P]: P[K] extends 'i64' ? bigint : number };

/** A function that is the same under both modules. */
function row<const P extends readonly TypeName[]>(
  name: string,
  subject: WasiSubject,
  params: P,
  handler: WasiHandler<ArgumentsOf<P>>,
  waits?: WasiWaiting,
): WasiFunction {
  return rowOfEach(name, subject, params, () => handler, waits);
}

/** @param handlerOf by what differs between the modules; undefined where one has no such function */
function rowOfEach<const P extends readonly TypeName[]>(
  name: string,
  subject: WasiSubject,
  params: P,
  handlerOf: (abi: Abi) => WasiHandler<ArgumentsOf<P>> | undefined,
  waits: WasiWaiting = 'never',
): WasiFunction {
  const results: readonly ValType[] = name === 'proc_exit' ? [] : [I32];
  const type = funcType(
    params.map((param) => TYPES[param]),
    results,
  );
  const callOf = (abi: Abi): WasiCall | undefined => {
    const handler = handlerOf(abi);
    return handler && ((state, call, args) => handler(state, call, ...(args as ArgumentsOf<P>)));
  };
  const calls = { [PREVIEW1]: callOf(ABI[PREVIEW1]), [UNSTABLE]: callOf(ABI[UNSTABLE]) };
  return { name, type, subject, waits, calls };
}

const { notSocket, sync } = descriptors;

export const WASI_FUNCTIONS: readonly WasiFunction[] = [
  row('args_get', 'arguments', ['i32', 'i32'], stringsGet('args')),
  row('args_sizes_get', 'arguments', ['i32', 'i32'], sizesGet('args')),
  row('environ_get', 'environment', ['i32', 'i32'], stringsGet('environment')),
  row('environ_sizes_get', 'environment', ['i32', 'i32'], sizesGet('environment')),
  row('clock_res_get', 'clock', ['i32', 'i32'], system.clockResGet),
  row('clock_time_get', 'clock', ['i32', 'i64', 'i32'], system.clockTimeGet),
  row('fd_advise', 'descriptor', ['i32', 'i64', 'i64', 'i32'], files.fdAdvise),
  row('fd_allocate', 'descriptor', ['i32', 'i64', 'i64'], files.fdAllocate),
  row('fd_close', 'descriptor', ['i32'], descriptors.fdClose),
  row('fd_datasync', 'descriptor', ['i32'], sync('datasync')),
  row('fd_fdstat_get', 'descriptor', ['i32', 'i32'], descriptors.fdFdstatGet),
  row('fd_fdstat_set_flags', 'descriptor', ['i32', 'i32'], descriptors.fdFdstatSetFlags),
  row('fd_fdstat_set_rights', 'descriptor', ['i32', 'i64', 'i64'], descriptors.fdFdstatSetRights),
  rowOfEach('fd_filestat_get', 'descriptor', ['i32', 'i32'], descriptors.fdFilestatGet),
  row('fd_filestat_set_size', 'descriptor', ['i32', 'i64'], files.fdFilestatSetSize),
  row('fd_filestat_set_times', 'descriptor', ['i32', 'i64', 'i64', 'i32'], files.fdFilestatSetTimes),
  row('fd_pread', 'descriptor', ['i32', 'i32', 'i32', 'i64', 'i32'], files.fdPread),
  row('fd_prestat_get', 'descriptor', ['i32', 'i32'], directories.fdPrestatGet),
  row('fd_prestat_dir_name', 'descriptor', ['i32', 'i32', 'i32'], directories.fdPrestatDirName),
  row('fd_pwrite', 'descriptor', ['i32', 'i32', 'i32', 'i64', 'i32'], files.fdPwrite),
  row('fd_read', 'descriptor', ['i32', 'i32', 'i32', 'i32'], descriptors.fdRead, 'streams'),
  row('fd_readdir', 'descriptor', ['i32', 'i32', 'i32', 'i64', 'i32'], directories.fdReaddir),
  row('fd_renumber', 'descriptor', ['i32', 'i32'], descriptors.fdRenumber),
  rowOfEach('fd_seek', 'descriptor', ['i32', 'i64', 'i32', 'i32'], files.fdSeek),
  row('fd_sync', 'descriptor', ['i32'], sync('sync')),
  row('fd_tell', 'descriptor', ['i32', 'i32'], files.fdTell),
  row('fd_write', 'descriptor', ['i32', 'i32', 'i32', 'i32'], descriptors.fdWrite, 'streams'),
  row('path_create_directory', 'filesystem', ['i32', 'i32', 'i32'], paths.pathCreateDirectory),
  rowOfEach('path_filestat_get', 'filesystem', ['i32', 'i32', 'i32', 'i32', 'i32'], paths.pathFilestatGet),
  row(
    'path_filestat_set_times',
    'filesystem',
    ['i32', 'i32', 'i32', 'i32', 'i64', 'i64', 'i32'],
    paths.pathFilestatSetTimes,
  ),
  row('path_link', 'filesystem', ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'], paths.pathLink),
  row('path_open', 'filesystem', ['i32', 'i32', 'i32', 'i32', 'i32', 'i64', 'i64', 'i32', 'i32'], paths.pathOpen),
  row('path_readlink', 'filesystem', ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'], paths.pathReadlink),
  row('path_remove_directory', 'filesystem', ['i32', 'i32', 'i32'], paths.pathRemoveDirectory),
  row('path_rename', 'filesystem', ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'], paths.pathRename),
  row('path_symlink', 'filesystem', ['i32', 'i32', 'i32', 'i32', 'i32'], paths.pathSymlink),
  row('path_unlink_file', 'filesystem', ['i32', 'i32', 'i32'], paths.pathUnlinkFile),
  rowOfEach('poll_oneoff', 'clock', ['i32', 'i32', 'i32', 'i32'], pollOneoff, 'possible'),
  row('proc_exit', 'process', ['i32'], system.procExit),
  row('proc_raise', 'process', ['i32'], () => ERRNO.nosys),
  row('random_get', 'random', ['i32', 'i32'], system.randomGet),
  row('sched_yield', 'process', [], system.schedYield),
  rowOfEach('sock_accept', 'network', ['i32', 'i32', 'i32'], ({ accepts }) => (accepts ? notSocket : undefined)),
  row('sock_recv', 'network', ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'], notSocket),
  row('sock_send', 'network', ['i32', 'i32', 'i32', 'i32', 'i32'], notSocket),
  row('sock_shutdown', 'network', ['i32', 'i32'], notSocket),
];
