/** The hunt for candidates beyond the bounds: counts, measures where that is worth it, and makes smaller what it finds. */

import { type Candidate, print } from './candidate.ts';
import {
  BOUNDS,
  type Count,
  type EngineName,
  entries,
  GAS,
  type Measure,
  ORACLES,
  type Oracle,
  type PlainWork,
  type Uses,
  uses,
  workUse,
  type Yardstick,
} from './measure.ts';
import { evenWeights, fitted, type Random, randomSkeleton, randomWeights, shrink, sizeOf, sweep } from './search.ts';
import { Lost, Refused, Worker } from './worker.ts';

/** Bytes of the modules whose work is counted, and of those that are measured, where the growth so far is reason enough. */
const COUNTED_SIZES = [2_500, 10_000] as const;
const SIZES = [40_000, 400_000] as const;
const LARGEST = SIZES[1];
/** Bytes of any candidate at most. */
const LIMIT = 2 << 20;
/** How often something is measured for which there is no reason. */
const CHANCE = 0.05;
/** How many of the worst are kept. */
const WORST = 10;
/** Milliseconds of a task at most, beside what its module may take. */
const PATIENCE = 6_000;
/** What stands for the use where the process died. */
const ENDED = 100;

/** What docs/gas.md says of some constructs natively: how many times as long as others their gas may take. */
const SLOWER: readonly (readonly [constructs: RegExp, times: number])[] = [
  [/br_table/, BOUNDS.gas.tables],
  [/nested-arms|throws/, BOUNDS.gas.throws],
  [/table\.get/, BOUNDS.gas.elements],
];

function yardstickFor(candidate: Candidate, engine: EngineName, yardstick: Yardstick): Yardstick {
  if (engine !== 'native') return yardstick;
  const text = print(candidate);
  const times = SLOWER.flatMap(([constructs, times]) => (constructs.test(text) ? [times] : []));
  return { ...yardstick, times: yardstick.times * Math.max(1, ...times) };
}

/** The stage that nothing of the project's has a part in. */
const HOST = 'host';

const YARDSTICK_SIZES = [256, 4_096, 16_384, 65_536, 262_144];
/** Programs whose time for a unit of gas is ordinary; their median is the ordinary time. */
const ORDINARY = ['mixing:500', 'long-mixing:500', 'float-mixing:500', 'memory-mixing:500', 'calls:500'];

/** A candidate as it was counted or measured. */
export interface Result {
  readonly candidate: Candidate;
  readonly engine: EngineName;
  readonly bytes: number;
  readonly count?: Count | undefined;
  /** Undefined where it was only counted, or came to no end. */
  readonly measure?: Measure | undefined;
  readonly uses: Uses;
  /** Why it came to no end. */
  readonly lost?: string | undefined;
}

export interface Finding {
  readonly oracle: Oracle;
  readonly use: number;
  readonly result: Result;
}

/** Who is told how it goes. */
export interface Watcher {
  onBegin(engine: EngineName, yardstick: Yardstick): void;
  onFinding(finding: Finding, from: Candidate): void;
  onProgress(hunt: Hunt, engine: EngineName, candidate: Candidate): void;
  onTrouble(message: string): void;
}

export interface HuntOptions {
  readonly engines: readonly EngineName[];
  readonly shrinks: boolean;
  readonly watcher: Watcher;
}

interface Known {
  readonly yardstick: Yardstick;
  readonly plainWork: PlainWork;
}

export class Hunt {
  readonly findings: Finding[] = [];
  counted = 0;
  measured = 0;
  private readonly options: HuntOptions;
  private readonly measurer = new Worker('measure');
  private readonly counter = new Worker('count');
  private readonly known = new Map<EngineName, Known>();
  private readonly worst = new Map<string, Finding[]>();

  constructor(options: HuntOptions) {
    this.options = options;
  }

  /** Measures what is ordinary. */
  async begin(): Promise<void> {
    for (const engine of this.options.engines) {
      const plainWork = await this.plainWork(engine);
      const yardstick = await this.yardstick(engine);
      this.known.set(engine, { yardstick, plainWork });
      this.options.watcher.onBegin(engine, yardstick);
    }
  }

  end(): void {
    this.measurer.end();
    this.counter.end();
  }

