/** Requests a second and their latencies, by autocannon: the same work behind the same server, done in different ways. */

import { createRequire } from 'node:module';
import type { Product } from '../product.ts';
import { median, quantile, quotients, type Spread, spread } from '../statistics.ts';
import { milliseconds, number, type Section } from '../table.ts';
import { basisOf, GUEST, HANDLERS, type HandlerName, needsPeers } from './handlers.ts';
import { type LatencyRow, latencyTable, measureLatency } from './latency.ts';
import { type Server, start } from './servers.ts';

export interface RequestRow {
  readonly who: HandlerName;
  /** Requests a second in each round. */
  readonly rounds: readonly number[];
  readonly perSecond: Spread;
  /** Milliseconds. */
  readonly p99: Spread;
  /** Requests a second, in times those of the pool on the interpreter in the same round. */
  readonly ratio: Spread;
}

export interface ServicePace {
  readonly rounds: number;
  /** Seconds for which each is asked in a round. */
  readonly seconds: number;
  /** Requests of a second route. */
  readonly requests: number;
}

export interface ServiceFigures {
  /** Of the guest's call by itself on the interpreter. */
  readonly microseconds: number;
  readonly requests: readonly RequestRow[];
  readonly latency: readonly LatencyRow[];
}

/** Microseconds that the guest is to take on the interpreter. */
const WORK = 20;
const CONNECTIONS = 10;
const BASIS: HandlerName = 'pool on the interpreter';

interface Load {
  on(event: 'response', listener: (client: unknown, status: number, bytes: number, milliseconds: number) => void): void;
}
type Autocannon = (
  options: { readonly url: string; readonly connections: number; readonly duration: number },
  done: (error: Error | null, result: { readonly errors: number; readonly non2xx: number }) => void,
) => Load;

// It brings no types.
const autocannon = createRequire(import.meta.url)('autocannon') as Autocannon;

export async function measureService(
  product: Product,
  { rounds, seconds, requests }: ServicePace,
  hasPeers: boolean,
  show: (text: string) => void,
): Promise<ServiceFigures> {
  show('requests');
  const { loop, microseconds } = await calibrate(product);
  const names = (Object.keys(HANDLERS) as HandlerName[]).filter((name) => hasPeers || !needsPeers(name));
  const servers = new Map<HandlerName, Server>();
  const samples = new Map<HandlerName, Sample[]>(names.map((name) => [name, []]));
  try {
    for (const name of names) servers.set(name, await start({ handler: name, rounds: loop }));
    for (const [name, server] of servers) {
      const [answer, expected] = [await answerOf(server), await answerOf(servers.get(basisOf(name)) as Server)];
      if (answer !== expected) throw new Error(`${name} answers ${answer}, not ${expected}`);
      await ask(server, 1);
    }
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < names.length; i++) {
        const name = names[(i + round) % names.length] as HandlerName;
        show(`requests: ${name}, round ${round + 1} of ${rounds}`);
        samples.get(name)?.push(await ask(servers.get(name) as Server, seconds));
      }
    }
  } finally {
    for (const server of servers.values()) server.stop();
  }
  const perSecond = (name: HandlerName) => (samples.get(name) as Sample[]).map((sample) => sample.perSecond);
  const basis = perSecond(BASIS);
  const rows = names.map((who) => {
    const rounds = perSecond(who);
    const p99 = spread((samples.get(who) as Sample[]).map((sample) => sample.p99));
    return { who, rounds, perSecond: spread(rounds), p99, ratio: spread(quotients(rounds, basis)) };
  });
  return { microseconds, requests: rows, latency: await measureLatency(requests, show) };
}

/** How often the guest's loop has to go round to take as long as it is to, and how long that was found to take. */
async function calibrate({ sandbox }: Product): Promise<{ readonly loop: number; readonly microseconds: number }> {
  const guest = await sandbox.WasmSandbox.create({ source: GUEST, engine: 'interpreter' });
  const once = async (loop: number) => {
    const times: number[] = [];
    for (let i = 0; i < 3_000; i++) {
      const begun = performance.now();
      await guest.call('work', [loop]);
      times.push(1_000 * (performance.now() - begun));
    }
    return median(times.slice(1_000));
  };
  // What a call takes that does nothing is none of the guest's.
  const nothing = await once(1);
  const some = 1_000;
  const loop = Math.round((some * WORK) / ((await once(some)) - nothing));
  const microseconds = (await once(loop)) - nothing;
  guest.dispose();
  return { loop, microseconds };
}

async function answerOf({ url }: Server): Promise<string> {
  return (await fetch(url, { headers: { connection: 'close' } })).text();
}

interface Sample {
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p99: number;
}

/** @throws where any request fails */
function ask({ url }: Server, duration: number): Promise<Sample> {
  return new Promise((resolve, reject) => {
    const times: number[] = [];
    const begun = performance.now();
    let last = begun;
    const load = autocannon({ url, connections: CONNECTIONS, duration }, (error, result) => {
      if (error !== null) return reject(error);
      const { errors, non2xx } = result;
      if (errors + non2xx > 0) return reject(new Error(`${errors + non2xx} requests of ${url} have failed`));
      resolve({ perSecond: (1_000 * times.length) / (last - begun), p99: quantile(times, 0.99) });
    });
    // Its own figures are rounded to milliseconds.
    load.on('response', (_client, _status, _bytes, time) => {
      times.push(time);
      last = performance.now();
    });
  });
}

export function serviceSection({ microseconds, requests, latency }: ServiceFigures): Section {
  const columns = [
    { title: 'by' },
    { title: 'a second', right: true },
    { title: 'half within', right: true },
    { title: 'p99', right: true },
    { title: 'half within', right: true },
    { title: 'times', right: true },
  ];
  const within = ({ lower, upper }: Spread, text: (value: number) => string) => `${text(lower)} to ${text(upper)}`;
  const cells = requests.map(({ who, perSecond, p99, ratio }) => [
    who,
    number(perSecond.median),
    within(perSecond, number),
    milliseconds(p99.median),
    within(p99, milliseconds),
    ratio.median.toFixed(2),
  ]);
  return {
    title: `Requests a second, for a guest that takes ${microseconds.toFixed(0)} µs on the interpreter`,
    blocks: [
      `On ${CONNECTIONS} connections, and the latency that 99% have; times those of the ${BASIS}`,
      { columns, rows: cells },
      'A second route beside guests that spin on the interpreter',
      latencyTable(latency),
    ],
  };
}

/** Requests a second of one, in times those of another; undefined where either was not measured. */
export function timesAsMany(
  figures: ServiceFigures | undefined,
  who: HandlerName,
  other: HandlerName,
): Spread | undefined {
  const of = (name: HandlerName) => figures?.requests.find((row) => row.who === name)?.rounds;
  const [some, others] = [of(who), of(other)];
  return some === undefined || others === undefined ? undefined : spread(quotients(some, others));
}

/** Milliseconds; undefined where it was not measured. */
export function longestWait(figures: ServiceFigures | undefined): number | undefined {
  const waits = (figures?.latency ?? []).filter(({ guests }) => guests > 0).map(({ p99 }) => p99);
  return waits.length === 0 ? undefined : Math.max(...waits);
}
