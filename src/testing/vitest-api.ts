/** Fixtures and matchers for vitest. */

import { test as base, expect, type TestAPI } from 'vitest';
import type { GasScope, TrapKind } from '../../wasm/errors.ts';
import { UsageError } from '../../wasm/errors.ts';
import type { PoolOptions } from '../pool/options.ts';
import { SandboxPool } from '../pool/pool.ts';
import type { SandboxOptions } from '../sandbox/options.ts';
import { WasmSandbox } from '../sandbox.ts';
import { CHECKS, type DeniedCapability, type GasRange } from './checks.ts';
import { checkDeterminism, type DeterminismOptions } from './deterministic.ts';
import type { Figures } from './subject.ts';

/** What {@link test} gives each test that asks for it. */
export interface SandboxFixtures {
  /** What the other two are made of: nothing, so give a source by `test.override` or `test.extend`. */
  readonly sandboxOptions: Partial<SandboxOptions>;
  /** A sandbox of the test's own, disposed of behind it. */
  readonly sandbox: WasmSandbox;
  /** A pool of such sandboxes, drained behind the test, which fails if it has kept a lease. */
  readonly pool: SandboxPool;
}

/** What is known of a test by its task: what its sandboxes are made of, and the one it has. */
interface Known {
  readonly options: Partial<SandboxOptions>;
  sandbox?: WasmSandbox;
}

const known = new WeakMap<object, Known>();

/** Milliseconds that leases have to come back behind a test. */
const DRAIN_TIMEOUT = 1_000;

/** Vitest's `test`, with {@link SandboxFixtures}. */
export const test: TestAPI<SandboxFixtures> = base.extend<SandboxFixtures & { knownToMatchers: undefined }>({
  sandboxOptions: {},
  // Matchers that need more than the call look it up by the test's task.
  knownToMatchers: [
    async ({ sandboxOptions, task }, use) => {
      known.set(task, { options: sandboxOptions });
      await use(undefined);
    },
    { auto: true },
  ],
  sandbox: async ({ sandboxOptions, task, knownToMatchers: _ }, use) => {
    const sandbox = await WasmSandbox.create(complete(sandboxOptions));
    (known.get(task) as Known).sandbox = sandbox;
    try {
      await use(sandbox);
    } finally {
      sandbox.dispose();
    }
  },
  pool: async ({ sandboxOptions }, use) => {
    const pool = await SandboxPool.create({ sandbox: complete(sandboxOptions), drainTimeout: DRAIN_TIMEOUT });
    await use(pool);
    await pool.drain();
    const { leaked } = pool.getStats();
    if (leaked > 0) throw new UsageError(`the test has kept ${leaked} of the pool's leases: release them, or use()`);
  },
}) as unknown as TestAPI<SandboxFixtures>;

/** @throws UsageError without a source */
function complete(options: Partial<SandboxOptions>): SandboxOptions {
  if (options.source !== undefined) return options as SandboxOptions;
  throw new UsageError("sandboxOptions has no source: say test.override('sandboxOptions', { source: … })");
}

/**
 * Matchers for calls of guests, which are awaited; figures of a sandbox are there at once. A call is its promise, an execution, or a function that makes it. What fails for another
 * reason than its guest (a wrong name, a closed pool) goes on to the test, also behind `not`.
 */
export interface SandboxMatchers<Received = unknown> {
  /** The call ends with `GasExhausted`, of that scope if it is given. */
  toRunOutOfGas(scope?: GasScope): Promise<void>;
  /** The call ends with a `Trap`, of that kind if it is given. */
  toTrap(kind?: TrapKind): Promise<void>;
  /**
   * An execution has used so many units of gas, or a sandbox in all of its calls; of a function, the test's `sandbox` while
   * it ran.
   */
  toUseGas(range: GasRange): Received extends Figures ? undefined : Promise<void>;
  /**
   * The policy has refused something, of that kind if it is given: by an error that ended the call, or in what a sandbox has
   * asked for; of a function, the test's `sandbox` while it ran.
   */
  toBeDenied(capability?: DeniedCapability): Received extends Figures ? undefined : Promise<void>;
  /**
   * A function does the same with every fresh sandbox that it is called with: result or failure, gas, output. They are made
   * of the test's `sandboxOptions` unless the options say of what.
   */
  toBeDeterministic(options?: DeterminismOptions): Promise<void>;
}

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: all that is said of an interface must have the same parameters.
  interface Matchers<T = any> extends SandboxMatchers<T> {}
}

type State = { readonly task?: object };

/** Of a matcher's test, if it is one of {@link test}. */
const knownTo = ({ task }: State): Known | undefined => (task === undefined ? undefined : known.get(task));

expect.extend({
  toRunOutOfGas(received: unknown, scope?: GasScope) {
    return CHECKS.outOfGas(received, undefined, scope);
  },
  toTrap(received: unknown, kind?: TrapKind) {
    return CHECKS.trap(received, undefined, kind);
  },
  toUseGas(received: unknown, range: GasRange) {
    return CHECKS.gas(received, knownTo(this as State)?.sandbox, range);
  },
  toBeDenied(received: unknown, capability?: DeniedCapability) {
    return CHECKS.denied(received, knownTo(this as State)?.sandbox, capability);
  },
  toBeDeterministic(received: unknown, options?: DeterminismOptions) {
    const usual = knownTo(this as State)?.options;
    return checkDeterminism(
      received,
      options,
      usual?.source === undefined ? undefined : (usual as PoolOptions['sandbox']),
    );
  },
});

export { expect } from 'vitest';
export type { DeniedCapability, GasRange } from './checks.ts';
export type { DeterminismOptions } from './deterministic.ts';
export type { Figures } from './subject.ts';
