/** Instances of a namespace that run natively, beside those that are interpreted: who runs where, and what both see. */

import type { RawMemory } from '../../instrument/host.ts';
import { createMeteredNamespace, nativeHost, whyNotMetered } from '../../instrument/index.ts';
import { makeMemory, takeMemory } from '../../instrument/shared.ts';
import { LinearMemory } from '../../interpreter/store/memory.ts';
import { Budget, Growth } from '../../wasm/budget.ts';
import {
  CompileError,
  type ErrorDetails,
  type GasExhausted,
  LinkError,
  type ResourceFigures,
} from '../../wasm/errors.ts';
import { HIGHEST_GAS } from '../../wasm/gas.ts';
import { GasBudget } from '../../wasm/gas-budget.ts';
import type { Supplied } from '../../wasm/imports.ts';
import { isOf } from '../../wasm/is-of.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { I32, type Import, type MemoryType } from '../../wasm/types.ts';
import { moduleOf, suppliedTo } from './compiled.ts';
import { functionBehind } from './convert.ts';
import { addressOf } from './objects.ts';
import type { BesideNative, NamespaceOptions } from './options.ts';
import { suspendingFunction } from './promises.ts';

type Class = { readonly prototype: object };

/** The gas of a namespace whose instances run on two engines. */
class Together extends GasBudget {
  /** Whether somebody has found that there is too little. */
  isOver = false;

  override exhausted(where: ErrorDetails = {}): GasExhausted {
    this.isOver = true;
    const error = super.exhausted(where);
    return Object.assign(error, {
      message: error.message
        .replace(/^Gas budget exhausted[^(]*/, `Gas limit exceeded: the limit is ${this.granted} units `)
        .trim(),
      scope: 'sandbox',
    });
  }
}

export class Beside implements BesideNative {
  /** What the namespace is to be made with, so that both sides draw on the same. */
  readonly options: NamespaceOptions;
  private readonly gas: Together | undefined;
  private readonly native: ReturnType<typeof createMeteredNamespace>;
  private readonly shared: Budget | undefined;
  private readonly limit: bigint | undefined;
  /** Makes the object of a memory. */
  private show: ((memory: LinearMemory) => object) | undefined;
  count = 0;

  /** @throws UsageError where the host's engine cannot be used */
  constructor(options: NamespaceOptions) {
    const { limits, together, enter } = options;
    // A limit that no count reaches is none.
    const isReached = limits.gas !== undefined && limits.gas <= HIGHEST_GAS;
    this.gas = together && isReached ? new Together(limits.gas) : undefined;
    this.limit = limits.gas;
    this.shared = together && new Budget(limits.memoryBytes);
    const { gas, shared } = this;
    const both: NamespaceOptions =
      gas === undefined
        ? { ...options, budget: shared }
        : {
            ...options,
            budget: shared,
            limits: { ...limits, gas: undefined, budgets: [gas] },
            enter(run) {
              if (gas.isOver) throw gas.exhausted();
              return enter(run);
            },
          };
    this.options = { ...both, beside: this };
    this.native = createMeteredNamespace(nativeHost(), {
      ...both,
      moduleOf,
      suppliedTo,
      showMemory: (raw, type, growth) => (this.show as (memory: LinearMemory) => object)(this.over(raw, type, growth)),
    });
  }

  joins(
    show: (memory: LinearMemory) => object,
    classes: Readonly<Record<'Table' | 'Global' | 'Tag' | 'Exception', Class>>,
  ): void {
    this.show = show;
    for (const name of ['Table', 'Global', 'Tag', 'Exception'] as const) {
      const prototype = this.native[name]?.prototype;
      if (prototype === undefined) continue;
      Reflect.deleteProperty(prototype, 'constructor');
      Object.setPrototypeOf(prototype, classes[name].prototype);
    }
  }