  /** Everything that is on the list, then random ones, until the time is over. */
  async run(random: Random, isOver: () => boolean, sweeps = true): Promise<void> {
    if (sweeps) {
      for (const skeleton of sweep(random)) {
        if (isOver()) return;
        await this.climb(skeleton, evenWeights(skeleton), random);
      }
    }
    while (!isOver()) {
      const skeleton = randomSkeleton(random);
      if (skeleton.length > 0) await this.climb(skeleton, randomWeights(skeleton, random), random);
    }
  }

  /** One candidate as it is, on every engine. */
  async only(candidate: Candidate): Promise<Result[]> {
    const results: Result[] = [];
    for (const engine of this.options.engines) {
      const counted = await this.count(candidate, engine);
      const confirmed = await this.confirmed(candidate, engine);
      if (counted === undefined || confirmed === undefined) continue;
      const result = { ...confirmed, count: counted.count, uses: { ...counted.uses, ...confirmed.uses } };
      results.push(result);
      for (const [oracle, use] of beyond(result.uses)) this.note({ oracle, use, result }, candidate);
    }
    return results;
  }

  /** The worst of an oracle, one for each set of constructs. */
  worstOf(engine: EngineName, oracle: Oracle): readonly Finding[] {
    return this.worst.get(`${engine} ${oracle}`) ?? [];
  }

  private async plainWork(engine: EngineName): Promise<PlainWork> {
    const of = (size: number) =>
      this.counter.run({ kind: 'count', candidate: undefined, size, engine }, 10 * PATIENCE) as Promise<Count>;
    const [short, long] = [await of(1_000), await of(20_000)];
    const slope = (long.work - short.work) / (long.bytes - short.bytes);
    return (bytes) => Math.max(short.work, short.work + slope * (bytes - short.bytes));
  }

  private async yardstick(engine: EngineName): Promise<Yardstick> {
    const task = { kind: 'yardstick', sizes: YARDSTICK_SIZES, engine } as const;
    const times = (await this.measurer.run(task, 20 * PATIENCE)) as number[];
    const units: number[] = [];
    for (const candidate of ORDINARY) {
      units.push((await this.measurer.run({ kind: 'unit', candidate, engine }, 10 * PATIENCE)) as number);
    }
    units.sort((a, b) => a - b);
    const time = (bytes: number) => interpolated(YARDSTICK_SIZES, times, bytes);
    return { time, unit: units[units.length >> 1] as number, times: BOUNDS.gas.times[engine], slowdown: 1 };
  }

  /** One skeleton: its work is counted, and where that grows too fast, or by chance, it is measured, larger and larger. */
  private async climb(skeleton: Candidate, weights: number[][], random: Random): Promise<void> {
    for (const engine of this.options.engines) {
      const counted = await this.accepted(skeleton, weights, COUNTED_SIZES[1], engine);
      if (counted === undefined) continue;
      this.rank(counted);
      const isSuspect = await this.grows(counted, fitted(skeleton, weights, COUNTED_SIZES[0]));
      if (!isSuspect && random() > CHANCE) continue;
      let before = 0;
      for (const size of SIZES) {
        const next = await this.accepted(skeleton, weights, size, engine);
        if (next === undefined || next.bytes < 1.5 * before) break;
        before = next.bytes;
        const result = await this.measure(next.candidate, engine);
        if (result === undefined) break;
        this.rank(result);
        if (beyond(result.uses).length > 0) {
          await this.pursue(next.candidate, engine);
          break;
        }
        // Growth that is as the square of the size would have to pass within the sizes that are left.
        const isHopeless = Math.max(...Object.values(result.uses)) * (LARGEST / next.bytes) < 1;
        if (isHopeless && random() > CHANCE) break;
      }
    }
  }

  /** The largest that is not refused for a limit on modules, counted; undefined where it cannot be built. */
  private async accepted(
    skeleton: Candidate,
    weights: number[][],
    bytes: number,
    engine: EngineName,
  ): Promise<Result | undefined> {
    const of = (size: number) => this.count(fitted(skeleton, weights, size), engine);
    const all = await of(bytes);
    if (all === undefined || all.count?.isRefused !== true) return all;
    let best: Result | undefined;
    let [low, high] = [Math.log2(64), Math.log2(bytes)];
    for (let i = 0; i < 6; i++) {
      const middle = (low + high) / 2;
      const next = await of(2 ** middle);
      if (next !== undefined && next.count?.isRefused !== true) {
        low = middle;
        best = next;
      } else high = middle;
    }
    // Up to where it is refused there may be too much of it, too.
    return best ?? all;
  }

