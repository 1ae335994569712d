/** What a durable job is told. */

import { isBytes } from '../../wasm/bytes.ts';
import { COMMAND_START } from '../call/command.ts';
import { gas, integer, list, milliseconds, record, refuse, text } from '../checks/check.ts';
import { type Checks, checkNamed } from '../checks/named.ts';
import { MiB } from '../checks/sizes.ts';
import { Authenticator, type Key } from '../crypto/key.ts';
import { PROGRAM_CHECKS, type ProgramOptions } from '../sandbox/program.ts';
import { checkSignal } from '../time/signal.ts';
import { type CheckpointStore, checkJobName, checkStore } from './store.ts';

/** What a checkpoint came to. */
export interface CheckpointInfo {
  /** Of the job, whichever worker made it; from 0. */
  readonly sequence: number;
  /** Units that the guest's call had used. */
  readonly gasUsed: bigint;
  /** Recorded calls that it had made. */
  readonly recordedCalls: number;
  /** Bytes in the store, as it was given them. */
  readonly bytes: number;
}

/** How often a guest is saved, whatever else it does. */
export interface CheckpointOptions {
  /** Units of gas between two checkpoints, at least 1. The guest stands still while it is saved. */
  readonly gas: bigint | number;
}

/** What is kept of a durable job, and how. */
export interface DurabilityOptions {
  /** Where: a store of `unstorage`, of whichever driver. */
  readonly store: CheckpointStore;
  /** How often. */
  readonly checkpointEvery: CheckpointOptions;
  /** Seals what is kept: nothing is then believed but what was made with the same key. */
  readonly key?: Key | undefined;
  /** Whether snapshots are compressed; true unless given. */
  readonly compress?: boolean | undefined;
  /** Bytes of one item in the store, a checkpoint being the largest; 256 MiB unless given. Beyond it SnapshotError. */
  readonly maxCheckpointBytes?: number | undefined;
  /** Recorded calls behind which there is a checkpoint, whatever gas was used; 1,000 unless given. */
  readonly maxRecordedCalls?: number | undefined;
  /** Milliseconds after which the guest lets the event loop go round; 10 unless given. */
  readonly yieldEvery?: number | undefined;
}

/** A durable job: what is to be done, and what of it is kept. */
export interface DurableOptions extends DurabilityOptions {
  /** Names the job in the store: another name for every job, the same one whenever the job is taken up again. */
  readonly job: string;
  /** What the factory knows the module by. */
  readonly module: string;
  /** The exported function; without one, the module is a WASI command. */
  readonly function?: string | undefined;
  /** Arguments of the function. */
  readonly args?: readonly unknown[] | undefined;
  /** What a program is given. Standard input is text or bytes. */
  readonly input?: ProgramOptions | undefined;
  /** Units of gas for all of the job; GasExhausted beyond it. */
  readonly gasLimit?: bigint | number | undefined;
  /** Ends the job with CallAborted. What was kept of it stays, until it is taken up again or discarded. */
  readonly signal?: AbortSignal | undefined;
  /** Makes the worker save the guest and let go of it, with JobReleased: another goes on. A guest that waits is waited for. */
  readonly release?: AbortSignal | undefined;
  /** Told of every checkpoint, once it is in the store. What it throws, or promises and breaks, ends the worker's part in the job. */
  readonly onCheckpoint?: ((checkpoint: CheckpointInfo) => unknown) | undefined;
}

export interface Durability {
  readonly store: CheckpointStore;
  readonly every: bigint;
  readonly key: Authenticator | undefined;
  readonly compress: boolean;
  readonly maxBytes: number;
  readonly maxCalls: number;
  readonly yieldEvery: number;
}

export interface DurableJob extends Durability {
  readonly job: string;
  readonly module: string;
  readonly function: string;
  readonly args: readonly unknown[];
  readonly input: ProgramOptions;
  readonly gasLimit: bigint | undefined;
  readonly signal: AbortSignal | undefined;
  readonly release: AbortSignal | undefined;
  readonly onCheckpoint: ((checkpoint: CheckpointInfo) => unknown) | undefined;
}

interface Checked extends Omit<DurableOptions, 'key' | 'checkpointEvery' | 'gasLimit'> {
  readonly key?: Authenticator | undefined;
  readonly checkpointEvery: bigint;
  readonly gasLimit?: bigint | undefined;
}

