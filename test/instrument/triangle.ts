/** The same program on every engine, and all that can be seen of it. */

import { adopt } from '../../instrument/adopted.ts';
import { meteredEngine, nativeEngine } from '../../instrument/engine.ts';
import type { WasmHost } from '../../instrument/host.ts';
import { describeMetered } from '../../instrument/metered.ts';
import { weave } from '../../instrument/weave.ts';
import { interpreter } from '../../interpreter/index.ts';
import { createWebAssembly } from '../../src/webassembly.ts';
import { decode } from '../../wasm/decode.ts';
import type { Engine, EngineInstance, ImportResolver, InstanceLimits, Slices } from '../../wasm/engine.ts';
import { GasExhausted, Trap, WasmSandboxError } from '../../wasm/errors.ts';
import { GuestExit } from '../../wasm/host.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { instantiationCost } from '../../wasm/plan.ts';
import { complete } from '../../wasm/steps.ts';

/** An interpreter whose own limits are out of the way: the instrumented module has its own. */
const unlimited = (await createWebAssembly({
  stackLimit: 64 * 1024 * 1024,
  memoryLimit: 2 ** 32,
  perInstance: true,
})) as unknown as WasmHost;

/** The native engine on the module as it is when its functions are cut up as finely as can be, as long ones are. */
const inWindows: Engine = {
  name: 'native',
  instantiate(module, options) {
    const weaving = { canonicalNaN: true, refills: options.slices !== undefined, windows: { whole: 0, bytes: 1 } };
    const { bytes, importName, exportPrefix } = complete(weave(module, weaving));
    const woven = decode(bytes);
    const names = { importName, exportPrefix, cost: instantiationCost(module) };
    adopt(woven, describeMetered(woven, names), { refills: weaving.refills, limits: {} });
    return nativeEngine().instantiate(woven, options);
  },
};

export const ENGINES = {
  interpreter,
  'interpreter on the instrumented module': meteredEngine(unlimited, 'interpreter'),
  'native on the instrumented module': nativeEngine(),
  'native on functions in windows': inWindows,
} as const satisfies Readonly<Record<string, Engine>>;

export type EngineKey = keyof typeof ENGINES;

export interface TriangleCall {
  readonly export: string;
  readonly args: readonly unknown[];
}

export interface TriangleOptions {
  readonly limits?: Partial<InstanceLimits>;
  readonly slices?: Slices;
  /** Made anew for each engine, as host functions may have state. */
  readonly imports?: () => ImportResolver;
}

const LIMITS: InstanceLimits = { gas: undefined, memoryBytes: 64 * 1024 * 1024, stackBytes: 256 * 1024 };

/** What ended a call. */
export function describeError(error: unknown): string {
  if (error instanceof GuestExit) return `exit ${error.status}`;
  if (error instanceof Trap) return `trap ${error.kind}`;
  if (error instanceof WasmSandboxError) {
    const cause = error.cause instanceof Trap ? ` after ${error.cause.kind}` : '';
    const resources = error.resources === undefined ? '' : ` at ${error.resources.gasUsed}`;
    return (
      error.code + cause + resources + (error instanceof GasExhausted && /again/.test(error.message) ? ' again' : '')
    );
  }
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

function show(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (Object.is(value, -0)) return '-0';
  return typeof value === 'object' && value !== null ? 'reference' : String(value);
}

/** FNV-1a over 32-bit words, for comparing memories. */
export function hashOf(bytes: Uint8Array): string {
  const words = new Int32Array(bytes.slice(0, bytes.length & ~3).buffer);
  let hash = 0x811c9dc5;
  for (const word of words) hash = Math.imul(hash ^ word, 0x01000193) ^ (hash >>> 15);
  return (hash >>> 0).toString(16);
}

function figures(instance: EngineInstance): string {
  const { gasUsed, memoryBytes } = instance.figures();
  return `gas ${gasUsed}, ${memoryBytes} bytes`;
}

/** Everything that can be seen of a run: a line for each step. */
export function trace(
  engine: Engine,
  module: WasmModule,
  calls: readonly TriangleCall[],
  { limits, slices, imports }: TriangleOptions = {},
): string[] {
  const lines: string[] = [];
  let instance: EngineInstance;
  try {
    instance = engine.instantiate(module, {
      limits: { ...LIMITS, ...limits },
      imports: imports?.() ?? (() => undefined),
      ...(slices && { slices }),
    });
  } catch (error) {
    return [`instantiate: ${describeError(error)}`];
  }
  const step = (what: string, run: () => unknown[]) => {
    let outcome: string;
    try {
      outcome = `[${run().map(show).join(', ')}]`;
    } catch (error) {
      outcome = describeError(error);
    }
    lines.push(`${what}: ${outcome}; ${figures(instance)}`);
  };
  step('start', () => {
    instance.start();
    return [];
  });
  for (const { export: name, args } of calls)
    step(`${name}(${args.map(show).join(', ')})`, () => instance.call(name, args));
  const { memory } = instance;
  if (memory !== undefined) {
    const { byteLength } = memory;
    lines.push(`memory: ${byteLength} bytes, ${hashOf(memory.view(0, byteLength) as Uint8Array)}`);
  }
  return lines;
}

/** The traces of all engines; equal, if they agree. */
export function traces(
  module: WasmModule,
  calls: readonly TriangleCall[],
  options: TriangleOptions = {},
): Record<EngineKey, string[]> {
  const entries = Object.entries(ENGINES).map(([name, engine]) => [name, trace(engine, module, calls, options)]);
  return Object.fromEntries(entries) as Record<EngineKey, string[]>;
}
