/** What is measured of a candidate, and how it is compared with the bounds. */

export type EngineName = 'interpreter' | 'native';

/** Units that a candidate is given: far more than preparing any module takes; what ends a call that would never end. */
export const GAS = 1_000_000_000;

/** Processor time and gas of the same work. */
export interface Timed {
  readonly milliseconds: number;
  readonly gas: number;
}

export interface Measure {
  readonly bytes: number;
  /** Milliseconds of processor time: decoding to an instance, and the first call. */
  readonly prepare: number;
  readonly call: number;
  readonly gas: number;
  /** Bytes of the guest's that its own budget counted. */
  readonly guest: number;
  /** Bytes of heap and buffers that stay while the sandbox does. */
  readonly retained: number;
  /** Bytes by which the process grew at most; undefined where the host does not tell. */
  readonly grown: number | undefined;
  /** Why there is no sandbox, or what ended the first call. */
  readonly failure: string | undefined;
  /** What the host's own engine takes for the module as it is, natively and where it takes it. */
  readonly host?: number | undefined;
  /** The second call. */
  readonly again?: Timed | undefined;
  /** A loop of calls. */
  readonly run?: Timed | undefined;
  /** Of a module that is ready. */
  readonly instantiate?: Timed | undefined;
  /** Bytes that the sandbox says it holds outside of the guest's memories. */
  readonly account?: number | undefined;
  /** The longest that nobody looked at the clock, in milliseconds of processor time, under a limit of time. */
  readonly slice?: number | undefined;
}

export interface MeasureTask {
  readonly kind: 'measure';
  readonly candidate: string;
  readonly engine: EngineName;
  /** Bytes that the module may have. */
  readonly limit: number;
  /** Milliseconds that preparing it and the first call may take, gas aside: beyond, they are measured again. */
  readonly allowed: number;
  /** Milliseconds that a unit of gas may take where the code runs again and again: the same. */
  readonly unit: number;
}

export interface CountTask {
  readonly kind: 'count';
  /** Undefined is an ordinary module of `size` bytes. */
  readonly candidate: string | undefined;
  readonly size?: number;
  readonly engine: EngineName;
}

export interface Count {
  readonly bytes: number;
  /** Blocks of the project's own code that were entered, from decoding to the end of the first call. */
  readonly work: number;
  readonly gas: number;
  readonly failure: string | undefined;
  /** Whether the module is none, or beyond a limit on modules. */
  readonly isRefused: boolean;
}

export type Task =
  | MeasureTask
  | CountTask
  | { readonly kind: 'text'; readonly family: string; readonly size: number }
  | { readonly kind: 'unit'; readonly candidate: string; readonly engine: EngineName }
  | { readonly kind: 'yardstick'; readonly sizes: readonly number[]; readonly engine: EngineName };

export const ORACLES = [
  'work',
  'time',
  'retained',
  'grown',
  'again',
  'run',
  'instantiate',
  'account',
  'slice',
] as const;
export type Oracle = (typeof ORACLES)[number];

/** Times what is allowed, for each oracle that says something. */
export type Uses = Readonly<Partial<Record<Oracle, number>>>;

export function entries(uses: Uses): [Oracle, number][] {
  return Object.entries(uses) as [Oracle, number][];
}

const MiB = 1 << 20;

export const BOUNDS = {
  /** Times the blocks that an ordinary module takes, blocks more, and blocks for a unit of gas. */
  work: { times: 10, more: 1_000_000, unit: 16 },
  /** Times an ordinary module's time, and milliseconds more. */
  time: { times: 10, more: 20 },
  /** Bytes for a byte of the module, and bytes more. */
  memory: { times: 64, more: 16 * MiB },
  /**
   * Times the median time for a unit of gas: natively more, as docs/gas.md says, where the host has not optimised the
   * code, or never will; `br_table`s by the thousand, exceptions and elements of tables so many times as long. Milliseconds
   * more are for what is measured once.
   */
  gas: { times: { interpreter: 8, native: 24 }, tables: 4, throws: 10, elements: 2, once: 2, instantiate: 2 },
  /** Times what the sandbox says, and bytes more. */
  account: { times: 1.5, more: 4 * MiB },
  /** Milliseconds. */
  slice: 25,
} as const;

/** Ordinary times to compare with. */
export interface Yardstick {
  /** Milliseconds for a module of so many bytes. */
  readonly time: (bytes: number) => number;
  /** Milliseconds for a unit of gas. */
  readonly unit: number;
  /** How many times as long a unit may take. */
  readonly times: number;
  /** Times as long as where nobody else is at work on the machine, as far as that was seen. */
  readonly slowdown: number;
}

/** Blocks that an ordinary module of so many bytes takes. */
export type PlainWork = (bytes: number) => number;

/** The work that was counted, in times of what is allowed. */
export function workUse({ bytes, work, gas }: Count, plain: PlainWork): number {
  const { times, more, unit } = BOUNDS.work;
  return work / (times * plain(bytes) + more + unit * gas);
}

/** What was measured, in times of what is allowed, for each oracle that says something. */
export function uses(measure: Measure, yardstick: Yardstick): Uses {
  const { bytes, prepare, call, gas, guest, retained, grown, again, run, instantiate, account, slice } = measure;
  const { time, memory, gas: price, account: held } = BOUNDS;
  const priced = (units: number) => yardstick.times * yardstick.unit * units;
  const room = memory.times * bytes + memory.more + guest;
  return {
    time: (prepare + call) / (time.times * yardstick.time(bytes) + time.more + priced(gas)),
    retained: retained / room,
    ...(grown === undefined ? {} : { grown: grown / room }),
    ...(again && { again: again.milliseconds / (priced(again.gas) + price.once) }),
    ...(run && { run: run.milliseconds / priced(run.gas) }),
    ...(instantiate && { instantiate: instantiate.milliseconds / (priced(instantiate.gas) + price.instantiate) }),
    ...(account === undefined ? {} : { account: retained / (held.times * account + held.more + guest) }),
    ...(slice === undefined ? {} : { slice: slice / (BOUNDS.slice * yardstick.slowdown) }),
  };
}
