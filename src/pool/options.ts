/** What a pool is made of, checked once. */

import type { ProgramInput } from '../../policy/index.ts';
import { UsageError } from '../../wasm/errors.ts';
import type { GasBudget } from '../../wasm/gas-budget.ts';
import { checkGasBudget } from '../call/options.ts';
import { callback, integer, milliseconds, record } from '../checks/check.ts';
import { type Checks, checkNamed, type Given } from '../checks/named.ts';
import { SandboxBuilder } from '../sandbox/builder.ts';
import type { SandboxOptions } from '../sandbox/options.ts';
import { type KeptInput, PROGRAM_CHECKS, type ProgramOptions } from '../sandbox/program.ts';
import type { WasmSandbox } from '../sandbox.ts';
import { checkSignal } from '../time/signal.ts';

/** Makes a sandbox that nobody else has. */
export type SandboxFactory = () => WasmSandbox | Promise<WasmSandbox>;

/** A lease that was never given back. */
export interface Leak {
  /** Of the sandbox. */
  readonly instanceId: string;
  /** `collected`: nobody had it any more. `drain`: it was still out when the pool was closed. */
  readonly found: 'collected' | 'drain';
}

/** Something that went wrong where nobody was waiting for it, or somebody else got a sandbox instead. */
export interface PoolFailure {
  /**
   * `start`: of a new sandbox. `reset`, `health`: of one that came back, and is not used again. `close`: of one that
   * was not wanted any more.
   */
  readonly during: 'start' | 'reset' | 'health' | 'close';
  readonly error: unknown;
}

/** What a pool is made of, and how many sandboxes and callers it has. */
export interface PoolOptions {
  /**
   * What the sandboxes are made of: options, a builder that collected them, or a function that makes one. From options
   * the module is loaded and validated once for all; an `instanceId` gets a number behind it.
   */
  readonly sandbox: SandboxOptions | SandboxBuilder<Promise<WasmSandbox>> | SandboxFactory;
  /**
   * Ends making the pool with CallAborted: loading the module, and making the first sandboxes. That of sandbox options
   * does too; sandboxes that are made later have none.
   */
  readonly signal?: AbortSignal | undefined;
  /** Sandboxes that are made at once, and kept; 0 unless given. */
  readonly min?: number | undefined;
  /** Sandboxes there are at most, at least 1; 8 unless given. */
  readonly max?: number | undefined;
  /** Callers that may wait when all are in use; 1,000 unless given. */
  readonly maxWaiting?: number | undefined;
  /** Milliseconds that a caller waits at most; no limit unless given. */
  readonly acquireTimeout?: number | undefined;
  /** Milliseconds that {@link SandboxPool.drain} gives leases to come back; 30,000 unless given. */
  readonly drainTimeout?: number | undefined;
  /**
   * Looks at a sandbox that has come back, before it is reset: where it does not return true, or throws, the sandbox is
   * replaced. It may call the guest; the next user sees nothing of that.
   */
  readonly healthCheck?: ((sandbox: WasmSandbox) => boolean | Promise<boolean>) | undefined;
  /** Told of every lease that was never given back. */
  readonly onLeak?: ((leak: Leak) => void) | undefined;
  /** Told of every sandbox that could not be made or used again. */
  readonly onFailure?: ((failure: PoolFailure) => void) | undefined;
}

/** Of a single caller: how long it waits, and what the program of its sandbox is given. */
export interface AcquireOptions extends ProgramOptions {
  /** Milliseconds to wait at most; the pool's own unless given. */
  readonly timeout?: number | undefined;
  /** Ends the waiting with CallAborted. A lease that has been given is not taken back. */
  readonly signal?: AbortSignal | undefined;
  /**
   * What gas is drawn from until the sandbox is released, beside its own limits; what it took to make the sandbox ready
   * is drawn at once.
   */
  readonly gasBudget?: GasBudget | undefined;
}

/** How long a pool that is closed waits for its leases. */
export interface DrainOptions {
  /** Milliseconds; the pool's `drainTimeout` unless given. */
  readonly timeout?: number | undefined;
  /** Ends the waiting at once when it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

const CHECKS: Checks<PoolOptions> = {
  sandbox: (value) => {
    if (typeof value === 'function') return value as SandboxFactory;
    return value instanceof SandboxBuilder ? value : (record('sandbox', value) as unknown as SandboxOptions);
  },
  signal: checkSignal,
  min: (value) => integer('min', value, 'sandboxes', 0),
  max: (value) => integer('max', value, 'sandboxes', 1),
  maxWaiting: (value) => integer('maxWaiting', value, 'callers', 0),
  acquireTimeout: (value) => milliseconds('acquireTimeout', value),
  drainTimeout: (value) => milliseconds('drainTimeout', value),
  healthCheck: (value) => callback('healthCheck', value) as NonNullable<PoolOptions['healthCheck']>,
  onLeak: (value) => callback('onLeak', value) as NonNullable<PoolOptions['onLeak']>,
  onFailure: (value) => callback('onFailure', value) as NonNullable<PoolOptions['onFailure']>,
};

const WAITING: Checks<DrainOptions> = {
  timeout: (value) => milliseconds('the timeout', value),
  signal: checkSignal,
};

type Acquiring = KeptInput & DrainOptions & Pick<AcquireOptions, 'gasBudget'>;

const ACQUIRING: Checks<Acquiring> = { ...WAITING, ...PROGRAM_CHECKS, gasBudget: checkGasBudget };

export type PoolSettings = ReturnType<typeof checkPool>;

/** @throws UsageError */
export function checkPool(options: unknown) {
  const { sandbox, min = 0, max = Math.max(8, min), ...rest } = checkNamed<PoolOptions>('a pool', options, CHECKS);
  if (sandbox === undefined) throw new UsageError('a pool needs the option "sandbox": what its sandboxes are made of');
  if (min > max) throw new UsageError(`min is ${min} and max is ${max}: it must be at least as large`);
  return { maxWaiting: 1_000, drainTimeout: 30_000, ...rest, sandbox, min, max };
}

/** @throws UsageError */
export function checkAcquire(options: unknown): {
  readonly waiting: Given<DrainOptions>;
  readonly input: ProgramInput;
  readonly gasBudget: GasBudget | undefined;
} {
  const { args, env, stdin, gasBudget, ...waiting } = checkNamed<Acquiring>('acquire', options, ACQUIRING);
  return { waiting, input: { args, env, stdin }, gasBudget };
}

/** @throws UsageError */
export function checkDrain(options: unknown): Given<DrainOptions> {
  return checkNamed<DrainOptions>('drain', options, WAITING);
}
