/** Runs a job whose guest survives its worker. */

import { CallAborted, SnapshotError, WasmSandboxError } from '../../wasm/errors.ts';
import { quote } from '../../wasm/quote.ts';
import type { Execution } from '../call/execution.ts';
import type { WasmSandbox } from '../sandbox.ts';
import { aborted } from '../time/signal.ts';
import { lastCheckpoint, removeCheckpoints, type StoredCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { type Claim, holdClaim, lastClaim, makeClaim, removeClaims } from './claim.ts';
import { drive } from './drive.ts';
import { JobReleased } from './errors.ts';
import { faultOf } from './faults.ts';
import { checkGuests, type GuestFactory } from './guests.ts';
import { removeAllCalls, removeCalls } from './journal.ts';
import {
  checkDiscardOptions,
  checkDurableOptions,
  type DiscardOptions,
  type DurableJob,
  type DurableOptions,
} from './options.ts';
import {
  type DurableResult,
  type Leftovers,
  type Outcome,
  readOutcome,
  removeOutcome,
  writeOutcome,
} from './outcome.ts';
import { RecordedCalls, recordFor } from './recorded.ts';
import { checkJobName, JobItems } from './store.ts';

/** Units of gas after which somebody may look at the guest; a few milliseconds. */
const SLICE = 200_000n;

/**
 * Runs a job, or goes on with it from its last checkpoint where a worker has had it before. Result, output and gas are those
 * of a run that nothing has disturbed (docs/durable.md). How it ended is kept until {@link discardJob}: a job that has ended,
 * and is run again, ends in the same way at once.
 *
 * A failure that is the guest's own is how the job ended. After any other the job can be run again, and goes on.
 * @typeParam T what the caller knows of the value; nothing checks it
 * @throws UsageError; JobReleased; JobTakenOver where another worker has claimed the job since; SnapshotError where what is
 *   kept cannot be believed, or does not fit the guest; CallAborted; whatever ends the guest; what the store fails with
 */
export async function runDurably<T = unknown>(
  guests: GuestFactory,
  options: DurableOptions,
): Promise<DurableResult<T>> {
  checkGuests(guests);
  const settings = checkDurableOptions(options);
  const { job, signal } = settings;
  if (signal?.aborted) throw aborted(`the job ${quote(job)}`, signal.reason);
  const items = await JobItems.of(settings.store, job, settings);
  const before = await lastClaim(items);
  const from = await lastCheckpoint(items, job, before);
  // Behind the checkpoints: a worker that has ended the job removes them, and has written this first.
  const outcome = await readOutcome(items);
  if (outcome !== undefined) {
    await tidyUp(items, outcome.leftovers);
    return conclude<T>(outcome);
  }
  // What was torn, or comes before it: under these names nobody looks again.
  for (const owner of [before?.owner, before?.from]) {
    if (owner && owner !== from?.owner) await removeCheckpoints(items, owner);
  }
  const claim = await makeClaim(items, job, (before?.epoch ?? 0) + 1, from?.owner ?? '');
  return conclude<T>(await new DurableRun(guests, settings, items, claim, from).run());
}

function conclude<T>(outcome: Outcome): DurableResult<T> {
  if ('error' in outcome) throw outcome.error;
  return outcome.result as DurableResult<T>;
}

/** Claims first: who still has one, and misses a record, is to find that the job is no longer its own. */
async function tidyUp(items: JobItems, { owners, calls }: Leftovers): Promise<void> {
  await removeClaims(items);
  await removeCalls(items, ...calls);
  for (const owner of owners) await removeCheckpoints(items, owner);
}

/**
 * Removes all that is kept of a job, whether it has ended or not: run again, it begins anew. A worker that still has it stops
 * with JobTakenOver.
 * @throws UsageError; what the store fails with
 */
export async function discardJob(job: string, options: DiscardOptions): Promise<void> {
  const settings = checkDiscardOptions(options);
  const items = await JobItems.of(settings.store, checkJobName(job), settings);
  const outcome = await readable(() => readOutcome(items));
  const claim = await readable(() => lastClaim(items));
  const last = await readable(() => lastCheckpoint(items, job, claim));
  if (outcome !== undefined) await tidyUp(items, outcome.leftovers);
  await removeClaims(items);
  await removeAllCalls(items, last?.firstKept ?? 0, last?.calls ?? 0);
  for (const owner of [claim?.owner, claim?.from]) if (owner) await removeCheckpoints(items, owner);
  await removeOutcome(items);
}

/** What cannot be believed any more is removed without being read. */
async function readable<T>(read: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof SnapshotError) return undefined;
    throw error;
  }
}

