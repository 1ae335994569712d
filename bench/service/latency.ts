/** How long others wait while guests on the interpreter spin: a second route of the servers of all adapters. */

import { Agent, get } from 'node:http';
import { quantile } from '../statistics.ts';
import { milliseconds, type Table } from '../table.ts';
import { start } from './servers.ts';

export interface LatencyRow {
  readonly framework: string;
  /** Guests that spin. */
  readonly guests: number;
  /** Milliseconds from a request to the end of its answer. */
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
}

/** Milliseconds within which the second route is to answer. */
export const LATENCY_BAR = 50;

const FRAMEWORKS = ['express', 'fastify', 'hono', 'nest'] as const;
const GUESTS = [0, 1, 8] as const;

/** @param requests that a figure is of: one after another, half of them on connections of their own */
export async function measureLatency(requests: number, show: (text: string) => void): Promise<LatencyRow[]> {
  const rows: LatencyRow[] = [];
  for (const framework of FRAMEWORKS) {
    const server = await start({ framework });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    try {
      for (let i = 0; i < 100; i++) await answered(server.url, agent);
      for (const guests of GUESTS) {
        show(`${framework} beside ${guests} guests that spin`);
        await server.spin(guests);
        const times: number[] = [];
        for (let i = 0; i < requests; i++) times.push(await answered(server.url, i % 2 === 0 ? agent : false));
        rows.push({
          framework,
          guests,
          p50: quantile(times, 0.5),
          p99: quantile(times, 0.99),
          most: quantile(times, 1),
        });
      }
    } finally {
      agent.destroy();
      server.stop();
    }
  }
  return rows;
}

/** Milliseconds. @throws for any answer but that of the route */
function answered(url: string, agent: Agent | false): Promise<number> {
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    get(url, { agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      response.once('end', () => {
        if (text === 'pong') resolve(performance.now() - begun);
        else reject(new Error(`${url} answered ${JSON.stringify(text)}`));
      });
    }).once('error', reject);
  });
}

export function latencyTable(rows: readonly LatencyRow[]): Table {
  const columns = [
    { title: 'framework' },
    { title: 'guests', right: true },
    { title: 'p50', right: true },
    { title: 'p99', right: true },
    { title: 'most', right: true },
  ];
  const cells = rows.map(({ framework, guests, p50, p99, most }, i) => [
    rows[i - 1]?.framework === framework ? '' : framework,
    String(guests),
    ...[p50, p99, most].map(milliseconds),
  ]);
  return { columns, rows: cells };
}
