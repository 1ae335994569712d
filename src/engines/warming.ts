/** Modules that become native code while their guests are interpreted. */

import { unleavableFeatures } from '../../instrument/adopted.ts';
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
  const features = unleavableFeatures(module);
  if (features.length > 0) throw new CompileError(`code with ${features.join(', ')} ${CANNOT}`);
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
  /** Before anything is done: most guests have ended by then. */
  begin: 10,
  /** And for each byte of code, about what it costs to instrument it, and the engine to compile what is called of that. */
  perByte: 0.0004,
  /** From there on so many are spent on instrumenting, for each that they are interpreted. */
  share: 4,
  /** Bytes of code that the engine compiles at once, in a few milliseconds. */
  small: 65_536,
  /** For each byte beyond, before nobody waits any longer for it to compile them in the background. */
  perMadeByte: 0.00005,
};

export class Warming {
  private readonly module: WasmModule;
  /** Milliseconds interpreted; and how many of them the next step waits for. */
  private spent = 0;
  private due: number;
  private steps: Steps<MeteredModule> | undefined;
  private metered: MeteredModule | undefined;
  private isCompiled = false;
  /** Why there will be none. */
  private failure: unknown;

  constructor(module: WasmModule) {
    this.module = module;
    this.due = WARMING.begin + WARMING.perByte * module.bodies.bytes;
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
      this.due += (performance.now() - begun) / WARMING.share;
      if (done === true) this.compileAhead(value);
    }
    const { metered } = this;
    if (metered === undefined || this.spent < this.due) return;
    // Guests that never let others have a turn would wait for ever.
    compile(nativeHost(), metered);
    this.isCompiled = true;
  }

  private compileAhead(metered: MeteredModule): void {
    this.metered = metered;
    this.due = this.spent + WARMING.perMadeByte * Math.max(0, metered.code.length - WARMING.small);
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