/** One worker's part in a job. */
class DurableRun {
  private readonly guests: GuestFactory;
  private readonly settings: DurableJob;
  private readonly items: JobItems;
  private readonly claim: Claim;
  /** The last checkpoint that is in the store. */
  private last: StoredCheckpoint | undefined;
  private readonly calls: RecordedCalls;
  /** Checkpoints that this worker has written. */
  private written = 0;

  constructor(
    guests: GuestFactory,
    settings: DurableJob,
    items: JobItems,
    claim: Claim,
    from: StoredCheckpoint | undefined,
  ) {
    this.guests = guests;
    this.settings = settings;
    this.items = items;
    this.claim = claim;
    this.last = from;
    this.calls = new RecordedCalls(items, claim, settings.job, from?.calls ?? 0);
  }

  async run(): Promise<Outcome> {
    const { settings } = this;
    const sandbox = await this.makeGuest();
    try {
      const execution = this.last === undefined ? this.begin(sandbox) : this.goOn(sandbox);
      const slice = settings.every < SLICE ? settings.every : SLICE;
      await drive(execution, { slice, ...settings }, () => this.look(sandbox, execution));
      if (execution.error !== undefined && faultOf(execution.error) !== 'guest') throw execution.error;
      return await this.end(sandbox, execution);
    } finally {
      sandbox.dispose();
    }
  }

  private async makeGuest(): Promise<WasmSandbox> {
    const { guests, last, settings } = this;
    const { module, input } = settings;
    const sandbox =
      last === undefined
        ? await guests.build(module, input)
        : await guests.restore(module, last.snapshot.slice(), input);
    recordFor(sandbox, this.calls);
    return sandbox;
  }

  /** @throws UsageError for an unknown function, and arguments that do not fit */
  private begin(sandbox: WasmSandbox): Execution {
    const { function: name, args, gasLimit } = this.settings;
    return sandbox.start(name, args, { gasLimit });
  }

  private goOn({ execution }: WasmSandbox): Execution {
    if (execution?.name === this.settings.function) return execution;
    throw new SnapshotError(
      `the checkpoint of the job ${quote(this.settings.job)} is in no call of ${quote(this.settings.function)}`,
    );
  }

  /** Where the guest stands still. @throws JobReleased; what a checkpoint fails with */
  private async look(sandbox: WasmSandbox, execution: Execution): Promise<void> {
    const { every, maxCalls, release, job } = this.settings;
    const { gasUsed: savedGas = 0n, calls: savedCalls = 0 } = this.last ?? {};
    const isDue = execution.gasUsed - savedGas >= every || this.calls.made - savedCalls >= maxCalls;
    if (isDue || release?.aborted) await this.save(sandbox, execution);
    if (release?.aborted) {
      throw new JobReleased(`Call aborted: the job ${quote(job)} was released, and goes on where it was left`, {
        cause: release.reason,
      });
    }
  }

  private async save(sandbox: WasmSandbox, { gasUsed }: Execution): Promise<void> {
    const { items, claim, last, settings } = this;
    const calls = this.calls.made;
    const snapshot = await sandbox.snapshot({ compress: settings.compress });
    const sequence = (last?.sequence ?? -1) + 1;
    const firstKept = last?.firstKept ?? 0;
    const checkpoint = { sequence, calls, firstKept, gasUsed, snapshot, owner: claim.owner };
    await holdClaim(items, settings.job, claim);
    const bytes = await writeCheckpoint(items, claim.owner, checkpoint);
    // To go on from the one before it takes the records behind that one.
    const needed = last?.calls ?? 0;
    await removeCalls(items, firstKept, needed);
    this.last = { ...checkpoint, firstKept: needed };
    if (++this.written === 2 && claim.from !== '') await removeCheckpoints(items, claim.from);
    await settings.onCheckpoint?.({ sequence, gasUsed, recordedCalls: calls, bytes });
  }

  private async end(sandbox: WasmSandbox, execution: Execution): Promise<Outcome> {
    const { items, claim, settings } = this;
    const { error, gasUsed } = execution;
    const owners = [claim.owner, claim.from].filter((owner) => owner !== '');
    const leftovers: Leftovers = { owners, calls: [this.last?.firstKept ?? 0, this.calls.made] };
    const outcome: Outcome =
      error === undefined
        ? { leftovers, result: { value: execution.result, gasUsed, ...sandbox.output() } }
        : { leftovers, error: asFamily(error) };
    await holdClaim(items, settings.job, claim);
    await writeOutcome(items, outcome);
    await tidyUp(items, leftovers);
    return outcome;
  }
}

/** Whose fault an error is has said so already. */
function asFamily(error: unknown): WasmSandboxError {
  return error instanceof WasmSandboxError ? error : new CallAborted('Call aborted', { cause: error });
}
