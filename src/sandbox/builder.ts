/** Collects the options of a sandbox, one by one. */

import type { ByteSink, ByteSource, Capability, SecurityPolicy, WritableBytes } from '../../policy/index.ts';
import { isBytes } from '../../wasm/bytes.ts';
import type { GasBudget } from '../../wasm/gas-budget.ts';
import type { SandboxCache } from '../cache/cache.ts';
import { ownBytes } from '../checks/check.ts';
import type { EngineChoice } from '../engines/choose.ts';
import type { LinkedModules } from '../module/modules.ts';
import type { ModuleSource } from '../module/source.ts';
import { checkOption, type SandboxOptionName, type SandboxOptions } from './options.ts';

/**
 * Collects options. Every method but the last two sets one, as {@link SandboxOptions} describes it, and returns the
 * builder; the last value given counts. Bytes are copied. All throw a UsageError at once where the value is not one.
 */
export class SandboxBuilder<Built> {
  private options: Partial<SandboxOptions> = {};
  private readonly create: (options: SandboxOptions) => Built;

  /** @internal */
  constructor(create: (options: SandboxOptions) => Built) {
    this.create = create;
  }

  /** Sets {@link SandboxOptions.source}: where the module comes from. */
  source(source: ModuleSource): this {
    return this.set('source', isBytes(source) ? ownBytes('the source', source) : source);
  }

  /** Sets {@link SandboxOptions.modules}: what the guest is linked with. */
  modules(modules: LinkedModules): this {
    return this.set('modules', modules);
  }

  /** Sets {@link SandboxOptions.securityPolicy}: what the guest may reach. */
  securityPolicy(policy: SecurityPolicy): this {
    return this.set('securityPolicy', policy);
  }

  /** Adds to {@link SandboxOptions.capabilities}: a grant beside the policy's. */
  addCapability(capability: Capability): this {
    return this.set('capabilities', [...(this.options.capabilities ?? []), capability]);
  }

  /** Sets {@link SandboxOptions.memoryLimit}: bytes for all memories and tables together. */
  memoryLimit(bytes: number): this {
    return this.set('memoryLimit', bytes);
  }

  /** Sets {@link SandboxOptions.stackLimit}: weight of the call stack, in bytes. */
  stackLimit(bytes: number): this {
    return this.set('stackLimit', bytes);
  }

  /** Sets {@link SandboxOptions.gasLimit}: units of the gas schedule, until a reset. */
  gasLimit(units: bigint | number): this {
    return this.set('gasLimit', units);
  }

  /** Sets {@link SandboxOptions.gasBudget}: what gas is drawn from, with others. */
  gasBudget(budget: GasBudget): this {
    return this.set('gasBudget', budget);
  }

  /** Sets {@link SandboxOptions.cpuTimeout}: milliseconds of wall-clock time for each call. */
  cpuTimeout(milliseconds: number): this {
    return this.set('cpuTimeout', milliseconds);
  }

  /** Sets {@link SandboxOptions.yieldEvery}: milliseconds after which a running guest lets the event loop go round. */
  yieldEvery(milliseconds: number): this {
    return this.set('yieldEvery', milliseconds);
  }

  /** Sets {@link SandboxOptions.record}: whether all that goes in and out of the guest is recorded. */
  record(isRecorded = true): this {
    return this.set('record', isRecorded);
  }

  /** Sets {@link SandboxOptions.recordingLimit}: bytes of events that a recording may have. */
  recordingLimit(bytes: number): this {
    return this.set('recordingLimit', bytes);
  }

  /** Sets {@link SandboxOptions.moduleLimit}: bytes that the module itself may have. */
  moduleLimit(bytes: number): this {
    return this.set('moduleLimit', bytes);
  }

  /** Sets {@link SandboxOptions.codeLimit}: bytes that the module may hold outside of its instances. */
  codeLimit(bytes: number): this {
    return this.set('codeLimit', bytes);
  }

  /** Sets {@link SandboxOptions.signal}: what ends making the sandbox ready. */
  signal(signal: AbortSignal): this {
    return this.set('signal', signal);
  }

  /** Sets {@link SandboxOptions.engine}: what runs the module. */
  engine(name: EngineChoice): this {
    return this.set('engine', name);
  }

  /** Sets {@link SandboxOptions.leavable}: whether a guest on the native engine can be left as on the interpreter. */
  leavable(canBe: boolean): this {
    return this.set('leavable', canBe);
  }

  /** Sets {@link SandboxOptions.cache}: what keeps the module ready for the next sandbox. */
  cache(cache: SandboxCache): this {
    return this.set('cache', cache);
  }

  /** Sets {@link SandboxOptions.instanceId}: what statistics and messages call the sandbox. */
  instanceId(id: string): this {
    return this.set('instanceId', id);
  }

  /** Sets {@link SandboxOptions.args}: the arguments, of which the first is the program's name. */
  args(args: readonly string[]): this {
    return this.set('args', args);
  }

  /** Sets {@link SandboxOptions.env}: all variables that the program has. */
  env(variables: Readonly<Record<string, string>>): this {
    return this.set('env', variables);
  }

  /** Sets {@link SandboxOptions.stdin}: what the guest reads. */
  stdin(input: ByteSource): this {
    return this.set('stdin', input);
  }

  /** Sets {@link SandboxOptions.onStdout}: what takes standard output. */
  onStdout(sink: ByteSink | WritableBytes): this {
    return this.set('onStdout', sink);
  }

  /** Sets {@link SandboxOptions.onStderr}: what takes standard error. */
  onStderr(sink: ByteSink | WritableBytes): this {
    return this.set('onStderr', sink);
  }

  /**
   * Loads, validates and instantiates the module, and runs its start function.
   * @throws UsageError, CompileError, LinkError, and whatever ends the start function
   */
  build(): Built {
    return this.create(this.toOptions());
  }

  /** What has been collected so far, for whoever builds more than one: {@link SandboxPool}. */
  toOptions(): SandboxOptions {
    return Object.freeze({ ...this.options }) as SandboxOptions;
  }

  private set<K extends SandboxOptionName>(name: K, value: SandboxOptions[K]): this {
    this.options = { ...this.options, [name]: checkOption(name, value) };
    return this;
  }
}
