/** Collects the options of a sandbox, one by one. */

import type { ByteSink, ByteSource, Capability, SecurityPolicy } from '../policy/index.ts';
import { isBytes } from '../wasm/bytes.ts';
import type { SandboxCache } from './cache/cache.ts';
import { ownBytes } from './check.ts';
import type { EngineChoice } from './engines.ts';
import { checkOption, type SandboxOptionName, type SandboxOptions } from './options.ts';
import type { ModuleSource } from './source.ts';

/**
 * Every method but the last sets one option, as {@link SandboxOptions} describes it, and returns the builder; the
 * last value given counts. Bytes are copied. All throw a UsageError at once where the value is not one.
 */
export class SandboxBuilder<Built> {
  private options: Partial<SandboxOptions> = {};
  private readonly create: (options: SandboxOptions) => Built;

  /** @internal */
  constructor(create: (options: SandboxOptions) => Built) {
    this.create = create;
  }

  source(source: ModuleSource): this {
    return this.set('source', isBytes(source) ? ownBytes('the source', source) : source);
  }

  securityPolicy(policy: SecurityPolicy): this {
    return this.set('securityPolicy', policy);
  }

  /** Adds a grant to the policy's. */
  addCapability(capability: Capability): this {
    return this.set('capabilities', [...(this.options.capabilities ?? []), capability]);
  }

  /** @param bytes for all memories and tables together */
  memoryLimit(bytes: number): this {
    return this.set('memoryLimit', bytes);
  }

  /** @param bytes weight of the call stack */
  stackLimit(bytes: number): this {
    return this.set('stackLimit', bytes);
  }

  /** @param units of the gas schedule */
  gasLimit(units: bigint | number): this {
    return this.set('gasLimit', units);
  }

  /** @param milliseconds of wall-clock time for each call */
  cpuTimeout(milliseconds: number): this {
    return this.set('cpuTimeout', milliseconds);
  }

  /** @param milliseconds after which a running guest lets the event loop go round */
  yieldEvery(milliseconds: number): this {
    return this.set('yieldEvery', milliseconds);
  }

  /** Records all that goes in and out of the guest. */
  record(isRecorded = true): this {
    return this.set('record', isRecorded);
  }

  /** @param bytes of events that a recording may have */
  recordingLimit(bytes: number): this {
    return this.set('recordingLimit', bytes);
  }

  /** @param bytes the module itself may have */
  moduleLimit(bytes: number): this {
    return this.set('moduleLimit', bytes);
  }

  /** @param bytes the module may hold outside of its instances */
  codeLimit(bytes: number): this {
    return this.set('codeLimit', bytes);
  }

  /** @param signal ends making the sandbox ready */
  signal(signal: AbortSignal): this {
    return this.set('signal', signal);
  }

  engine(name: EngineChoice): this {
    return this.set('engine', name);
  }

  /** Keeps the module ready for the next sandbox. */
  cache(cache: SandboxCache): this {
    return this.set('cache', cache);
  }

  instanceId(id: string): this {
    return this.set('instanceId', id);
  }

  /** @param args the first is the program's name */
  args(args: readonly string[]): this {
    return this.set('args', args);
  }

  env(variables: Readonly<Record<string, string>>): this {
    return this.set('env', variables);
  }

  stdin(input: ByteSource): this {
    return this.set('stdin', input);
  }

  onStdout(sink: ByteSink): this {
    return this.set('onStdout', sink);
  }

  onStderr(sink: ByteSink): this {
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
