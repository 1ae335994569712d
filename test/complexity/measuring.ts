/**
 * What a candidate costs: in a process of its own, as some of them would end it. Takes one task at a time from its
 * parent, and says when a stage of it is over, so that the parent knows where it hangs.
 */

import { cpuTime } from '../../bench/clock.ts';
import { Capability } from '../../policy/index.ts';
import { WasmSandbox as AsyncSandbox, WasmSandboxError } from '../../src/index.ts';
import { WasmSandbox } from '../../src/sync.ts';
import { createWebAssembly } from '../../src/webassembly.ts';
import { build, constructOf, MANY_TIMES, ONCE, parse, plain, small } from './candidate.ts';
import { peak, resetPeak } from './footprint.ts';
import { BOUNDS, type EngineName, GAS, type Measure, type MeasureTask, type Task, type Timed } from './measure.ts';

/** Milliseconds that a sample of running lasts at least. */
const SAMPLE = 4;
/** The same of what takes too long so far. */
const LONG_SAMPLE = 50;
/** Samples that are no better than those before until they are believed: the host compiles loops again as they run. */
const IDLE = 3;
/**
 * Milliseconds in which what takes too long is sampled on: to compile the interpreter takes a new process most of a second, all
 * of it counted here, and longer where others keep its compiler from a processor.
 */
const SETTLING = 2_000;
const MOST_ROUNDS = 2 ** 31 - 1;
/** Rounds at most in which what takes too long is measured again; as many as ordinary modules have. */
const ROUNDS = 5;
/** Milliseconds of preparation from which it is not done again only to see what else it takes. */
const SLOW = 1_000;
/** No more gas than this in a sample: it costs what it should. */
const SAMPLE_GAS = 30_000_000;

const NOTHING = { gasUsed: 0n, peakMemoryBytes: 0 };

const capabilities = [Capability.hostFunctions('env', { f: () => undefined })];
const collect = (globalThis as { gc?: () => void }).gc ?? (() => undefined);

function footprint(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function sandboxOf(source: Parameters<typeof WasmSandbox.fromBytes>[0], engine: EngineName): WasmSandbox {
  return WasmSandbox.fromBytes(source, { engine, gasLimit: GAS, capabilities });
}

const gasOf = (sandbox: WasmSandbox): number => Number(sandbox.getResourceStats().gasUsed);

function reason(error: unknown): string {
  return error instanceof Error ? `${error.constructor.name}: ${error.message.slice(0, 200)}` : String(error);
}

/**
 * Runs what may fail; returns why it did.
 * @param failed called with the error
 */
function attempt(run: () => void, failed?: (error: unknown) => void): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    failed?.(error);
    return reason(error);
  }
}

/** What a sandbox that did not come about has taken, and paid for. */
function taken(error: unknown): Pick<Measure, 'gas' | 'guest'> {
  const { gasUsed, peakMemoryBytes } = (error instanceof WasmSandboxError && error.resources) || NOTHING;
  return { gas: Number(gasUsed), guest: peakMemoryBytes };
}

function timed(sandbox: WasmSandbox, run: () => void): Timed {
  const gas = gasOf(sandbox);
  const start = cpuTime();
  attempt(run);
  const milliseconds = cpuTime() - start;
  return { milliseconds, gas: gasOf(sandbox) - gas };
}

/**
 * As many rounds as last long enough, and the best of samples until they become no better.
 * @param unit milliseconds that a unit of gas may take
 */
function running(sandbox: WasmSandbox, first: Timed, unit: number): Timed {
  let rounds = Math.ceil(
    Math.min(1e6, SAMPLE / Math.max(first.milliseconds, 0.001), SAMPLE_GAS / Math.max(first.gas, 1)),
  );
  let best: Timed | undefined;
  const settled = cpuTime() + SETTLING;
  const isGood = () => best !== undefined && best.milliseconds <= unit * best.gas;
  for (let idle = 0; idle < IDLE || (!isGood() && cpuTime() < settled); ) {
    const sample = timed(sandbox, () => sandbox.call(MANY_TIMES, [rounds]));
    const isBetter = best === undefined || sample.milliseconds * best.gas < 0.9 * best.milliseconds * sample.gas;
    if (best === undefined || sample.milliseconds * best.gas < best.milliseconds * sample.gas) best = sample;
    // The host optimises a loop as it runs, and never where it hardly begins.
    const least = isGood() ? SAMPLE : LONG_SAMPLE;
    const isShort = sample.milliseconds < least && sample.gas < SAMPLE_GAS && rounds < MOST_ROUNDS;
    idle = isBetter || isShort ? 0 : idle + 1;
    if (gasOf(sandbox) + 20 * sample.gas > GAS) break;
    const more = Math.min(8, Math.max(1.5, (1.2 * least) / Math.max(sample.milliseconds, 0.01)));
    if (isShort) rounds = Math.min(MOST_ROUNDS, Math.ceil(rounds * more));
  }
  return best as Timed;
}

