/** How a job ended, kept until it is discarded: whoever is given the job again gets the same, and nothing is done twice. */

import { type ErrorData, WasmSandboxError } from '../../wasm/errors.ts';
import { decodeLossy } from '../../wasm/utf8.ts';
import { damaged, type WireReader } from '../../wasm/wire.ts';
import type { Output } from '../call/output.ts';
import type { JobItems } from './store.ts';
import { readValue, writeValue } from './values.ts';

/** What a durable job came to: the same, however often it was taken up on the way. */
export interface DurableResult<T = unknown> extends Output {
  /** What the function returned; of a program, its exit status. */
  readonly value: T;
  /** Units that the call has used, over all workers, what was done again after a crash counted once. */
  readonly gasUsed: bigint;
}

/** What is still in the store of a job that has ended, where its worker died while it was tidying up. */
export interface Leftovers {
  readonly owners: readonly string[];
  /** Recorded calls, from the first to before the second. */
  readonly calls: readonly [first: number, end: number];
}

export type Outcome = { readonly leftovers: Leftovers } & (
  | { readonly result: DurableResult }
  | { readonly error: WasmSandboxError }
);

const ITEM = 'outcome';

export async function writeOutcome(items: JobItems, outcome: Outcome): Promise<void> {
  await items.write(ITEM, (to) => {
    const { owners, calls } = outcome.leftovers;
    to.u32(owners.length);
    for (const owner of owners) to.text(owner);
    for (const call of calls) to.number(call);
    const failed = 'error' in outcome;
    to.flag(failed);
    if (failed) {
      to.text(JSON.stringify(outcome.error));
      return;
    }
    const { value, gasUsed, stdoutBytes, stderrBytes } = outcome.result;
    writeValue(to, value);
    to.u64(gasUsed);
    to.bytesOf(stdoutBytes);
    to.bytesOf(stderrBytes);
  });
}

/** Of a claim: its owner, and whom it took over from. */
const MOST_OWNERS = 2;

/** @throws SnapshotError */
export async function readOutcome(items: JobItems): Promise<Outcome | undefined> {
  const from = await items.readWhole(ITEM);
  if (from === undefined) return undefined;
  const owners = Array.from({ length: from.count(4, 'owners', MOST_OWNERS) }, () => from.text());
  const calls = [from.counter('the number of a call'), from.counter('the number of a call')] as const;
  const leftovers = { owners, calls };
  return from.flag() ? { leftovers, error: readError(from.text()) } : { leftovers, result: readResult(from) };
}

function readError(text: string): WasmSandboxError {
  let data: unknown;
  try {
    data = JSON.parse(text) as ErrorData;
  } catch {
    return damaged('an error is no JSON');
  }
  return WasmSandboxError.from(data);
}

function readResult(from: WireReader): DurableResult {
  const [value, gasUsed] = [readValue(from), from.u64()];
  const [stdoutBytes, stderrBytes] = [from.bytesOf().slice(), from.bytesOf().slice()];
  return {
    value,
    gasUsed,
    stdout: decodeLossy(stdoutBytes),
    stderr: decodeLossy(stderrBytes),
    stdoutBytes,
    stderrBytes,
  };
}

export async function removeOutcome(items: JobItems): Promise<void> {
  await items.remove(ITEM);
}
