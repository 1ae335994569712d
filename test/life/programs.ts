/** Programs whose calls are left and taken up again, and all that can be seen of them. */

import fc from 'fast-check';
import { objectBytes } from '../../interpreter/gc/layout.ts';
import { isHeapObject } from '../../interpreter/gc/objects.ts';
import { interpreter } from '../../interpreter/index.ts';
import type { ForeignFunction } from '../../interpreter/store/foreign.ts';
import type { Instance } from '../../interpreter/store/instance.ts';
import { decode } from '../../wasm/decode.ts';
import type { EngineExecution, EngineInstance, ImportResolver, InstanceLimits } from '../../wasm/engine.ts';
import { UsageError } from '../../wasm/errors.ts';
import { HostFunction, type WasmValue } from '../../wasm/host.ts';
import { typeOfFunction, type WasmModule } from '../../wasm/module.ts';
import { EXTERNREF, F32, F64, FUNCREF, type FuncType, I64 } from '../../wasm/types.ts';
import { WireReader, WireWriter } from '../../wasm/wire.ts';
import { encodeModule } from '../generate/encode.ts';
import { GENERATED_FEATURES } from '../generate/later.ts';
import { anyShape, describeModule, type GenerateOptions } from '../generate/module.ts';
import { describeError, hashOf } from '../instrument/triangle.ts';

export const LIMITS: InstanceLimits = { gas: undefined, memoryBytes: 64 * 1024 * 1024, stackBytes: 64 * 1024 };

export interface LifeCall {
  readonly export: string;
  readonly args: readonly WasmValue[];
}

export interface LifeProgram {
  readonly bytes: Uint8Array;
  readonly calls: readonly LifeCall[];
}

function valueFrom(type: number, bits: number): WasmValue {
  switch (type) {
    case I64:
      return BigInt(bits) * 0x1_0001_0003n;
    case F32:
      return Math.fround(bits / 8);
    case F64:
      return bits / 16;
    case FUNCREF:
      return null;
    case EXTERNREF:
      return [null, 'a text', bits, true][bits & 3];
    default:
      return bits | 0;
  }
}

/** Modules that bring all they need but functions, of release 2.0 and of 3.0, and calls of what they export. */
export function anyLifeProgram(): fc.Arbitrary<LifeProgram> {
  return fc.oneof(anyProgramWith({}), anyProgramWith({ features: GENERATED_FEATURES }));
}

export function anyProgramWith(options: GenerateOptions): fc.Arbitrary<LifeProgram> {
  const module = anyShape(options).map((shape) =>
    encodeModule(
      describeModule(
        {
          ...shape,
          memory: shape.memory && { ...shape.memory, imported: false },
          moreMemories: shape.moreMemories.map((memory) => ({ ...memory, imported: false })),
          tags: shape.tags.map((tag) => ({ ...tag, imported: false })),
          tables: shape.tables.map((table) => ({ ...table, imported: false })),
          globals: shape.globals.map((global) => ({ ...global, imported: false })),
        },
        options,
      ),
    ),
  );
  const anyCall = fc.record({ skip: fc.nat(2), bits: fc.array(fc.integer(), { maxLength: 4 }) });
  return fc
    .record({ bytes: module, picks: fc.array(anyCall, { minLength: 1, maxLength: 8 }) })
    .map(({ bytes, picks }) => {
      const decoded = decode(bytes);
      const functions = decoded.exports.filter(({ kind }) => kind === 'function');
      let at = -1;
      const calls = picks.flatMap(({ skip, bits }) => {
        at += 1 + skip;
        const chosen = functions[at % functions.length];
        if (chosen === undefined) return [];
        const { params } = typeOfFunction(decoded, chosen.index);
        return [{ export: chosen.name, args: params.map((type, i) => valueFrom(type, bits[i] ?? 0)) }];
      });
      return { bytes, calls };
    });
}

/** Host functions whose results depend on their arguments alone, so that it does not matter where they are called. */
export function imports(answer: (value: WasmValue, type: FuncType) => WasmValue = (value) => value): ImportResolver {
  return (_module, name, type) =>
    new HostFunction(type, { base: 3, perByte: 1 }, (caller, args) => {
      caller.chargeBytes(5);
      let hash = name.length;
      for (const arg of args) for (const char of String(arg)) hash = (Math.imul(hash, 31) + char.charCodeAt(0)) | 0;
      const view = caller.memory?.view(hash & 0xff, 4);
      view?.fill(hash);
      const values = type.results.map((result, i) => valueFrom(result, (hash >> i) & 0x7fff));
      return answer(values.length > 1 ? values : values[0], type);
    });
}

export function instantiate(
  module: WasmModule,
  resolve: ImportResolver = imports(),
  limits: InstanceLimits = LIMITS,
): EngineInstance {
  return interpreter.instantiate(module, { limits, imports: resolve });
}

/** Makes a call; may go on with it in another instance, and returns which. */
export type Drive = (
  instance: EngineInstance,
  call: LifeCall,
) => Promise<{ readonly results: readonly WasmValue[]; readonly instance: EngineInstance }>;

