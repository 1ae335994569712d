/** Modules that become native code while their guests are interpreted. */

import { compile, compileAhead } from '../../instrument/compile.ts';
import { nativeHost } from '../../instrument/index.ts';
import { LeaveWriter } from '../../instrument/leave/writer.ts';
import { meterModuleSteps } from '../../instrument/meter-module.ts';
import type { MeteredModule } from '../../instrument/metered.ts';
import type { Preparation } from '../../wasm/engine.ts';
import { CompileError } from '../../wasm/errors.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { messageOf } from '../../wasm/quote.ts';
import { complete, type Steps } from '../../wasm/steps.ts';

const CANNOT = "cannot be left where it runs natively: choose the engine 'interpreter', or do without leavable";

/** @throws CompileError where code cannot be left */
export function refuse(module: WasmModule, isLinked = false): void {
  if (isLinked) throw new CompileError(`modules that are linked with others ${CANNOT}`);
  if (module.features.length > 0) throw new CompileError(`code with ${module.features.join(', ')} ${CANNOT}`);
}

/** @throws CompileError where it cannot be left, or instrumented */
export function metering(module: WasmModule, { isLinked }: Preparation): Steps<MeteredModule> {
  refuse(module, isLinked);
  return meterModuleSteps(module, { canonicalNaN: true, refills: true, leaves: (layout) => new LeaveWriter(layout) });
}

/** The same at once; made already where it has been before. */
export function leavableCode(module: WasmModule): MeteredModule {
  return complete(metering(module, {}));
}

/** When code is made, in milliseconds for which guests of a module were interpreted. */
export const WARMING = {
  /** Before anything is done: most guests have ended by then. From there on instrumenting takes as long as they do. */
  begin: 10,
  /** Bytes of code that the engine compiles at once, in a few milliseconds. */
  small: 65_536,
  /** For each byte beyond, before nobody waits any longer for it to compile them in the background. */
  perByte: 0.0005,
};

export class Warming {
  private readonly module: WasmModule;
  /** Milliseconds interpreted; and how many of them the next step waits for. */
  private spent = 0;
  private due: number = WARMING.begin;
  private steps: Steps<MeteredModule> | undefined;
  private metered: MeteredModule | undefined;
  private isCompiled = false;
  /** Why there will be none. */
  private failure: unknown;

  constructor(module: WasmModule) {
    this.module = module;
  }

  get isReady(): boolean {
    return this.isCompiled;
  }

  /** Why its guests are interpreted for good; undefined where they need not be, as far as is known. */
  get why(): string | undefined {
    return this.failure === undefined ? undefined : messageOf(this.failure);
  }

  /** So long has been interpreted: does a part of the work. */
  spend(milliseconds: number): void {
    if (this.isCompiled || this.failure !== undefined) return;
    this.spent += milliseconds;
    try {
      this.work();
    } catch (error) {
      this.failure = error;
    }
  }

  private work(): void {
    while (this.metered === undefined && this.spent >= this.due) {
      const begun = performance.now();
      this.steps ??= metering(this.module, {});
      const { done, value } = this.steps.next();
      this.due += performance.now() - begun;
      if (done === true) this.compileAhead(value);
    }
    const { metered } = this;
    if (metered === undefined) return;
    const large = Math.max(0, metered.code.length - WARMING.small);
    if (this.spent < WARMING.begin + WARMING.perByte * large) return;
    // Guests that never let others have a turn would wait for ever.
    compile(nativeHost(), metered);
    this.isCompiled = true;
  }

  private compileAhead(metered: MeteredModule): void {
    this.metered = metered;
    compileAhead(nativeHost(), metered).then(
      () => {
        this.isCompiled = true;
      },
      (error: unknown) => {
        this.failure ??= error;
      },
    );
  }
}

const warmings = new WeakMap<WasmModule, Warming>();

export function warmingOf(module: WasmModule): Warming {
  let found = warmings.get(module);
  if (found === undefined) {
    found = new Warming(module);
    warmings.set(module, found);
  }
  return found;
}
