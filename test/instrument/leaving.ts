/** Programs that run natively and are left: all that can be seen of them, against runs that nobody disturbs. */

import { interpreter } from '../../interpreter/index.ts';
import { leavableEngine, warmingEngine } from '../../src/engines/leavable.ts';
import type { Engine, EngineExecution, EngineInstance, ImportResolver, InstanceLimits } from '../../wasm/engine.ts';
import { typeOfFunction, type WasmModule } from '../../wasm/module.ts';
import { V128 } from '../../wasm/types.ts';
import { WireWriter } from '../../wasm/wire.ts';
import { imports, LIMITS, type LifeCall } from '../life/programs.ts';
import { describeError, hashOf } from './triangle.ts';

export interface LeaveOptions {
  readonly limits?: Partial<InstanceLimits>;
  readonly resolve?: () => ImportResolver;
  /** Units of the pieces in which a call goes on that was left, so many at most; all at once unless given. */
  readonly piece?: bigint;
  /** Whether it is what it was at first again before each call. */
  readonly resets?: boolean;
}

/** Those that begin in a function of the guest's, and pass no vectors, which cannot be between guest and host. */
export function callable(module: WasmModule, calls: readonly LifeCall[]): LifeCall[] {
  return calls.filter((call) => {
    const index = module.exportsByName.get(call.export)?.index ?? 0;
    const { params, results } = typeOfFunction(module, index);
    return index >= module.importedFunctions && ![...params, ...results].includes(V128);
  });
}

const MOST_PIECES = 50;

const engines = { interpreter, native: leavableEngine(), warming: warmingEngine() } as const satisfies Record<
  string,
  Engine
>;

export function instantiate(
  engine: keyof typeof engines,
  module: WasmModule,
  { limits, resolve = () => imports() }: LeaveOptions = {},
): EngineInstance {
  return engines[engine].instantiate(module, { limits: { ...LIMITS, ...limits }, imports: resolve() });
}

/** All that the guest is, as the bytes of a snapshot. */
export function bytesOf(instance: EngineInstance, left?: EngineExecution): string {
  const writer = new WireWriter();
  try {
    instance.capture?.(left, 'write').write(writer);
  } catch (error) {
    return describeError(error);
  }
  const bytes = writer.written.slice();
  const padded = new Uint8Array((bytes.length + 3) & ~3);
  padded.set(bytes);
  return `${bytes.length} bytes, ${hashOf(padded)}`;
}

function show(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (Object.is(value, -0)) return '-0';
  return typeof value === 'object' && value !== null ? 'reference' : String(value);
}

/** What a run is, line by line; and how much gas each call has used. */
export interface Seen {
  readonly lines: readonly string[];
  readonly gas: readonly bigint[];
  /** Where it was stopped, and why: the count then. */
  readonly stops: readonly string[];
}

/**
 * Runs a program on one instance.
 * @param leaveAt by call: units after which it is left, once
 */
export async function run(
  engine: keyof typeof engines,
  module: WasmModule,
  calls: readonly LifeCall[],
  options: LeaveOptions = {},
  leaveAt: ReadonlyMap<number, bigint> = new Map(),
): Promise<Seen> {
  const lines: string[] = [];
  const gas: bigint[] = [];
  const stops: string[] = [];
  let instance: EngineInstance;
  try {
    instance = instantiate(engine, module, options);
    instance.start();
  } catch (error) {
    return { lines: [describeError(error)], gas, stops };
  }
  for (const [i, call] of calls.entries()) {
    if (options.resets) {
      instance.reset?.();
      instance.start();
    }
    const before = instance.gasUsed;
    let outcome: string;
    try {
      const execution = instance.begin?.(call.export, call.args) as EngineExecution;
      let stop = execution.advance(leaveAt.get(i));
      for (let piece = 0; stop !== 'done'; piece++) {
        stops.push(`call ${i} ${stop} at ${instance.gasUsed}`);
        if (stop === 'waiting') await execution.settled;
        stop = execution.advance(piece < MOST_PIECES ? options.piece : undefined);
      }
      outcome = execution.results.map(show).join(', ');
    } catch (error) {
      outcome = describeError(error);
    }
    gas.push(instance.gasUsed - before);
    const { gasUsed, memoryBytes, peakMemoryBytes } = instance.figures();
    lines.push(
      `${call.export}: ${outcome}; gas ${gasUsed}, ${memoryBytes} of ${peakMemoryBytes}; ${bytesOf(instance)}`,
    );
  }
  return { lines, gas, stops };
}

/** The bytes of a guest that has been left in a call after so many units, for each of these; `done` where it had ended before. */
export function leftBytes(
  engine: keyof typeof engines,
  module: WasmModule,
  call: LifeCall,
  marks: readonly bigint[],
): string[] {
  return marks.map((mark) => {
    const instance = instantiate(engine, module);
    try {
      instance.start();
      const execution = instance.begin?.(call.export, call.args) as EngineExecution;
      return execution.advance(mark) === 'done' ? 'done' : bytesOf(instance, execution);
    } catch (error) {
      return describeError(error);
    }
  });
}