export const whole: Drive = async (instance, call) => ({
  results: await instance.callAsync(call.export, call.args),
  instance,
});

/** In steps of what `gas` gives. */
export function stepping(gas: () => bigint): Drive {
  return async (instance, call) => {
    const execution = begin(instance, call);
    while (execution.advance(gas()) !== 'done') await execution.settled;
    return { results: execution.results, instance };
  };
}

export function begin(instance: EngineInstance, call: LifeCall) {
  const execution = instance.begin?.(call.export, call.args);
  if (execution === undefined) throw new Error('the interpreter can begin calls');
  return execution;
}

/** Carries the instance in which a drive failed. */
export class DriveFailure {
  readonly error: unknown;
  readonly instance: EngineInstance;

  constructor(error: unknown, instance: EngineInstance) {
    this.error = error;
    this.instance = instance;
  }
}

/** The core instance, for what its interface does not show. */
export function coreOf(instance: EngineInstance): Instance {
  return (instance as unknown as { instance: Instance }).instance;
}

function showReference(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'index' in value) return `function ${value.index}`;
  if (isHeapObject(value)) return `object of ${objectBytes(value)} bytes`;
  if (typeof value === 'object' && value !== null && 'awaits' in value) {
    return `host function ${(value as ForeignFunction).type.key}`;
  }
  return `${typeof value} ${String(value)}`;
}

function show(value: WasmValue): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (Object.is(value, -0)) return '-0';
  return typeof value === 'object' && value !== null ? showReference(value) : String(value);
}

/** All of an instance's state. */
export function stateOf(instance: EngineInstance): string[] {
  const core = coreOf(instance);
  const { gasUsed, memoryBytes, peakMemoryBytes } = instance.figures();
  return [
    `gas ${gasUsed}, ${memoryBytes} bytes, at most ${peakMemoryBytes}`,
    ...core.memories.map(({ bytes, byteLength }) => `memory ${byteLength} ${hashOf(bytes.subarray(0, byteLength))}`),
    `objects ${core.heap.used}, ${core.heap.allocated} since the last trace`,
    `globals ${[...core.cells]}; ${core.globals.map(({ reference }) => showReference(reference))}`,
    ...core.tables.map(({ elements }) => `table ${elements.map(showReference)}`),
    `dropped ${[...core.droppedData].sort()}; ${[...core.droppedElements].sort()}; ${core.tank.exhausted}`,
  ];
}

/** Everything that can be seen of a program. */
export async function trace(
  { bytes, calls }: LifeProgram,
  drive: Drive,
  make: (module: WasmModule) => EngineInstance = (module) => instantiate(module),
): Promise<string[]> {
  const lines: string[] = [];
  let instance = make(decode(bytes));
  try {
    instance.start();
  } catch (error) {
    return [`start: ${describeError(error)}`, ...stateOf(instance)];
  }
  for (const call of calls) {
    let outcome: string;
    try {
      const done = await drive(instance, call);
      instance = done.instance;
      outcome = done.results.map(show).join(', ');
    } catch (error) {
      if (error instanceof DriveFailure) instance = error.instance;
      outcome = describeError(error instanceof DriveFailure ? error.error : error);
    }
    lines.push(`${call.export}(${call.args.map(show).join(', ')}): ${outcome}`, ...stateOf(instance));
  }
  return lines;
}

/** Numbers that depend on the seed alone. */
export function sequence(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** The same instance once more, by way of bytes or directly, with the call that was left in it. */
export function again(
  module: WasmModule,
  instance: EngineInstance,
  left: EngineExecution | undefined,
  { viaBytes, resolve = imports() }: { readonly viaBytes: boolean; readonly resolve?: ImportResolver },
): { instance: EngineInstance; execution: EngineExecution | undefined } {
  const copy = instantiate(module, resolve);
  const image = instance.capture?.(left, viaBytes ? 'write' : 'copy');
  if (image === undefined) throw new Error('the interpreter can capture');
  if (!viaBytes) return { instance: copy, execution: copy.install?.(image) };
  const writer = new WireWriter();
  image.write(writer);
  return { instance: copy, execution: copy.install?.(new WireReader(writer.written.slice())) };
}

/** In steps, with the guest moved to another instance between some of them. Ends every instance it leaves. */
export function moving(module: WasmModule, seed: number, resolve?: ImportResolver): Drive {
  const next = sequence(seed);
  return async (first, call) => {
    let instance = first;
    let execution = begin(instance, call);
    const move = () => {
      const moved = again(module, instance, execution, { viaBytes: next() % 2 === 0, ...(resolve && { resolve }) });
      execution.abort(new UsageError('moved'));
      ({ instance } = moved);
      execution = moved.execution ?? begin(instance, call);
    };
    try {
      for (;;) {
        const stop = execution.advance(BigInt(next() % [2, 20, 300][next() % 3]!));
        if (stop === 'done') return { results: execution.results, instance };
        if (stop === 'waiting') await execution.settled;
        if (next() % 4 === 0) move();
      }
    } catch (error) {
      throw new DriveFailure(error, instance);
    }
  };
}