  /** Whether a large module would do more work than it may, by how two small ones do. */
  private async grows(large: Result, candidate: Candidate): Promise<boolean> {
    const { work: use = 0 } = large.uses;
    if (large.count === undefined || use > 1) return true;
    if (use < 0.1) return false;
    const small = await this.count(candidate, large.engine);
    if (small?.count === undefined || small.bytes >= large.bytes) return use > 0.5;
    const exponent = Math.log(large.count.work / small.count.work) / Math.log(large.bytes / small.bytes);
    return use * (LARGEST / large.bytes) ** (exponent - 1) > 0.7;
  }

  /** A candidate that has passed a bound: once more, and smaller. */
  private async pursue(candidate: Candidate, engine: EngineName): Promise<void> {
    const confirmed = await this.confirmed(candidate, engine);
    if (confirmed === undefined) return;
    for (const [oracle] of beyond(confirmed.uses)) {
      const isKnown = this.findings.some((each) => covers(each, oracle, engine, candidate));
      if (isKnown) continue;
      const isBad = async (smaller: Candidate) =>
        ((await this.confirmed(smaller, engine, oracle))?.uses[oracle] ?? 0) > 1;
      const least = this.options.shrinks ? await shrink(candidate, isBad) : candidate;
      const result = await this.confirmed(least, engine, oracle);
      const use = result?.uses[oracle] ?? 0;
      // Once is no proof, on a machine that others use too.
      if (result !== undefined && use > 1) this.note({ oracle, use, result }, candidate);
    }
  }

  private note(finding: Finding, from: Candidate): void {
    this.findings.push(finding);
    this.options.watcher.onFinding(finding, from);
  }

  /**
   * What passes a bound is measured against what is ordinary by now: others may have begun to use the machine, and of one
   * that is virtual nobody is told what they do to its caches.
   */
  private async confirmed(candidate: Candidate, engine: EngineName, oracle?: Oracle): Promise<Result | undefined> {
    const best = await this.best(candidate, engine, oracle);
    if (best === undefined || beyond(best.uses).length === 0) return best;
    const yardstick = slower(this.ordinary(engine), await this.yardstick(engine));
    const result = await this.measure(candidate, engine, yardstick);
    return result && better(best, result);
  }

  /** The best of several measurements; of few where that is as good, or far from it. */
  private async best(candidate: Candidate, engine: EngineName, oracle?: Oracle): Promise<Result | undefined> {
    let best: Result | undefined;
    for (let i = 0; i < 3; i++) {
      const result = await this.measure(candidate, engine);
      if (result === undefined) return undefined;
      best = best === undefined ? result : better(best, result);
      const use = oracle === undefined ? Math.max(...Object.values(best.uses)) : (best.uses[oracle] ?? 0);
      if (use <= 1 || use > 4) break;
    }
    return best;
  }

  private ordinary(engine: EngineName): Yardstick {
    return (this.known.get(engine) as Known).yardstick;
  }

  /** Undefined where it cannot be built. */
  private async measure(
    candidate: Candidate,
    engine: EngineName,
    yardstick = this.ordinary(engine),
  ): Promise<Result | undefined> {
    const bytes = sizeOf(candidate, LIMIT);
    const allowed = BOUNDS.time.times * yardstick.time(bytes) + BOUNDS.time.more;
    const priced = yardstickFor(candidate, engine, yardstick);
    // What uses up its gas may take as long as that allows, in the same stage.
    const unit = priced.times * priced.unit;
    const running = unit * GAS;
    this.measured++;
    this.options.watcher.onProgress(this, engine, candidate);
    try {
      const task = { kind: 'measure', candidate: print(candidate), engine, limit: LIMIT, allowed, unit } as const;
      const measure = (await this.measurer.run(task, 4 * allowed + running + PATIENCE)) as Measure;
      return { candidate, engine, bytes, measure, uses: uses(measure, priced) };
    } catch (error) {
      return this.failed(error, { candidate, engine, bytes }, allowed + running);
    }
  }

