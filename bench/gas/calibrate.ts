/** Nanoseconds for a unit of gas, for every price on the schedule. */

import { encodeModule } from '../../test/generate/encode.ts';
import { CLASS_COST } from '../../wasm/gas.ts';
import type { FuncType } from '../../wasm/types.ts';
import { cpuTime } from '../clock.ts';
import { type Absent, contender } from '../contenders.ts';
import { type Compiled, type Engine, type Guest, type Imports, type Unit, unitOf } from '../engine.ts';
import type { Product } from '../product.ts';
import { median } from '../statistics.ts';
import { type Case, calibrationCases, ordinaryCases, PRICES, type Price } from './cases.ts';

/** No class may take more than this many times the median time for a unit. */
export const GAS_BAR = 8;

export interface CaseFigure {
  readonly name: string;
  readonly price: Case['price'];
  readonly nanosecondsPerUnit: number;
  /** Times the measure. */
  readonly ratio: number;
}

export interface PriceFigure {
  readonly price: Price;
  readonly units: string;
  /** The median of the price's cases; NaN where none runs. */
  readonly nanosecondsPerUnit: number;
  readonly ratio: number;
  readonly cases: readonly CaseFigure[];
  readonly worst: CaseFigure | undefined;
}

export interface FreeFigure extends CaseFigure {
  /** What one of the free things takes, beside the loop. */
  readonly nanosecondsEach: number;
  /** That in units of gas, by the median of the classes. */
  readonly worth: number;
}

export interface Calibration {
  /** Of the engine, for people. */
  readonly label: string;
  readonly prices: readonly PriceFigure[];
  readonly free: readonly FreeFigure[];
  /** For a unit: the median of the classes of instructions, or of ordinary code where the engine optimises. */
  readonly medianNanoseconds: number;
  /** Cases the engine does not run, with why. */
  readonly left: readonly { readonly name: string; readonly reason: string }[];
}

interface Sample {
  readonly nanoseconds: number;
  readonly gas: number;
  /** Times round the case's loop. */
  readonly rounds: number;
}

interface Runner {
  readonly case: Case;
  readonly sample: () => Sample | Promise<Sample>;
  readonly samples: Sample[];
}

/** What an empty loop takes is taken off what free things take. */
const EMPTY_LOOP = 'br_if (back)';

/** Samples before those that count, where the host's own code has to be compiled first. */
const WARMUP = 6;

/** Those that count gas, in the order of their tables: what has a bar to meet comes first. */
export const CALIBRATED = ['metered', 'native'] as const;

