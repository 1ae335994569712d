/** What it costs to leave a guest: to snapshot, restore, fork and reset it, to let it wait, and to keep many waiting. */

import type { WasmSandbox } from '../src/index.ts';
import { encodeModule, type FunctionDescription } from '../test/generate/encode.ts';
import { I32 } from '../wasm/types.ts';
import { collect } from './collect.ts';
import { held } from './instances.ts';
import type { Product } from './product.ts';
import { type Spread, spread } from './statistics.ts';

export interface LifeFigures {
  /** Megabytes (10⁶ bytes) of the guest's memory that the figures per megabyte were measured with. */
  readonly megabytes: number;
  /** Milliseconds for a megabyte of memory. */
  readonly perMegabyte: {
    readonly snapshot: Spread;
    readonly snapshotCompressed: Spread;
    readonly restore: Spread;
    readonly restoreCompressed: Spread;
    readonly fork: Spread;
    readonly reset: Spread;
  };
  /** Bytes of a snapshot for a byte of memory. */
  readonly size: { readonly plain: number; readonly compressed: number };
  /** Microseconds, of a sandbox with one page and a call that is paused. */
  readonly small: { readonly snapshot: Spread; readonly restore: Spread; readonly fork: Spread };
  /** Microseconds of a short call. */
  readonly call: {
    readonly plain: Spread;
    /** Left at a checkpoint, and gone on with. */
    readonly paused: Spread;
  };
  /** Microseconds of a call that makes one host call. */
  readonly hostCall: {
    /** Answered at once. */
    readonly direct: Spread;
    /** Answered with a promise that is settled already: the guest is suspended and resumed. */
    readonly suspended: Spread;
    /** The promise settles when the host has gone through its event loop. */
    readonly resumed: Spread;
  };
  /** Guests that waited at once, and bytes of each: its sandbox, and what the waiting call takes beside it. */
  readonly waiting: {
    readonly guests: number;
    readonly sandboxBytes: number | undefined;
    readonly callBytes: number | undefined;
    /** Microseconds for each to be answered and end its call. */
    readonly finishMicroseconds: number;
  };
}

export interface LifePace {
  readonly rounds: number;
  /** Of each small thing in a round. */
  readonly repeats: number;
  /** Pages of the large guest. */
  readonly pages: number;
}

const PAGE = 65_536;
const GUESTS = 10_000;

const hostImport = { module: 'env', name: 'host', function: { params: [I32], results: [I32] } } as const;

/** Calls it. */
const ASK: FunctionDescription = {
  export: 'ask',
  params: [I32],
  results: [I32],
  body: [
    ['local.get', 0],
    ['call', 0],
  ],
};

/**
 * Fills its memory from the second page on with numbers that do not repeat, of which half of the bytes are zeros, as in
 * many programs; calls the host; loops.
 */
function guestModule(pages: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(
    encodeModule({
      imports: [hostImport],
      memories: [{ min: pages, max: pages }],
      functions: [
        {
          export: 'fill',
          locals: [I32],
          body: [
            ['i32.const', PAGE],
            ['local.set', 0],
            ['loop'],
            ['local.get', 0],
            ['local.get', 0],
            ['i32.const', -1_640_531_535],
            'i32.mul',
            ['i32.const', 16],
            'i32.shr_u',
            'i32.store',
            ['local.get', 0],
            ['i32.const', 4],
            'i32.add',
            ['local.tee', 0],
            ['i32.const', pages * PAGE],
            'i32.lt_u',
            ['br_if', 0],
            'end',
          ],
        },
        ASK,
        {
          export: 'spin',
          params: [I32],
          results: [I32],
          body: [
            ['loop'],
            ['local.get', 0],
            ['i32.const', 1],
            'i32.sub',
            ['local.tee', 0],
            ['br_if', 0],
            'end',
            ['i32.const', 7],
          ],
        },
      ],
    }),
  );
}

/** Without a memory, so that what is measured is what waiting takes. */
const ASKING: Uint8Array<ArrayBuffer> = Uint8Array.from(
  encodeModule({
    imports: [hostImport],
    functions: [ASK],
  }),
);

