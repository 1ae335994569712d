/** What a sandbox is built from: one plain object. The builder collects it; the checks are here, once. */

import type { ByteSink, Capability, SecurityPolicy, WritableBytes } from '../../policy/index.ts';
import { environmentAccess, granted, granting, Policy, STRICT, stdio, toOutput } from '../../policy/sandboxed.ts';
import type { InstanceLimits } from '../../wasm/engine.ts';
import { UsageError } from '../../wasm/errors.ts';
import type { GasBudget } from '../../wasm/gas-budget.ts';
import { DEFAULT_LIMITS, MODULE_LIMITS } from '../../wasm/limits.ts';
import { quote } from '../../wasm/quote.ts';
import type { SandboxCache } from '../cache/cache.ts';
import { isCache } from '../cache/made.ts';
import { checkGasBudget } from '../call/options.ts';
import { gas, integer, list, milliseconds, record, refuse, text } from '../checks/check.ts';
import { least } from '../checks/least.ts';
import { suggest } from '../checks/similar.ts';
import { GiB } from '../checks/sizes.ts';
import { checkEngine, type EngineChoice } from '../engines/choose.ts';
import { checkModules, type LinkedModules } from '../module/modules.ts';
import { checkSource, type ModuleSource } from '../module/source.ts';
import { MOST_EVENTS } from '../replay/most-events.ts';
import { checkSignal } from '../time/signal.ts';
import { PROGRAM_CHECKS, type ProgramOptions } from './program.ts';

/**
 * What a sandbox is made of. Unknown names, and values that are not as described, are UsageErrors; `undefined` is as if not
 * given. docs/options.md has the ranges.
 */
export interface SandboxOptions extends ProgramOptions {
  /** The module. Bytes are copied before anything is waited for. */
  readonly source: ModuleSource;
  /**
   * What the guest is linked with: modules by the names that it, and they, import from, or a function that is asked once for each
   * name and gives undefined where the host is to provide what is imported. Functions, memories, tables, globals and tags
   * are shared; all limits, the policy and the audit are those of one guest. What the guest itself exports is imported
   * from `main`.
   */
  readonly modules?: LinkedModules | undefined;
  /** What the guest may reach; `SecurityPolicy.strict()` unless given. Its limits bound the ones given here. */
  readonly securityPolicy?: SecurityPolicy | undefined;
  /** Grants beyond the policy's. */
  readonly capabilities?: readonly Capability[] | undefined;
  /** Bytes for all memories and tables together; 256 MiB unless given. */
  readonly memoryLimit?: number | undefined;
  /** Weight of the call stack in bytes, at most 1 GiB; 768 KiB unless given. */
  readonly stackLimit?: number | undefined;
  /** Units of the gas schedule, below 2⁶³, until a reset; no limit unless given. */
  readonly gasLimit?: bigint | number | undefined;
  /**
   * What the gas of making the sandbox ready and of its calls is drawn from, beside `gasLimit`; others may draw on the
   * same. A restored sandbox has been paid for where it was saved.
   */
  readonly gasBudget?: GasBudget | undefined;
  /**
   * Wall-clock milliseconds for each call, and for making the sandbox ready, without the wait for the module's bytes; no
   * limit unless given. Waiting for a host function's promise counts, and is cut short: the call fails, and what the
   * promise gives later is ignored.
   */
  readonly cpuTimeout?: number | undefined;
  /**
   * Wall-clock milliseconds after which a running guest lets the event loop go round, about: at least one, as that is
   * how often the interpreter looks at the clock. All guests of the thread have them together, and one that is called when
   * they are over waits for a round first. Never unless given. Changes no result and no gas. Holds while a module is made
   * ready too, its start function included; guests that run can be left on the interpreter only.
   */
  readonly yieldEvery?: number | undefined;
  /** Bytes the module itself may have; 128 MiB unless given. Nothing beyond is read. */
  readonly moduleLimit?: number | undefined;
  /**
   * Bytes that the module may hold outside of its instances: decoded, and as the code that the engine makes of it for
   * all instances together (`moduleBytes` and `codeBytes` of the statistics); 512 MiB unless given.
   */
  readonly codeLimit?: number | undefined;
  /**
   * Ends making the sandbox ready with CallAborted: loading, what the engine does with the module, and on the interpreter
   * the start function and `_initialize`. Looked at whenever the event loop goes round: see `yieldEvery`. Calls have a
   * signal of their own.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * `'interpreter'` unless given. `'native'` is faster once it is ready, with the same results and gas; `'auto'` begins
   * interpreted where the module is large, and goes native where the host allows it and that pays.
   */
  readonly engine?: EngineChoice | undefined;
  /**
   * Whether a guest on the native engine can be left as on the interpreter: for promises, by executions, snapshots, forks
   * and `yieldEvery`. Unless given, with `'auto'` where that can be: not of code beyond release 2.0, artifacts, linked modules
   * and guests that are recorded.
   */
  readonly leavable?: boolean | undefined;
  /**
   * Keeps the module ready for the next sandbox that is built from the same bytes with the same policy. The bytes are
   * then fetched whole before any of them is decoded.
   */
  readonly cache?: SandboxCache | undefined;
  /** Whether to record all that goes in and out of the guest, for `recording()`; false unless given. */
  readonly record?: boolean | undefined;
  /** Bytes of events that a recording may have, beyond which `recording()` refuses; 256 MiB unless given, and at most. */
  readonly recordingLimit?: number | undefined;
  /** Names the sandbox in statistics; unique within the process unless given. */
  readonly instanceId?: string | undefined;
  /**
   * Takes standard output as it is written; without it, it is kept for `run()` and `output()`. A guest waits for what
   * gives a promise, and for a stream whose queue is full.
   */
  readonly onStdout?: ByteSink | WritableBytes | undefined;
  /** The same for standard error. */
  readonly onStderr?: ByteSink | WritableBytes | undefined;
}