/** The same module in other bytes, so that the host compiles it again: with a custom section more. */
function varied(bytes: Uint8Array, round: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([...bytes, 0, 2, 1, round]);
}

/** Milliseconds of preparing a module and calling it. */
interface Preparation {
  readonly prepare: number;
  readonly call: number;
}

function preparation(bytes: Uint8Array<ArrayBuffer>, engine: EngineName): Preparation {
  const start = cpuTime();
  let sandbox: WasmSandbox | undefined;
  attempt(() => {
    sandbox = sandboxOf(bytes, engine);
  });
  const prepared = cpuTime();
  attempt(() => sandbox?.call(ONCE));
  return { prepare: prepared - start, call: cpuTime() - prepared };
}

const total = ({ prepare, call }: Preparation) => prepare + call;

/** The best of several, unless one is good: the host compiles what it sees again, and forgets it when it is told to collect. */
function best<T>(first: T, next: (round: number) => T, cost: (of: T) => number, good: number): T {
  let least = first;
  for (let round = 0; round < ROUNDS && cost(least) > good; round++) {
    const other = next(round);
    if (cost(other) < cost(least)) least = other;
  }
  return least;
}

async function measure(
  { candidate: text, engine, limit, allowed, unit }: MeasureTask,
  stage: (name: string) => void,
): Promise<Measure> {
  const candidate = parse(text);
  const bytes = Uint8Array.from(build(candidate, limit));
  const kinds = candidate.map((term) => constructOf(term).kind);
  collect();
  const before = footprint();
  const { rss } = process.memoryUsage();
  const hasPeak = resetPeak();
  const start = cpuTime();
  let sandbox: WasmSandbox | undefined;
  let refused = taken(undefined);
  let failure = attempt(
    () => {
      sandbox = sandboxOf(bytes, engine);
    },
    (error) => {
      refused = taken(error);
    },
  );
  const prepared = cpuTime();
  failure ??= attempt(() => sandbox?.call(ONCE));
  const first = { prepare: prepared - start, call: cpuTime() - prepared };
  const grown = hasPeak ? (peak() ?? rss) - rss : undefined;
  collect();
  const retained = footprint() - before;
  const stats = sandbox?.getResourceStats();
  const more = (round: number) => {
    stage('prepare');
    return preparation(varied(bytes, round), engine);
  };
  const result: Measure = {
    bytes: bytes.length,
    ...best(first, more, total, allowed),
    ...(stats === undefined ? refused : { gas: Number(stats.gasUsed), guest: stats.peakMemoryBytes }),
    retained,
    grown,
    failure,
    account: stats && stats.moduleBytes + stats.codeBytes,
  };
  if (sandbox === undefined) return result;
  const live = sandbox;
  const repeat = () => {
    stage('again');
    return timed(live, () => live.call(ONCE));
  };
  // What takes much gas is believed at once: there is no gas for many calls of it.
  const isLong = result.gas > SAMPLE_GAS;
  const many = () => best(repeat(), repeat, ({ milliseconds }) => milliseconds, BOUNDS.gas.once);
  let again = isLong ? (2 * result.gas > GAS ? undefined : repeat()) : many();
  stage('run');
  const isRun = failure === undefined && kinds.some((kind) => kind !== 'module');
  const run = isRun && !isLong && again !== undefined ? running(live, again, unit) : undefined;
  // What is compiled by now is what a call takes that comes after the first.
  if (run !== undefined && again !== undefined && again.milliseconds > unit * again.gas + BOUNDS.gas.once)
    again = many();
  stage('instantiate');
  const isWorth = kinds.includes('module') && result.prepare < SLOW;
  const instantiate = isWorth ? await instantiation(bytes, engine) : undefined;
  stage('slice');
  const slice = await longest(bytes, engine);
  stage('host');
  const host = engine === 'native' ? alone(bytes) : undefined;
  return { ...result, again, run, instantiate, slice, host };
}

/**
 * The longest stretch in which a sandbox that has a limit of time does not look at the clock, from its bytes to the end
 * of the first call; the best of several, as the host may compile in one.
 */