  private async count(candidate: Candidate, engine: EngineName): Promise<Result | undefined> {
    const { plainWork } = this.known.get(engine) as Known;
    const bytes = sizeOf(candidate, LIMIT);
    this.counted++;
    this.options.watcher.onProgress(this, engine, candidate);
    try {
      const task = { kind: 'count', candidate: print(candidate), engine } as const;
      const count = (await this.counter.run(task, 10 * PATIENCE)) as Count;
      return { candidate, engine, bytes, count, uses: { work: workUse(count, plainWork) } };
    } catch (error) {
      return this.failed(error, { candidate, engine, bytes }, PATIENCE);
    }
  }

  private failed(
    error: unknown,
    about: Pick<Result, 'candidate' | 'engine' | 'bytes'>,
    allowed: number,
  ): Result | undefined {
    if (error instanceof Refused) {
      this.options.watcher.onTrouble(`${about.engine} ${print(about.candidate)}: ${error.message}`);
      return undefined;
    }
    if (!(error instanceof Lost)) throw error;
    if (error.stage === HOST) {
      this.options.watcher.onTrouble(`${print(about.candidate)}: the host alone ${error.message}`);
      return undefined;
    }
    const oracle = ORACLES.find((name) => name === error.stage) ?? 'time';
    const use = error.isLate ? error.milliseconds / allowed : ENDED;
    return { ...about, uses: { [error.isLate ? oracle : 'grown']: use }, lost: `${error.stage}: ${error.message}` };
  }

  private rank(result: Result): void {
    const names = (candidate: Candidate) => candidate.map(({ name }) => name).join(' ');
    for (const [oracle, use] of entries(result.uses)) {
      const key = `${result.engine} ${oracle}`;
      const list = this.worst.get(key) ?? [];
      const same = list.find((each) => names(each.result.candidate) === names(result.candidate));
      if (same !== undefined && same.use >= use) continue;
      const next = [...list.filter((each) => each !== same), { oracle, use, result }];
      this.worst.set(key, next.sort((a, b) => b.use - a.use).slice(0, WORST));
    }
  }
}

/** What is ordinary at the slower of two times. */
function slower(first: Yardstick, later: Yardstick): Yardstick {
  return {
    time: (bytes) => Math.max(first.time(bytes), later.time(bytes)),
    unit: Math.max(first.unit, later.unit),
    times: first.times,
    slowdown: Math.max(1, later.unit / first.unit),
  };
}

function beyond(all: Uses): [Oracle, number][] {
  return entries(all).filter(([, use]) => use > 1);
}

/** Whether a finding has nothing that the candidate does not have. */
function covers({ oracle, result }: Finding, of: Oracle, engine: EngineName, candidate: Candidate): boolean {
  const names = new Set(candidate.map(({ name }) => name));
  return oracle === of && result.engine === engine && result.candidate.every(({ name }) => names.has(name));
}

/** The lower of each use. What came to no end once says nothing of the other uses. */
function better(a: Result, b: Result): Result {
  const least: Partial<Record<Oracle, number>> = {};
  for (const oracle of ORACLES) {
    const [x, y] = [a.uses[oracle], b.uses[oracle]];
    const isKnown = (use: number | undefined, { lost }: Result) => use !== undefined || lost !== undefined;
    if (!isKnown(x, a) || !isKnown(y, b)) continue;
    const use = Math.min(x ?? Number.POSITIVE_INFINITY, y ?? Number.POSITIVE_INFINITY);
    if (Number.isFinite(use)) least[oracle] = use;
  }
  return { ...(a.lost === undefined ? a : b), uses: least };
}

function interpolated(sizes: readonly number[], times: readonly number[], bytes: number): number {
  const after = sizes.findIndex((size) => size >= bytes);
  if (after === 0) return times[0] as number;
  const last = after < 0 ? sizes.length - 1 : after;
  const [x, y] = [sizes[last - 1] as number, sizes[last] as number];
  const [from, to] = [times[last - 1] as number, times[last] as number];
  return from + ((to - from) * (bytes - x)) / (y - x);
}