/** @returns why the engine cannot be measured here, where it cannot */
export async function calibrate(
  product: Product,
  key: (typeof CALIBRATED)[number],
  pace: { readonly rounds: number; readonly sample: number },
  onProgress: (text: string) => void,
  cases: readonly Case[] = calibrationCases(),
): Promise<Calibration | Absent> {
  const { label, create } = contender(key);
  const engine = await create(product);
  if ('absent' in engine) return engine;
  const runners: Runner[] = [];
  const left: { name: string; reason: string }[] = [];
  const optimises = key === 'native';
  const ordinary = optimises ? ordinaryCases() : [];
  for (const item of [...ordinary, ...cases.filter(({ isIdle }) => !(optimises && isIdle))]) {
    try {
      const sample = await prepare(product, key, engine, item, pace.sample);
      // Loops are warm from the search for their length.
      for (let i = 0; i < (item.timing === 'call' ? 1 : WARMUP); i++) await sample();
      runners.push({ case: item, sample, samples: [] });
    } catch (error) {
      left.push({ name: item.name, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  for (let round = 0; round < pace.rounds; round++) {
    onProgress(`gas calibration, ${label}, round ${round + 1} of ${pace.rounds}`);
    for (const runner of runners) runner.samples.push(await runner.sample());
  }
  const measure = optimises ? (runner: Runner) => ordinary.includes(runner.case) : undefined;
  return { label, left, ...figures(runners, measure) };
}

function prepare(
  product: Product,
  key: (typeof CALIBRATED)[number],
  engine: Engine,
  item: Case,
  target: number,
): Promise<() => Sample | Promise<Sample>> {
  const bytes = Uint8Array.from(encodeModule(item.module));
  return item.price === 'wasi'
    ? prepareSandbox(product, bytes, key === 'native' ? key : 'interpreter', target)
    : prepareGuest(engine, unitOf(product, item.name, bytes), item, target);
}

/** Samples of as many rounds as last for the time. */
async function lasting<S extends Sample | Promise<Sample>>(
  target: number,
  take: (rounds: number) => S,
): Promise<() => S> {
  let rounds = 1;
  const sample = () => take(rounds);
  // The better of two: a sample into which some compilation of the host's falls would end the search too soon.
  const took = async () => Math.min((await sample()).nanoseconds, (await sample()).nanoseconds);
  for (let last = await took(); last < target; last = await took()) {
    rounds = Math.ceil(rounds * Math.min(16, Math.max(1.5, (1.1 * target) / last)));
  }
  return sample;
}

async function prepareGuest(engine: Engine, unit: Unit, item: Case, target: number): Promise<() => Sample> {
  const compiled = await engine.compile(unit);
  switch (item.timing) {
    case 'call': {
      const guest = instantiate(compiled, unit, item);
      return lasting(target, (rounds) => callSample(guest, rounds));
    }
    case 'fresh':
      return () => gather(target, () => callSample(instantiate(compiled, unit, item), item.rounds ?? 1));
    case 'instantiate':
      return () =>
        gather(target, () => {
          const start = cpuTime();
          const guest = instantiate(compiled, unit, item);
          return { nanoseconds: (cpuTime() - start) * 1e6, gas: gasOf(guest), rounds: 1 };
        });
  }
}

function gasOf(guest: Guest): number {
  if (guest.gasUsed === undefined) throw new Error('the engine does not count gas');
  return Number(guest.gasUsed());
}

function callSample(guest: Guest, rounds: number): Sample {
  const gas = gasOf(guest);
  const start = cpuTime();
  guest.invoke('run', [rounds]);
  const nanoseconds = (cpuTime() - start) * 1e6;
  return { nanoseconds, gas: gasOf(guest) - gas, rounds };
}

/** As many samples as fill the time, in one. */
function gather(target: number, take: () => Sample): Sample {
  const sum = { nanoseconds: 0, gas: 0, rounds: 0 };
  while (sum.nanoseconds < target) {
    const { nanoseconds, gas, rounds } = take();
    sum.nanoseconds += nanoseconds;
    sum.gas += gas;
    sum.rounds += rounds;
  }
  return sum;
}

function instantiate(compiled: Compiled, unit: Unit, item: Case): Guest {
  let guest: Guest | undefined;
  const call = () => {
    if (item.host === 'looks at the memory') guest?.memory();
    return undefined;
  };
  const type = unit.module.types[0] as FuncType | undefined;
  const imports: Imports = item.host === undefined || type === undefined ? {} : { env: { f: { type, call } } };
  guest = compiled.instantiate(imports);
  return guest;
}

/** Host functions of the policy have their own prices, which only a sandbox charges. */
async function prepareSandbox(
  { sandbox: { WasmSandbox } }: Product,
  bytes: Uint8Array<ArrayBuffer>,
  engine: 'interpreter' | 'native',
  target: number,
): Promise<() => Promise<Sample>> {
  const guest = await WasmSandbox.fromBytes(bytes, { engine });
  return lasting(target, async (rounds): Promise<Sample> => {
    const gas = guest.getResourceStats().gasUsed;
    const start = cpuTime();
    await guest.call('run', [rounds]);
    const nanoseconds = (cpuTime() - start) * 1e6;
    return { nanoseconds, gas: Number(guest.getResourceStats().gasUsed - gas), rounds };
  });
}

/** The figure that the rest of the machine disturbed least; nothing makes a loop faster than it is. */
function least(samples: readonly number[]): number {
  return Math.min(...samples);
}

function figures(
  runners: readonly Runner[],
  isMeasure: ((runner: Runner) => boolean) | undefined,
): Pick<Calibration, 'prices' | 'free' | 'medianNanoseconds'> {
  const perUnit = new Map(
    runners.map((runner) => [runner, least(runner.samples.map(({ nanoseconds, gas }) => nanoseconds / gas))]),
  );
  const ofPrice = (price: Case['price']) => runners.filter((runner) => runner.case.price === price);
  const priceMedian = (price: Price) => median(ofPrice(price).map((runner) => perUnit.get(runner) as number));
  const prices = Object.keys(PRICES) as Price[];
  const classes = prices.filter((price) => price in CLASS_COST);
  const measures =
    isMeasure === undefined
      ? classes.map(priceMedian)
      : runners.filter(isMeasure).map((runner) => perUnit.get(runner) as number);
  const medianNanoseconds = median(measures.filter((value) => !Number.isNaN(value)));

  const figure = (runner: Runner): CaseFigure => {
    const nanosecondsPerUnit = perUnit.get(runner) as number;
    const { name, price } = runner.case;
    return { name, price, nanosecondsPerUnit, ratio: nanosecondsPerUnit / medianNanoseconds };
  };
  const perRound = ({ samples }: Runner) => least(samples.map(({ nanoseconds, rounds }) => nanoseconds / rounds));
  const empty = runners.find(({ case: { name } }) => name === EMPTY_LOOP);
  const emptyRound = empty === undefined ? 0 : perRound(empty);

  return {
    medianNanoseconds,
    prices: prices.map((price) => {
      const cases = ofPrice(price).map(figure);
      const nanosecondsPerUnit = priceMedian(price);
      const worst = cases.reduce<CaseFigure | undefined>(
        (a, b) => (a !== undefined && a.ratio >= b.ratio ? a : b),
        undefined,
      );
      return {
        price,
        units: PRICES[price],
        nanosecondsPerUnit,
        ratio: nanosecondsPerUnit / medianNanoseconds,
        cases,
        worst,
      };
    }),
    free: ofPrice('free').map((runner) => {
      const nanosecondsEach = Math.max(0, perRound(runner) - emptyRound) / (runner.case.free ?? 1);
      return { ...figure(runner), nanosecondsEach, worth: nanosecondsEach / medianNanoseconds };
    }),
  };
}
