/** What a sandbox shows of its guest, and how it ends, whether or not its calls are waited for. */

import type { AuditEvent, CallingSandbox } from '../../policy/index.ts';
import { UsageError } from '../../wasm/errors.ts';
import type { WasmModule } from '../../wasm/module.ts';
import type { ModuleGraph } from '../../wasm/module-graph.ts';
import { COMMAND_START, checkCommand } from '../call/command.ts';
import { disposedError } from '../call/disposed.ts';
import { type Output, outputOf } from '../call/output.ts';
import type { ChosenEngine } from '../engines/choose.ts';
import { describeExports, type ExportDescription } from '../module/exported.ts';
import { collectGarbage } from '../runtime/garbage.ts';
import type { Weak } from '../runtime/weak.ts';
import type { Guest } from './guest.ts';
import { SandboxMemory } from './memory.ts';
import type { Settings } from './options.ts';
import { type MemoryUsage, memoryUsageOf, type ResourceStats, resourceStats } from './stats.ts';

/** What a sandbox keeps over a reset. */
export interface Ground {
  readonly graph: ModuleGraph;
  readonly engine: ChosenEngine;
  readonly settings: Settings;
}

export abstract class SandboxFace<L extends Guest> implements CallingSandbox {
  /** As its options say, or unique within the process. */
  readonly instanceId: string;
  /** @internal */
  protected readonly ground: Ground;
  /** Undefined after `dispose`, during a reset, and where one failed. @internal */
  protected life: L | undefined;
  /** Whether the program of a WASI command has run. @internal */
  protected hasRun = false;
  /** @internal */
  protected isDisposed = false;
  #memory: SandboxMemory | undefined;
  /** How its guest knows it. */
  #self: Weak<this> = { deref: () => this };

  /** @internal */
  protected constructor(ground: Ground, life: L) {
    this.instanceId = ground.settings.instanceId;
    this.ground = ground;
    this.take(life);
  }

  /** For interfaces that are built upon sandboxes; undefined while there is no instance. @internal */
  get guest(): Guest | undefined {
    return this.life;
  }

  /** The guest's own. @internal */
  protected get module(): WasmModule {
    return this.ground.graph.guest;
  }

  /** @internal */
  protected take(life: L | undefined): void {
    this.life = life;
    life?.belongTo(this.#self);
  }

  /**
   * Whoever has borrowed it may lose it, which its guest must not prevent then. Not from the beginning: what is referred
   * to weakly lives until the host's event loop turns, and a loop that makes sandboxes would pile them up.
   * @internal For pools.
   */
  knowAs(self: Weak<this>): void {
    this.#self = self;
    this.life?.belongTo(self);
  }

  /** What the module exports, in its order. */
  get exports(): readonly ExportDescription[] {
    return describeExports(this.module);
  }

  /**
   * The guest's memory 0, to be read and written between its calls, and by host functions within them. It is the same
   * object as long as the sandbox lives.
   * @throws UsageError where the module has no memory; SandboxDisposed
   */
  get memory(): SandboxMemory {
    this.alive().memory();
    this.#memory ??= new SandboxMemory(() => this.alive());
    return this.#memory;
  }

  /** What the guest wrote so far to the streams for which no callback was given. */
  output(): Output {
    return outputOf(this.alive().host);
  }

  /**
   * The files in memory that the policy granted, with what the guest made of them: copies, by the guest's absolute
   * path. Folders of the host's are not among them.
   */
  files(): ReadonlyMap<string, Uint8Array> {
    return this.alive().host.files();
  }

  /** Host calls so far, where the policy turned auditing on. */
  auditEvents(): readonly AuditEvent[] {
    return this.alive().host.audit.events;
  }

  /** Host calls that were refused, the first 1,000 of them, whether or not auditing is on. */
  violations(): readonly AuditEvent[] {
    return this.alive().host.violations.events;
  }

  /** What the guest has used since the sandbox was built or last reset. */
  getResourceStats(): ResourceStats {
    return this.statsOf(this.alive());
  }

  /** @internal */
  protected statsOf(life: L): ResourceStats {
    const { engine, graph, settings } = this.ground;
    return resourceStats({ life, engine, graph, instanceId: settings.instanceId });
  }

  /** Of `getResourceStats()`, memory alone. */
  memoryUsage(): MemoryUsage {
    return memoryUsageOf(this.alive().figures());
  }

  /**
   * Asks the runtime to collect its garbage now, which few allow: V8 started with `--expose-gc`, and Bun. The memory
   * of a guest is never garbage while its sandbox is in use, and can only grow; `reset` gives back what it has grown
   * by, `dispose` all of it.
   * @returns whether the runtime was asked
   */
  collectGarbage(): boolean {
    this.refuseDisposed();
    return collectGarbage();
  }

  /**
   * Ends every call that has not ended with SandboxDisposed, at once, and lets go of the instance and of what it has
   * open. A guest that runs, since one of its own host functions is what calls this, ends when that function returns.
   * Doing it again does nothing.
   */
  dispose(): void {
    this.isDisposed = true;
    this.life?.dispose();
    this.life = undefined;
  }

  /** @throws UsageError where the module is no command, has run, or takes no such arguments @internal */
  protected beginProgram(life: L, args: readonly unknown[] = []): void {
    checkCommand(this.module, this.hasRun);
    life.convert(COMMAND_START, args);
    this.hasRun = true;
  }

  /** @throws SandboxDisposed; UsageError where there is no instance @internal */
  protected alive(): L {
    this.refuseDisposed();
    if (this.life === undefined) {
      throw new UsageError('the sandbox has no instance: its reset has not ended, or has failed. Call reset() again');
    }
    return this.life;
  }

  /** @throws SandboxDisposed @internal */
  protected refuseDisposed(): void {
    if (this.isDisposed) throw disposedError(this.instanceId);
  }
}