async function longest(bytes: Uint8Array<ArrayBuffer>, engine: EngineName): Promise<number> {
  const { now } = performance;
  let [last, most] = [0, 0];
  const look = () => {
    const at = cpuTime();
    most = Math.max(most, at - last);
    last = cpuTime();
  };
  performance.now = () => {
    look();
    return now.call(performance);
  };
  const once = async (): Promise<number> => {
    [last, most] = [cpuTime(), 0];
    try {
      const options = { engine, gasLimit: GAS, capabilities, cpuTimeout: 100_000 };
      const sandbox = await AsyncSandbox.fromBytes(bytes, options);
      await sandbox.call(ONCE);
    } catch {
      // It has taken its time all the same.
    }
    look();
    return most;
  };
  try {
    let least = Number.POSITIVE_INFINITY;
    for (let round = 0; round < ROUNDS && least > BOUNDS.slice; round++) least = Math.min(least, await once());
    return least;
  } finally {
    performance.now = now;
  }
}

/** Milliseconds that the host takes for the module as it is; undefined where it does not take it. */
function alone(bytes: Uint8Array<ArrayBuffer>): number | undefined {
  const start = cpuTime();
  const failure = attempt(() => {
    const module = new WebAssembly.Module(bytes);
    const { exports } = new WebAssembly.Instance(module, { env: { f: () => undefined } });
    (exports[ONCE] as () => void)();
  });
  return failure === undefined ? cpuTime() - start : undefined;
}

/** Of a module that is compiled already. */
async function instantiation(bytes: Uint8Array<ArrayBuffer>, engine: EngineName): Promise<Timed | undefined> {
  const namespace = await createWebAssembly({ engine });
  let best: Timed | undefined;
  attempt(() => {
    const module = new namespace.Module(bytes);
    for (let i = 0; i < 3; i++) {
      const start = cpuTime();
      const sandbox = sandboxOf(module as never, engine);
      const milliseconds = cpuTime() - start;
      if (i > 0 && (best === undefined || milliseconds < best.milliseconds))
        best = { milliseconds, gas: gasOf(sandbox) };
    }
  });
  return best;
}

/** Milliseconds that ordinary modules take to be prepared and called, by their size. The largest go first, as they warm. */
function yardstick(sizes: readonly number[], engine: EngineName): number[] {
  const times = sizes.toReversed().map((size) => {
    const bytes = Uint8Array.from(plain(size));
    const first = preparation(bytes, engine);
    const { prepare, call } = best(first, (round) => preparation(varied(bytes, round), engine), total, 0);
    return prepare + call;
  });
  return times.reverse();
}

const MOST_SAMPLES = 100;

/** Milliseconds for a unit of gas, in loops that are warm. */
function unit(candidate: string, engine: EngineName): number {
  const sandbox = sandboxOf(Uint8Array.from(build(parse(candidate), 1 << 20)), engine);
  let best = Number.POSITIVE_INFINITY;
  // Until it gets no better: on a machine that has much else to do, the host takes a while to optimise the loop.
  for (let left = 3, rounds = 0; left > 0 && rounds < MOST_SAMPLES; left--, rounds++) {
    const { milliseconds, gas } = running(sandbox, { milliseconds: SAMPLE, gas: SAMPLE_GAS }, Number.POSITIVE_INFINITY);
    const unit = milliseconds / gas;
    if (unit < 0.8 * best) left = 10;
    best = Math.min(best, unit);
  }
  return best;
}

/** What this process is for. */
type MeasuringTask = Exclude<Task, { readonly kind: 'count' | 'text' }>;

async function answer(task: MeasuringTask, stage: (name: string) => void): Promise<unknown> {
  switch (task.kind) {
    case 'yardstick':
      return yardstick(task.sizes, task.engine);
    case 'unit':
      return unit(task.candidate, task.engine);
    case 'measure':
      return measure(task, stage);
  }
}

/** Has the host compile what every candidate needs, as it has for the ordinary ones: small ones of every construct. */
function warm(): void {
  for (const candidate of small()) {
    const bytes = Uint8Array.from(build(candidate, 1 << 20));
    for (const engine of ['interpreter', 'native'] as const) attempt(() => sandboxOf(bytes, engine).call(ONCE));
  }
}

process.on('message', async (task: MeasuringTask) => {
  try {
    const value = await answer(task, (name) => process.send?.({ stage: name }));
    process.send?.({ value });
  } catch (error) {
    process.send?.({ error: reason(error), tooLarge: error instanceof Error && error.constructor.name === 'TooLarge' });
  }
});
warm();
process.send?.({ stage: 'ready' });