const units = (what: string, value: unknown) => BigInt(gas(what, value) as bigint | number);

/** @throws UsageError */
export function every(what: string, value: unknown): bigint {
  const { gas: between } = checkNamed<{ readonly gas: bigint }>(what, value, {
    gas: (value) => units(`${what}.gas`, value) || refuse(`${what}.gas`, 'at least 1 unit', value),
  });
  return between ?? refuse(what, '{ gas } with a number of units', value);
}

export const DURABILITY_CHECKS = {
  store: checkStore,
  checkpointEvery: (value: unknown) => every('checkpointEvery', value),
  key: Authenticator.of,
  compress: (value: unknown) => (typeof value === 'boolean' ? value : refuse('compress', 'true or false', value)),
  maxCheckpointBytes: (value: unknown) => integer('maxCheckpointBytes', value, 'bytes', 1, 2 ** 32 - 1),
  maxRecordedCalls: (value: unknown) => integer('maxRecordedCalls', value, 'calls', 1, 1_000_000),
  yieldEvery: (value: unknown) => milliseconds('yieldEvery', value),
} as const;

const CHECKS: Checks<Checked> = {
  ...DURABILITY_CHECKS,
  job: checkJobName,
  module: (value) => text('module', value),
  function: (value) => text('function', value),
  args: (value) => list('args', value),
  input: checkInput,
  gasLimit: (value) => units('gasLimit', value),
  signal: checkSignal,
  release: checkSignal,
  onCheckpoint: (value) =>
    typeof value === 'function'
      ? (value as (checkpoint: CheckpointInfo) => unknown)
      : refuse('onCheckpoint', 'a function', value),
};

function checkInput(value: unknown): ProgramOptions {
  const { stdin } = record('input', value);
  if (stdin !== undefined && typeof stdin !== 'string' && !isBytes(stdin)) {
    refuse('the standard input of a durable job', 'text or bytes, which another worker can be given again', stdin);
  }
  const { args, env } = checkNamed('input', value, PROGRAM_CHECKS);
  return { args, env, stdin } as ProgramOptions;
}

const DEFAULTS = { compress: true, maxBytes: 256 * MiB, maxCalls: 1_000, yieldEvery: 10 } as const;

type Kept = Pick<Checked, keyof typeof DURABILITY_CHECKS>;

function settleDurability(checked: Partial<Kept>): Durability {
  return {
    store: checked.store ?? refuse('store', 'given: a store of unstorage', undefined),
    every: checked.checkpointEvery ?? refuse('checkpointEvery', 'given: { gas }', undefined),
    key: checked.key,
    compress: checked.compress ?? DEFAULTS.compress,
    maxBytes: checked.maxCheckpointBytes ?? DEFAULTS.maxBytes,
    maxCalls: checked.maxRecordedCalls ?? DEFAULTS.maxCalls,
    yieldEvery: checked.yieldEvery ?? DEFAULTS.yieldEvery,
  };
}

/** @throws UsageError */
export function checkDurableOptions(options: unknown): DurableJob {
  const checked = checkNamed<Checked>('a durable job', options, CHECKS);
  return {
    ...settleDurability(checked),
    job: checked.job ?? refuse('job', 'given: a name', undefined),
    module: checked.module ?? refuse('module', 'given: what the factory knows it by', undefined),
    function: checked.function ?? COMMAND_START,
    args: checked.args ?? [],
    input: checked.input ?? {},
    gasLimit: checked.gasLimit,
    signal: checked.signal,
    release: checked.release,
    onCheckpoint: checked.onCheckpoint,
  };
}

/** What says which store a job is in, and by which key it is read. */
export type DiscardOptions = Pick<DurabilityOptions, 'store' | 'key' | 'maxCheckpointBytes'>;

const { store, key, maxCheckpointBytes } = DURABILITY_CHECKS;

/** @throws UsageError */
export function checkDiscardOptions(options: unknown): Pick<Durability, 'store' | 'key' | 'maxBytes'> {
  const checked = checkNamed<Pick<Checked, 'store' | 'key' | 'maxCheckpointBytes'>>('discardJob()', options, {
    store,
    key,
    maxCheckpointBytes,
  });
  return {
    store: checked.store ?? refuse('store', 'given: a store of unstorage', undefined),
    key: checked.key,
    maxBytes: checked.maxCheckpointBytes ?? DEFAULTS.maxBytes,
  };
}