export async function measureLife(product: Product, pace: LifePace): Promise<LifeFigures> {
  const large = await measureLarge(product, pace);
  return {
    ...large,
    small: await measureSmall(product, pace),
    ...(await measureCalls(product, pace)),
    waiting: await measureWaiting(product),
  };
}

type Answer = (value: number) => unknown;

function optionsFor({ sandbox: { Capability } }: Product, source: Uint8Array<ArrayBuffer>, host: Answer) {
  return { source, capabilities: [Capability.hostFunctions('env', { host: host as () => unknown })] };
}

const same: Answer = (value) => value;

function check(what: string, found: unknown, expected: unknown): void {
  if (found !== expected) throw new Error(`${what} gave ${String(found)}, not ${String(expected)}`);
}

/** Samples of several things in turn, the first round of which is for warming up. */
class Samples<K extends string> {
  private readonly kept = new Map<K, number[]>();
  private readonly unit: number;
  private round = 0;

  /** @param unit milliseconds in what is reported */
  constructor(unit: number) {
    this.unit = unit;
  }

  next(): void {
    this.round++;
  }

  async time<T>(key: K, action: () => Promise<T> | T): Promise<T> {
    const start = performance.now();
    const value = await action();
    const took = (performance.now() - start) / this.unit;
    if (this.round > 0) this.kept.set(key, [...(this.kept.get(key) ?? []), took]);
    return value;
  }

  of(key: K): Spread {
    return spread(this.kept.get(key) ?? []);
  }
}

async function measureLarge(product: Product, { rounds, pages }: LifePace) {
  const { WasmSandbox } = product.sandbox;
  const options = optionsFor(product, guestModule(pages), same);
  const megabytes = (pages * PAGE) / 1e6;
  const samples = new Samples<keyof LifeFigures['perMegabyte']>(megabytes);
  const size = { plain: 0, compressed: 0 };
  const guest = await WasmSandbox.create(options);
  for (let round = 0; round <= rounds; round++) {
    await guest.call('fill');
    const plain = await samples.time('snapshot', () => guest.snapshot({ compress: false }));
    const compressed = await samples.time('snapshotCompressed', () => guest.snapshot());
    const fork = await samples.time('fork', () => guest.fork());
    const restored = [
      await samples.time('restore', () => WasmSandbox.restore(plain, options)),
      await samples.time('restoreCompressed', () => WasmSandbox.restore(compressed, options)),
    ];
    size.plain = plain.length / (pages * PAGE);
    size.compressed = compressed.length / (pages * PAGE);
    if (round === 0) {
      for (const copy of [fork, ...restored]) {
        const bytes = await copy.snapshot({ compress: false });
        check('a copy', bytes.length === plain.length && bytes.every((byte, i) => byte === plain[i]), true);
      }
    }
    for (const copy of [fork, ...restored]) copy.dispose();
    await samples.time('reset', () => guest.reset());
    samples.next();
  }
  guest.dispose();
  const of = (key: keyof LifeFigures['perMegabyte']) => samples.of(key);
  const perMegabyte = {
    snapshot: of('snapshot'),
    snapshotCompressed: of('snapshotCompressed'),
    restore: of('restore'),
    restoreCompressed: of('restoreCompressed'),
    fork: of('fork'),
    reset: of('reset'),
  };
  return { megabytes, size, perMegabyte };
}

