/** Random programs on the interpreter and on modules that meter themselves: all they do, and what it costs. */

import fc from 'fast-check';
import type { WasmHost } from '../../instrument/host.ts';
import { meterModule } from '../../instrument/meter-module.ts';
import { createMeteredNamespace, type MeteredNamespaceOptions } from '../../instrument/namespace.ts';
import { createNamespace } from '../../src/webassembly/namespace.ts';
import { decode } from '../../wasm/decode.ts';
import { CompileError, type ResourceFigures } from '../../wasm/errors.ts';
import { typeOfFunction } from '../../wasm/module.ts';
import { Reader } from '../../wasm/reader.ts';
import { FUNCREF } from '../../wasm/types.ts';
import { Writer } from '../../wasm/writer.ts';
import type { GenerateOptions } from '../generate/module.ts';
import {
  type Call,
  differences,
  type Namespace,
  type Observation,
  observe,
  type Program,
} from '../property/compare.ts';
import { anyProgram, keep } from '../property/program.ts';
import type { Property } from '../property/runner.ts';

interface Metered {
  readonly Instance: abstract new (...args: never[]) => object;
  stats(instance: never): ResourceFigures;
}

const LIMITS = { gas: undefined, memoryBytes: 64 * 1024 * 1024, stackBytes: 256 * 1024 };

export type Make = (options: MeteredNamespaceOptions) => Metered;

const unlimited = createNamespace({
  limits: { gas: undefined, memoryBytes: 2 ** 40, stackBytes: 8 * 1024 * 1024 },
  enter: (run) => run(),
}) as unknown as WasmHost;

export const MAKERS = {
  interpreter: (options) => createNamespace({ ...options, enter: (run) => run() }) as unknown as Metered,
  'interpreter on the instrumented module': (options) =>
    createMeteredNamespace(unlimited, options) as unknown as Metered,
  'native on the instrumented module': (options) => createMeteredNamespace(WebAssembly, options) as unknown as Metered,
} as const satisfies Readonly<Record<string, Make>>;

/** The same for programs of one instance, for which it is no matter whether others share its limits. */
const ALONE: Readonly<Record<string, Make>> = {
  ...MAKERS,
  'native, with limits for all instances together': (options) =>
    createMeteredNamespace(WebAssembly, { ...options, together: { instances: 100 } }) as unknown as Metered,
};

/** Where the interpreter says where something happened, the others cannot; and wording may differ. */
function withoutPlaces(text: string): string {
  return text
    .replace(/ \((function \d+[^()]*|offset 0x[0-9a-f]+)\)$/, '')
    .replace(/Gas limit exceeded: (the instance is exhausted)?.*/, 'Gas limit exceeded $1');
}

export interface MeteredObservation extends Observation {
  readonly gas: bigint | undefined;
}

/** Runs a program on a fresh namespace. */
export function observeMetered(make: Make, program: Program, options: MeteredNamespaceOptions): MeteredObservation {
  const namespace = make(options);
  let latest: object | undefined;
  const Base = namespace.Instance as new (...args: unknown[]) => object;
  class Instance extends Base {
    constructor(...args: unknown[]) {
      super(...args);
      latest = this;
    }
  }
  const ns = Object.create(namespace, { Instance: { value: Instance } }) as Namespace;
  const seen = observe(ns, program);
  const events = seen.events.map(withoutPlaces);
  return { ...seen, events, gas: latest && namespace.stats(latest as never).gasUsed };
}

/** Whether a module is left to the interpreter for calls in tail position, as others may have its table. */
function isRefused(bytes: Uint8Array): boolean {
  const module = decode(bytes);
  if (!module.features.includes('tail-call')) return false;
  try {
    meterModule(module, { canonicalNaN: true, refills: false, sharesMemory: true });
    return false;
  } catch (error) {
    if (error instanceof CompileError && error.feature === 'tail-call') return true;
    throw error;
  }
}

/** @throws Error where two engines differ. Returns the gas used. */
export function assertAgreement(
  program: Program,
  options: Partial<MeteredNamespaceOptions> & { gas?: bigint } = {},
): bigint {
  const { gas, ...rest } = options;
  const all = { limits: { ...LIMITS, gas }, ...rest };
  const [reference, ...others] = Object.entries(ALONE) as [string, Make][];
  const expected = observeMetered((reference as [string, Make])[1], program, all);
  if (isRefused(program.bytes)) return expected.gas ?? 0n;
  for (const [name, make] of others) {
    const found = observeMetered(make, program, all);
    const differ = differences(expected, found);
    if (expected.gas !== found.gas) differ.push(`gas: ${expected.gas} / ${found.gas}`);
    if (differ.length > 0) {
      throw new Error(`${name} differs at limit ${gas} (interpreter / it)\n  ${differ.slice(0, 12).join('\n  ')}`);
    }
  }
  return expected.gas ?? 0n;
}

const EXPORT_SECTION = 7;
const KINDS = ['function', 'table', 'memory', 'global'];

/**
 * The program without exports through which a reference to a function could go out. Where none comes in either, the
 * module is rewritten in another way: see `isClosed` in instrument/layout.ts.
 */
function closed({ bytes, calls }: Program): Program {
  const module = decode(bytes);
  const kept = module.exports.filter(({ kind, index }) => {
    if (kind === 'table') return module.tables[index]?.element !== FUNCREF;
    if (kind === 'global') return module.globals[index]?.type !== FUNCREF;
    const { params = [], results = [] } = kind === 'function' ? typeOfFunction(module, index) : {};
    return ![...params, ...results].includes(FUNCREF);
  });
  const exports = new Writer();
  exports.u32(kept.length);
  for (const { name, kind, index } of kept) {
    exports.name(name);
    exports.u8(KINDS.indexOf(kind));
    exports.u32(index);
  }
  const out = new Writer();
  out.copy(bytes, 0, 8);
  const reader = new Reader(bytes, 8);
  while (reader.pos < bytes.length) {
    const start = reader.pos;
    const id = reader.u8();
    reader.skip(reader.u32());
    if (id === EXPORT_SECTION) out.section(id, exports);
    else out.copy(bytes, start, reader.pos);
  }
  const names = new Set(kept.map(({ name }) => name));
  const isKept = (call: Call) => names.has(call.export) && !call.args.some((arg) => arg.startsWith('funcref'));
  const bare = out.take();
  try {
    decode(bare);
  } catch (error) {
    // Bodies may refer only to functions that occur elsewhere, and exports are such a place.
    if (error instanceof CompileError) return { bytes, calls };
    throw error;
  }
  return { bytes: bare, calls: calls.filter(isKept) };
}

function anyMeteredProgram(options: GenerateOptions): fc.Arbitrary<Program> {
  return fc
    .record({ program: anyProgram(options), isClosed: fc.boolean() })
    .map(({ program, isClosed }) => (isClosed ? closed(program) : program));
}

/** The program as it is, with limits that stop it here and there, and in slices. */
export function triangle(options: GenerateOptions = {}): Property<Program> {
  return {
    name: 'random programs on the three engines, with their gas',
    runs: 60,
    arbitrary: anyMeteredProgram({ canonicalNaN: false, ...options }),
    check(program) {
      const total = assertAgreement(program);
      for (const eighths of [3n, 7n]) assertAgreement(program, { gas: (total * eighths) / 8n });
      const slices = { gas: 13, onSlice: () => undefined };
      assertAgreement(program, { slices });
      if (total > 0n) assertAgreement(program, { slices, gas: total - 1n });
    },
    keep,
  };
}