/** Options beside the source. */
export type SourcelessOptions = Omit<SandboxOptions, 'source'>;

export type SandboxOptionName = keyof SandboxOptions;

/** Options with a value for everything that has a default. */
export interface Settings {
  readonly source: ModuleSource;
  readonly modules: LinkedModules | undefined;
  readonly policy: Policy;
  readonly limits: InstanceLimits;
  /** Milliseconds. */
  readonly cpuTimeout: number | undefined;
  /** Milliseconds. */
  readonly yieldEvery: number | undefined;
  readonly moduleLimit: number;
  readonly signal: AbortSignal | undefined;
  readonly engine: EngineChoice;
  readonly leavable: boolean | undefined;
  readonly cache: SandboxCache | undefined;
  readonly record: boolean;
  readonly recordingLimit: number;
  readonly instanceId: string;
  readonly args: readonly string[];
}

/** The interpreter's frames are a few times their weight; more than this cannot be allocated. */
const HIGHEST_STACK = GiB;

/** The check of every option; what it returns is what is used. */
const CHECKS: { readonly [K in SandboxOptionName]: (value: unknown) => NonNullable<SandboxOptions[K]> } = {
  source: checkSource,
  modules: checkModules,
  securityPolicy: (value) =>
    value instanceof Policy ? (value as SecurityPolicy) : refuse('securityPolicy', 'a SecurityPolicy', value),
  capabilities: (value) => Object.freeze(granted(STRICT, list('capabilities', value) as Capability[])),
  memoryLimit: (value) => integer('memoryLimit', value, 'bytes', 0),
  stackLimit: (value) => integer('stackLimit', value, 'bytes', 0, HIGHEST_STACK),
  gasLimit: (value) => gas('gasLimit', value),
  gasBudget: checkGasBudget,
  cpuTimeout: (value) => milliseconds('cpuTimeout', value),
  yieldEvery: (value) => milliseconds('yieldEvery', value),
  moduleLimit: (value) => integer('moduleLimit', value, 'bytes', 0, MODULE_LIMITS.moduleBytes),
  codeLimit: (value) => integer('codeLimit', value, 'bytes', 0),
  signal: checkSignal,
  engine: checkEngine,
  leavable: (value) => (typeof value === 'boolean' ? value : refuse('leavable', 'true or false', value)),
  cache: (value) => (isCache(value) ? (value as SandboxCache) : refuse('cache', 'a SandboxCache', value)),
  record: (value) => (typeof value === 'boolean' ? value : refuse('record', 'true or false', value)),
  recordingLimit: (value) => integer('recordingLimit', value, 'bytes', 0, MOST_EVENTS),
  instanceId: (value) =>
    text('instanceId', value) === ''
      ? refuse('instanceId', 'a string that is not empty', value)
      : text('instanceId', value),
  ...PROGRAM_CHECKS,
  onStdout: (value) => toOutput('onStdout', value),
  onStderr: (value) => toOutput('onStderr', value),
};