  instantiate(
    instance: object,
    core: WasmModule,
    values: readonly unknown[],
    supplied: ReadonlyMap<Import, Supplied>,
  ): string | undefined {
    const why = whyNotMetered(core) ?? whyInterpreted(core, values, supplied) ?? this.whyNoTailCalls(core, values);
    if (why !== undefined) return why;
    try {
      this.native.parts.prepare(core);
    } catch (error) {
      if (error instanceof CompileError) return error.message;
      throw error;
    }
    this.count++;
    this.native.parts.make(instance, core, values, supplied);
    return undefined;
  }

  private whyNoTailCalls({ features }: WasmModule, values: readonly unknown[]): string | undefined {
    const { parts } = this.native;
    if (!features.includes('tail-call')) return undefined;
    const isOthers = values.some((value) => typeof value === 'function' && parts.mayTailCall(value));
    return isOthers ? 'it may call a function of another instance in tail position that does so, too' : undefined;
  }

  exportsOf(instance: object): Readonly<Record<string, unknown>> | undefined {
    return this.native.parts.exportsOf(instance);
  }

  isExported(func: unknown): boolean {
    return typeof func === 'function' && this.native.parts.isExported(func);
  }

  isOwn(value: unknown): boolean {
    return typeof value === 'object' && value !== null && this.native.parts.isOwn(value);
  }

  memory(object: object, type: MemoryType, budget: Budget): LinearMemory | undefined {
    const { min, max } = type.limits;
    if (type.address !== I32) return LinearMemory.create(type, budget);
    const growth = Growth.ofMemory(budget, max);
    if (!growth.take(0, min)) return undefined;
    let raw: RawMemory;
    try {
      raw = makeMemory(nativeHost(), type, growth);
    } catch (error) {
      growth.give(min);
      if (isOf(error, LinkError)) throw error;
      return undefined;
    }
    this.native.parts.adopt(object, raw, growth);
    return this.over(raw, type, growth);
  }

  received(object: object, raw: unknown, maximum: number, budget: Budget): LinearMemory | undefined {
    const taken = takeMemory(nativeHost(), raw, maximum, budget);
    if (taken === undefined) return undefined;
    this.native.parts.adopt(object, taken.raw, taken.growth);
    this.native.parts.shown(taken.raw);
    return this.over(taken.raw, { address: I32, limits: { min: 0, max: maximum }, isShared: true }, taken.growth);
  }

  private over(raw: RawMemory, type: MemoryType, growth: Growth): LinearMemory {
    const { parts } = this.native;
    const backing = {
      get buffer() {
        return raw.buffer;
      },
      grow: (pages: number) => raw.grow(pages),
      shown: () => parts.shown(raw),
      raw,
    };
    return LinearMemory.over(backing, type, growth);
  }

  totals(interpreted: ResourceFigures): ResourceFigures {
    const { gasUsed } = this.native.stats();
    return {
      ...interpreted,
      gasUsed: interpreted.gasUsed + gasUsed,
      gasLimit: this.limit,
    };
  }

  figuresOf(instance: object): ResourceFigures {
    return this.native.stats(instance);
  }
}

/** Why a module has to be interpreted for what it imports. */
function whyInterpreted(
  { imports, exports }: WasmModule,
  values: readonly unknown[],
  supplied: ReadonlyMap<Import, Supplied>,
): string | undefined {
  if (exports.some(({ kind }) => kind === 'tag'))
    return 'it exports a tag, which instances on both engines cannot have';
  for (const [i, imported] of imports.entries()) {
    if (supplied.has(imported)) continue;
    const value = values[i];
    if (suspendingFunction(value) !== undefined) return 'it imports a function that may suspend it';
    if (functionBehind(value) !== undefined) return 'it imports a function of an instance that is interpreted';
    const address = addressOf(value);
    if (address === undefined || (address instanceof LinearMemory && address.backing !== undefined)) continue;
    return `it imports a ${imported.kind} that was not made by an instance that runs natively`;
  }
  return undefined;
}