async function measureSmall(product: Product, { rounds, repeats }: LifePace): Promise<LifeFigures['small']> {
  const { WasmSandbox } = product.sandbox;
  const options = optionsFor(product, guestModule(1), same);
  const module = new product.webassembly.default.Module(options.source);
  const ready = { ...options, source: module as never };
  const guest = await WasmSandbox.create(ready);
  const execution = guest.start<number>('spin', [1_000]);
  check('a step', execution.step(500), 'paused');
  const samples = new Samples<keyof LifeFigures['small']>(repeats / 1_000);
  for (let round = 0; round <= rounds; round++) {
    let copy: WasmSandbox = guest;
    let bytes = new Uint8Array();
    await samples.time('snapshot', async () => {
      for (let i = 0; i < repeats; i++) bytes = await guest.snapshot({ compress: false });
    });
    await samples.time('restore', async () => {
      for (let i = 0; i < repeats; i++) copy = await WasmSandbox.restore(bytes, ready);
    });
    check('what was restored', await copy.execution?.run(), 7);
    await samples.time('fork', async () => {
      for (let i = 0; i < repeats; i++) copy = await guest.fork();
    });
    check('a fork', await copy.execution?.run(), 7);
    samples.next();
  }
  check('the guest', await execution.run(), 7);
  return { snapshot: samples.of('snapshot'), restore: samples.of('restore'), fork: samples.of('fork') };
}

async function measureCalls(product: Product, pace: LifePace) {
  // They take microseconds, and need some time until all that they run is compiled.
  const repeats = 20 * pace.repeats;
  const rounds = 2 * pace.rounds;
  const { WasmSandbox } = product.sandbox;
  const source = guestModule(1);
  const guestWith = (host: Answer) => WasmSandbox.create(optionsFor(product, source, host));
  const direct = await guestWith(same);
  const suspended = await guestWith((value) => Promise.resolve(value));
  const resumed = await guestWith((value) => new Promise((resolve) => setImmediate(() => resolve(value))));
  const samples = new Samples<'plain' | 'paused' | 'direct' | 'suspended' | 'resumed'>(repeats / 1_000);
  const repeat = async (expected: number, call: () => Promise<number>) => {
    let sum = 0;
    for (let i = 0; i < repeats; i++) sum += await call();
    check('the calls', sum, repeats * expected);
  };
  const ask = (guest: WasmSandbox) => () => guest.call<number>('ask', [1]);
  const leave = () => {
    const execution = direct.start<number>('spin', [2]);
    check('a step', execution.step(0), 'paused');
    return execution.run();
  };
  for (let round = 0; round <= rounds; round++) {
    await samples.time('plain', () => repeat(7, () => direct.call<number>('spin', [2])));
    await samples.time('paused', () => repeat(7, leave));
    await samples.time('direct', () => repeat(1, ask(direct)));
    await samples.time('suspended', () => repeat(1, ask(suspended)));
    await samples.time('resumed', () => repeat(1, ask(resumed)));
    samples.next();
  }
  return {
    call: { plain: samples.of('plain'), paused: samples.of('paused') },
    hostCall: { direct: samples.of('direct'), suspended: samples.of('suspended'), resumed: samples.of('resumed') },
  };
}

async function measureWaiting(product: Product): Promise<LifeFigures['waiting']> {
  const { WasmSandbox } = product.sandbox;
  const source = new product.webassembly.default.Module(ASKING) as never;
  const answers: ((value: number) => void)[] = [];
  const host: Answer = () => new Promise<number>((resolve) => answers.push(resolve));
  const options = optionsFor(product, source, host);
  const guests: WasmSandbox[] = [];
  const calls: Promise<number>[] = [];
  const round = async () => {
    answers.length = guests.length = calls.length = 0;
    const before = held();
    for (let i = 0; i < GUESTS; i++) guests.push(await WasmSandbox.create(options));
    const idle = held();
    for (const [i, guest] of guests.entries()) calls.push(guest.call<number>('ask', [i]));
    const waiting = held();
    check('guests that wait', guests.filter(({ execution }) => execution?.state === 'waiting').length, GUESTS);
    const start = performance.now();
    for (const [i, answer] of answers.entries()) answer(2 * i);
    const results = await Promise.all(calls);
    const took = performance.now() - start;
    check(
      'the guests',
      results.findIndex((result, i) => result !== 2 * i),
      -1,
    );
    const each = (from: number, to: number) => (collect === undefined ? undefined : (to - from) / GUESTS);
    return {
      guests: GUESTS,
      sandboxBytes: each(before, idle),
      callBytes: each(idle, waiting),
      finishMicroseconds: (took * 1_000) / GUESTS,
    };
  };
  // The first one is for warming up.
  await round();
  return round();
}
