/** Puts the threads of an image into a guest, if it can have them. */

import { SnapshotError } from '../../wasm/errors.ts';
import { THREADS } from '../../wasm/gas.ts';
import { damaged, type WireReader } from '../../wasm/wire.ts';
import {
  type GreenThread,
  type GreenThreads,
  isWaiting,
  storeOf,
  THREAD_START,
  WasmExecution,
} from '../machine/index.ts';
import { type GuestFunction, type Instance, WAITED } from '../store/index.ts';
import type { Reference } from '../values/index.ts';
import { applyStack, planStack, readStack, type StackPlan } from './install-stack.ts';
import type { Numbering } from './numbering.ts';
import type { ThreadImage, ThreadsImage, WaitImage } from './threads.ts';

export function readThreads(from: WireReader, instances: readonly Instance[]): ThreadsImage {
  const count = from.count(8, 'threads', THREADS.most + 1);
  const list = Array.from({ length: count }, (): ThreadImage => {
    const [id, argument, rest] = [from.u32(), from.u32() | 0, from.u32()];
    const stack = from.flag() ? readStack(from, instances) : undefined;
    const wait = from.flag() ? readWait(from) : undefined;
    return { id, argument, rest, stack, wait };
  });
  return { list, turn: from.u32(), turnLeft: from.u64(), nextId: from.u32() };
}

function readWait(from: WireReader): WaitImage {
  const address = from.u32();
  const left = from.flag() ? from.u64() : undefined;
  const place = from.u32();
  const value = from.flag() ? from.u8() : undefined;
  if (value !== undefined && value !== WAITED.notified && value !== WAITED.timedOut)
    damaged('a wait has come to nothing');
  return { address, left, place, value };
}

/** @throws SnapshotError where the threads cannot be those of a guest that has so many instances, and perhaps a call */
export function requireThreads(
  { list, turn, turnLeft, nextId }: ThreadsImage,
  spawned: number,
  hasCall: boolean,
): void {
  const ids = list.map(({ id }) => id);
  const own = ids.filter((id) => id !== 0);
  const isFit =
    own.length === spawned &&
    ids.length - own.length === (hasCall ? 1 : 0) &&
    own.every((id, i) => id < nextId && id > (own[i - 1] ?? 0)) &&
    list.every(({ rest, stack, wait, id }) => rest <= 1 && (wait === undefined || stack !== undefined || id === 0)) &&
    turn <= list.length + 1 &&
    turnLeft <= BigInt(THREADS.turn) + 1n;
  if (!isFit) damaged('its threads are none that it can have');
}

/** A thread, and what is to be put on its stack. */
export interface ThreadPlan {
  readonly image: ThreadImage;
  /** Of the thread, which is there; undefined for the call from outside. */
  readonly instance: Instance | undefined;
  readonly stack: StackPlan | undefined;
}

/** @throws SnapshotError */
export function planThreads(
  { list }: ThreadsImage,
  numbering: Numbering,
  references: readonly Reference[],
): readonly ThreadPlan[] {
  const [, ...spawned] = numbering.instances;
  let next = 0;
  return list.map((image) => {
    if (image.id === 0) return { image, instance: undefined, stack: undefined };
    const instance = spawned[next++] as Instance;
    const stack = image.stack && planStack(numbering, image.stack, references, calledBy(instance, image));
    return { image, instance, stack };
  });
}

/** The function that a thread is in. */
function calledBy(instance: Instance, { rest }: ThreadImage): GuestFunction {
  const { start, exportsByName } = instance.module;
  if (rest === 0)
    return instance.function(exportsByName.get(THREAD_START.name)?.index ?? damaged('its module has no threads'));
  return instance.function(start ?? damaged('a thread is in a start function that the module does not have'));
}

/** Makes the threads. @param main the call from outside that was left @throws SnapshotError */
export function applyThreads(
  threads: GreenThreads,
  { turn, turnLeft, nextId }: ThreadsImage,
  plans: readonly ThreadPlan[],
  main: GreenThread | undefined,
): void {
  const waits: { readonly thread: GreenThread; readonly image: ThreadImage }[] = [];
  for (const { image, instance, stack } of plans) {
    const thread = instance === undefined ? (main as GreenThread) : made(threads, instance, image, stack);
    threads.list.push(thread);
    if (image.wait !== undefined) waits.push({ thread, image });
  }
  waits.sort((a, b) => (a.image.wait?.place as number) - (b.image.wait?.place as number));
  for (const { thread, image } of waits) {
    const on = thread.execution instanceof WasmExecution ? thread.execution.thread : undefined;
    if (on === undefined || !isWaiting(on)) throw new SnapshotError('damaged snapshot: a thread waits where none can');
    threads.waitAgain(thread, on, image.wait as WaitImage);
  }
  threads.at = turn - 1;
  threads.nextId = nextId;
  threads.turnEnds = threads.instance.tank.total() + turnLeft - 1n;
}

function made(
  threads: GreenThreads,
  instance: Instance,
  image: ThreadImage,
  stack: StackPlan | undefined,
): GreenThread {
  const thread = threads.threadOf(instance, image.id, image.argument, image.rest === 1);
  if (stack === undefined) return thread;
  const on = storeOf(instance).acquire();
  applyStack(on, stack);
  threads.adopt(thread, WasmExecution.resumed(stack.func, on));
  return thread;
}
