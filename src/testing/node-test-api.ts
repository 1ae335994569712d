/** The same checks as assertions, and sandboxes that end with the test, for `node:test` and whatever has its `after`. */

import type { GasScope, TrapKind } from '../../wasm/errors.ts';
import { callback } from '../checks/check.ts';
import type { PoolOptions } from '../pool/options.ts';
import { SandboxPool } from '../pool/pool.ts';
import { SandboxBuilder } from '../sandbox/builder.ts';
import type { SandboxOptions } from '../sandbox/options.ts';
import { WasmSandbox } from '../sandbox.ts';
import { AssertionError } from './assertion-error.ts';
import { CHECKS, type DeniedCapability, type GasRange, type Verdict } from './checks.ts';
import { checkDeterminism, type DeterminismOptions } from './deterministic.ts';
import type { Figures, Subject } from './subject.ts';

/** As much of a test's context as is used: `node:test` gives it to each test. */
export interface TestContext {
  /** Has a function called when the test is over. */
  after(fn: () => unknown): void;
}

/**
 * A sandbox that is disposed of behind the test.
 * @throws UsageError; what making a sandbox throws
 */
export async function sandboxFor(
  t: TestContext,
  options: SandboxOptions | SandboxBuilder<Promise<WasmSandbox>>,
): Promise<WasmSandbox> {
  callback('the after of a test', t.after);
  const sandbox = await (options instanceof SandboxBuilder ? options.build() : WasmSandbox.create(options));
  t.after(() => sandbox.dispose());
  return sandbox;
}

/**
 * A pool that is drained behind the test.
 * @throws UsageError; what making a sandbox throws
 */
export async function poolFor(t: TestContext, options: PoolOptions): Promise<SandboxPool> {
  callback('the after of a test', t.after);
  const pool = await SandboxPool.create(options);
  t.after(() => pool.drain());
  return pool;
}

/**
 * That the call ends with a `Trap`, of that kind if it is given.
 * @throws AssertionError; UsageError for what is no call; what a call throws that is no failure of its guest
 */
export async function assertTrap(call: Subject, kind?: TrapKind): Promise<void> {
  demand(await CHECKS.trap(call, undefined, kind));
}

/**
 * That the call ends with `GasExhausted`, of that scope if it is given.
 * @throws as {@link assertTrap}
 */
export async function assertOutOfGas(call: Subject, scope?: GasScope): Promise<void> {
  demand(await CHECKS.outOfGas(call, undefined, scope));
}

/**
 * That an execution has used so many units of gas, or a sandbox in all of its calls.
 * @param around whose gas counts where a function was given
 * @throws as {@link assertTrap}
 */
export async function assertGas(subject: Subject, range: GasRange, around?: Figures): Promise<void> {
  demand(await CHECKS.gas(subject, around, range));
}

/**
 * That the policy has refused something, of that kind if it is given: by the error that ended the call, or in what a sandbox
 * has asked for.
 * @param around whose refusals count where a function was given
 * @throws as {@link assertTrap}
 */
export async function assertDenied(subject: Subject, capability?: DeniedCapability, around?: Figures): Promise<void> {
  demand(await CHECKS.denied(subject, around, capability));
}

/**
 * That a function does the same with every fresh sandbox that it is called with: result or failure, gas, output.
 * @throws AssertionError; what making a sandbox throws, and the function, where that is no failure of a guest
 */
export async function assertDeterministic<T>(
  work: (sandbox: WasmSandbox) => T,
  options: DeterminismOptions & { readonly sandbox: PoolOptions['sandbox'] },
): Promise<void> {
  demand(await checkDeterminism(work, options));
}

function demand(verdict: Verdict): void {
  if (!verdict.pass) throw new AssertionError(verdict);
}

export { AssertionError } from './assertion-error.ts';
export type { DeniedCapability, GasRange, Verdict } from './checks.ts';
export type { DeterminismOptions } from './deterministic.ts';
export type { Figures, Subject } from './subject.ts';
