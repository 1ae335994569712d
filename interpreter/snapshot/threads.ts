/** The threads of a guest that has some, with what each waits for. */

import { SnapshotError } from '../../wasm/errors.ts';
import type { WireWriter } from '../../wasm/wire.ts';
import { type GreenThread, type GreenThreads, WasmExecution } from '../machine/index.ts';
import type { Waiter } from '../store/index.ts';
import { settle } from './capture.ts';
import type { Numbering } from './numbering.ts';
import type { ReferenceTable } from './references.ts';
import { captureStack, type StackImage, writeStack } from './stack.ts';

/** A wait for a notification. */
export interface WaitImage {
  readonly address: number;
  /** Nanoseconds that are left; undefined: it has no end. */
  readonly left: bigint | undefined;
  /** How many of the guest's came to wait before. */
  readonly place: number;
  /** What it has come to, where it is over. */
  readonly value: number | undefined;
}

export interface ThreadImage {
  /** 0: the call from outside, of which the stack is elsewhere. */
  readonly id: number;
  readonly argument: number;
  /** Calls that it makes behind the one that it is in. */
  readonly rest: number;
  /** Undefined where it has not begun. */
  readonly stack: StackImage | undefined;
  readonly wait: WaitImage | undefined;
}

export interface ThreadsImage {
  /** In the order of their turns. */
  readonly list: readonly ThreadImage[];
  /** Whose turn it is, from 1; 0 where it was that of one which has ended. */
  readonly turn: number;
  /** Units that are left of it, and one more; 0 where it is over. */
  readonly turnLeft: bigint;
  readonly nextId: number;
}

/** @throws SnapshotError where a thread waits for what the host has promised */
export function captureThreads(threads: GreenThreads, table: ReferenceTable, numbering: Numbering): ThreadsImage {
  const { list, at, turnEnds, nextId, instance, clock } = threads;
  const places = new Map<Waiter, number>();
  for (const { waiters } of instance.memories) for (const waiter of waiters.all) places.set(waiter, places.size);
  const now = list.length === 0 ? 0n : clock.now();
  const waitOf = ({ waiter }: GreenThread): WaitImage | undefined => {
    if (waiter === undefined) return undefined;
    const { address, deadline, value } = waiter;
    const left = deadline === undefined ? undefined : deadline > now ? deadline - now : 0n;
    return { address, left, place: places.get(waiter) ?? 0, value };
  };
  const turnLeft = turnEnds - instance.tank.total() + 1n;
  return {
    list: list.map((thread) => {
      const left = thread.id === 0 ? undefined : executionOf(thread).leftInTurn();
      if (left !== undefined) settle(left.thread);
      const stack = left && captureStack(left, table, numbering);
      return { id: thread.id, argument: thread.argument, rest: thread.rest.length, stack, wait: waitOf(thread) };
    }),
    turn: at + 1,
    turnLeft: turnLeft > 0n ? turnLeft : 0n,
    nextId,
  };
}

function executionOf({ execution }: GreenThread): WasmExecution {
  if (execution instanceof WasmExecution) return execution;
  throw new SnapshotError('a thread is in a function of the host, which no snapshot can hold');
}

export function writeThreads(to: WireWriter, { list, turn, turnLeft, nextId }: ThreadsImage): void {
  to.u32(list.length);
  for (const { id, argument, rest, stack, wait } of list) {
    to.u32(id);
    to.u32(argument);
    to.u32(rest);
    to.flag(stack !== undefined);
    if (stack !== undefined) writeStack(to, stack);
    to.flag(wait !== undefined);
    if (wait === undefined) continue;
    to.u32(wait.address);
    to.flag(wait.left !== undefined);
    if (wait.left !== undefined) to.u64(wait.left);
    to.u32(wait.place);
    to.flag(wait.value !== undefined);
    if (wait.value !== undefined) to.u8(wait.value);
  }
  to.u32(turn);
  to.u64(turnLeft);
  to.u32(nextId);
}
