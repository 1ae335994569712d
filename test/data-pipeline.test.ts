/** The example that finds outliers in a CSV. Its guest is looked at always, the rest where arquero is installed for it. */

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { tableFromIPC } from 'apache-arrow';
import { Redis as Client } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { WasmSandbox } from '../src/index.node.ts';
import { decodeNpy } from '../src/ndarray.ts';
import { hasRedis, onRedis, startRedis } from './bullmq/redis.ts';

const folder = new URL('../examples/data-pipeline/', import.meta.url);
const LEVELS = readFileSync(new URL('levels.csv', folder), 'utf8');

describe('its guest', () => {
  const guest = readFileSync(new URL('guest/outliers.wasm', folder));
  const run = async (stdin: string, window = '5') =>
    (await WasmSandbox.create({ source: guest, args: ['outliers', window], stdin })).run();

  test('gives the median of each window, and how far off a value is', async () => {
    const { stdoutBytes } = await run('1\n2\n3\n40\n4\n2.5\n');
    const { data, shape } = decodeNpy(stdoutBytes);
    expect(shape).toEqual([6, 2]);
    const rows = Array.from({ length: 6 }, (_, row) => [...data.subarray(2 * row, 2 * row + 2)] as number[]);
    expect(rows.map(([median]) => median)).toEqual([2, 2.5, 3, 3, 3.5, 4]);
    // Of 2, 3, 40, 4 and 2.5, the median is 3, and that of what they are off it 1.
    expect(rows[3]?.[1]).toBeCloseTo(37 / 1.4826, 12);
  });

  test.each([
    ['x\n', '5', 'a line is no number'],
    ['nan\n', '5', 'a line is no number'],
    [`${'1'.repeat(70)}\n`, '5', 'a line is no number'],
    ['1\n'.repeat(100_001), '3', 'more than 100000 values'],
    ['1\n', '4', 'an odd number of 3 to 255'],
    ['1\n', '257', 'an odd number of 3 to 255'],
  ])('refuses %#', async (stdin, window, message) => {
    expect(await run(stdin, window)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(message) });
  });
});

interface Analysis {
  readonly arrow: Uint8Array;
  readonly runs: readonly { readonly station: string; readonly gasUsed: bigint }[];
}
type Analyse = (csv: string, options?: { connection?: object; window?: number }) => Promise<Analysis>;
type Report = (arrow: Uint8Array, runs: Analysis['runs']) => string;

const isInstalled = existsSync(new URL('node_modules/arquero', folder));
const where = isInstalled ? 'with arquero' : 'with arquero (not installed: npm install in examples/data-pipeline)';

describe.skipIf(!isInstalled)(where, () => {
  const load = async () => ({
    ...((await import(fileURLToPath(new URL('pipeline.mjs', folder)))) as { analyse: Analyse }),
    ...((await import(fileURLToPath(new URL('report.mjs', folder)))) as { report: Report }),
  });

  test('the outliers are found, as a table of Arrow and in a report without scripts', async () => {
    const { analyse, report } = await load();
    const { arrow, runs } = await analyse(LEVELS);
    expect(runs.map(({ station }) => station)).toEqual(['Upper weir', 'Mill bridge', 'Harbour']);
    const rows = tableFromIPC(arrow)
      .toArray()
      .map((row) => row.toJSON());
    expect(rows).toHaveLength(546);
    expect(Object.keys(rows[0])).toEqual(['station', 'date', 'level', 'median', 'score', 'outlier']);
    const found = rows.filter(({ outlier }) => outlier);
    expect(found.map(({ date }) => new Date(Number(date)).toISOString().slice(0, 10))).toEqual([
      '2025-02-07',
      '2025-05-01',
      '2025-06-01',
      '2025-03-06',
      '2025-04-03',
      '2025-05-31',
    ]);
    const page = report(arrow, runs);
    expect(page.match(/<circle/g)).toHaveLength(found.length);
    expect(page).not.toMatch(/<script|NaN|undefined|https?:/);
  });

  test('names are text, and rows without a level are left out', async () => {
    const { analyse, report } = await load();
    const csv = 'station,date,level\n<script>"&,2025-01-02,2\n<script>"&,2025-01-01,1\n<script>"&,2025-01-03,\n';
    const { arrow, runs } = await analyse(csv);
    expect(tableFromIPC(arrow).getChild('level')?.toJSON()).toEqual([1, 2]);
    const page = report(arrow, runs);
    expect(page).toContain('<h2>&lt;script&gt;');
    expect(page).not.toContain('<script');
  });

  test.each([
    ['station,date\nx,2025-01-01\n', 'no column level'],
    ['station,date,level\nx,2025-01-01,much\n', '"much" is no level'],
    ['station,date,level\nx,soon,1\n', '"soon" is no date'],
    ['station,date,level\nx,2025-01-01,\n', 'no row with a level'],
  ])('refuses %j', async (csv, message) => {
    const { analyse } = await load();
    await expect(analyse(csv)).rejects.toThrow(message);
  });

  test('what the guest refuses is said with the station', async () => {
    const { analyse } = await load();
    await expect(analyse(LEVELS, { window: 4 })).rejects.toThrow('Upper weir: outliers: the window must be');
  });

  test.skipIf(!hasRedis)(`${onRedis}, it comes to the same`, async () => {
    const { analyse } = await load();
    const redis = await startRedis();
    const connection = new Client(redis.url, { maxRetriesPerRequest: null });
    try {
      expect(await analyse(LEVELS, { connection })).toEqual(await analyse(LEVELS));
    } finally {
      connection.disconnect();
      await redis.stop();
    }
  });
});
