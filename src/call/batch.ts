/** Several calls of one sandbox, one after another, with what each of them cost. */

import { reported } from '../../wasm/reported.ts';
import { list, record, refuse, text } from '../checks/check.ts';
import { type Checks, checkNamed, type Given } from '../checks/named.ts';
import type { Waits } from '../time/waits.ts';

/** One call of a batch. */
export interface BatchCall {
  /** Of an exported function. */
  readonly name: string;
  /** None unless given. */
  readonly args?: readonly unknown[] | undefined;
}

/** How a batch is made. */
export interface BatchOptions {
  /**
   * `'stop'` unless given: the first failed call is the last one made. `'collect'` goes on behind it, with the memory
   * it left. Once gas is exhausted all further calls fail.
   */
  readonly onFailure?: 'stop' | 'collect' | undefined;
}

interface BatchEntry {
  readonly name: string;
  /** Units the call used, also where it failed. */
  readonly gasUsed: bigint;
}

/** Of a call that returned. */
export interface BatchSuccess<T = unknown> extends BatchEntry {
  readonly ok: true;
  /** What `call` would have returned. */
  readonly value: T;
}

/** Of a call that failed. */
export interface BatchFailure extends BatchEntry {
  readonly ok: false;
  /** What `call` would have thrown. */
  readonly error: unknown;
}

/** What came of one call of a batch. */
export type BatchResult<T = unknown> = BatchSuccess<T> | BatchFailure;

/** A batch that has been checked. */
export interface Batch {
  readonly calls: readonly { readonly name: string; readonly args: readonly unknown[] }[];
  readonly stops: boolean;
}

/** Starts counting gas, and returns what tells how much has been used since. */
export type Meter = () => () => bigint;

const CHECKS: Checks<BatchOptions> = {
  onFailure: (value) =>
    value === 'stop' || value === 'collect' ? value : refuse('onFailure', "'stop' or 'collect'", value),
};

/** @throws UsageError */
export function checkBatchOptions(options: unknown): Given<BatchOptions> {
  return checkNamed<BatchOptions>('a batch', options, CHECKS);
}

/**
 * Checks a whole batch, before any of it is called.
 * @throws UsageError
 */
export function checkBatch(calls: unknown, { onFailure = 'stop' }: Given<BatchOptions>): Batch {
  const checked = list('a batch', calls).map((call, i) => {
    const { name, args = [] } = record(`call ${i + 1} of the batch`, call);
    return {
      name: text(`the name of call ${i + 1} of the batch`, name),
      args: list(`the arguments of call ${i + 1} of the batch`, args),
    };
  });
  return { calls: checked, stops: onFailure === 'stop' };
}

/** Yields what `call` returns, for whoever drives it to wait for. */
export function* runBatch<T>(
  { calls, stops }: Batch,
  call: (name: string, args: readonly unknown[]) => unknown,
  meter: Meter,
): Waits<BatchResult<T>[]> {
  const results: BatchResult<T>[] = [];
  for (const { name, args } of calls) {
    const used = meter();
    try {
      const value = (yield call(name, args)) as T;
      results.push(reported({ name, ok: true, value, gasUsed: used() }));
    } catch (error) {
      results.push(reported({ name, ok: false, error, gasUsed: used() }));
      if (stops) break;
    }
  }
  return results;
}