/**
 * Checks one option.
 * @throws UsageError
 */
export function checkOption<K extends SandboxOptionName>(name: K, value: unknown): NonNullable<SandboxOptions[K]> {
  return CHECKS[name](value);
}

/**
 * Checks all options, and copies what their owner could change but for the source; undefined counts as not given.
 * @throws UsageError
 */
export function checkOptions(options: SandboxOptions): SandboxOptions {
  const given: Partial<Record<SandboxOptionName, unknown>> = {};
  for (const [name, value] of Object.entries(record('the options', options))) {
    if (!isOptionName(name)) {
      throw new UsageError(
        `there is no option ${quote(name)}; ${suggest(name, Object.keys(CHECKS), 'the options are')}`,
      );
    }
    if (value !== undefined) given[name] = checkOption(name, value);
  }
  if (given.source === undefined)
    throw new UsageError('no source was given: name a path, a URL or the bytes of a module');
  return given as SandboxOptions;
}

/**
 * All options, with what they are where they were not given.
 * @throws UsageError
 */
export function settle(options: SandboxOptions): Settings {
  const checked = checkOptions(options);
  const policy = policyOf(checked);
  const { limits } = policy;
  const { gasLimit } = checked;
  return Object.freeze({
    source: checked.source,
    modules: checked.modules,
    policy,
    limits: Object.freeze({
      gas: least(gasLimit === undefined ? undefined : BigInt(gasLimit), limits.gas),
      budgets: checked.gasBudget === undefined ? undefined : [checked.gasBudget],
      memoryBytes: least(checked.memoryLimit, limits.memory) ?? DEFAULT_LIMITS.memoryBytes,
      stackBytes: checked.stackLimit ?? DEFAULT_LIMITS.stackBytes,
      codeBytes: checked.codeLimit ?? DEFAULT_LIMITS.codeBytes,
    }),
    cpuTimeout: least(checked.cpuTimeout, limits.executionTime),
    yieldEvery: checked.yieldEvery,
    moduleLimit: checked.moduleLimit ?? DEFAULT_LIMITS.moduleBytes,
    signal: checked.signal,
    engine: checked.engine ?? 'interpreter',
    leavable: checked.leavable,
    cache: checked.cache,
    record: checked.record ?? false,
    recordingLimit: checked.recordingLimit ?? MOST_EVENTS,
    instanceId: checked.instanceId ?? `sandbox-${++sandboxes}`,
    args: checked.args ?? [],
  });
}

let sandboxes = 0;

/** The policy with everything that was granted beside it. */
function policyOf({ securityPolicy, capabilities = [], env, stdin, onStdout, onStderr }: SandboxOptions): Policy {
  const grants: Capability[] = [...capabilities];
  if (env !== undefined) grants.push(environmentAccess(env));
  if (stdin !== undefined || onStdout !== undefined || onStderr !== undefined) {
    grants.push(stdio({ stdin, stdout: onStdout, stderr: onStderr }));
  }
  return granting(securityPolicy ?? new Policy(STRICT), grants);
}

function isOptionName(name: string): name is SandboxOptionName {
  return Object.hasOwn(CHECKS, name);
}
