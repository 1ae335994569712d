/** From a CSV to an Arrow file: arquero takes the table apart and puts it together, guests work on its series in between. */

import { fromCSV, table, escape as withHost } from 'arquero';
import { wasmGroup, wasmProcessor, wasmQueue } from 'wasm-sandbox/bullmq';
import { decodeNpy } from 'wasm-sandbox/ndarray';
import { SandboxService } from 'wasm-sandbox/service';

/** How far off its neighbours a value has to be, in deviations. */
export const THRESHOLD = 6;

/** Nobody needs to trust the guest: this is all that it gets for a series. */
const GUESTS = {
  modules: { outliers: new URL('guest/outliers.wasm', import.meta.url) },
  limits: { memory: '8MiB', time: '10s' },
};
const GAS = 500_000_000;

/**
 * @param {string} csv with the columns `station`, `date` and `level`; rows without a level are left out
 * @param {{ connection?: object, window?: number }} [options] a client of ioredis, for BullMQ; without one, the jobs run in
 *   this process. The window is an odd number of values
 * @returns {Promise<{ arrow: Uint8Array, runs: { station: string, gasUsed: bigint }[] }>} an IPC stream of all rows, with
 *   `median`, `score` and `outlier`
 */
export async function analyse(csv, { connection, window = 15 } = {}) {
  const series = seriesOf(csv);
  const queue = await wasmQueue('outliers', { connection });
  const service = await SandboxService.create(GUESTS);
  const worker = queue.worker(wasmProcessor(service, { gasLimit: GAS }), { concurrency: 2 });
  try {
    const jobs = series.map(({ rows }) => ({
      data: {
        module: 'outliers',
        input: { args: ['outliers', String(window)], stdin: rows.array('level').join('\n') },
        output: 'base64',
      },
    }));
    const results = await (await wasmGroup(queue).group(jobs)).finished();
    const parts = series.map(({ station, rows }, index) => join(station, rows, results[index]));
    const [first, ...others] = parts;
    return {
      arrow: first.concat(others).toArrowIPC({ format: 'stream' }),
      runs: series.map(({ station }, index) => ({ station, gasUsed: BigInt(results[index].gasUsed) })),
    };
  } finally {
    await worker.close();
    await queue.close();
    await service.close();
  }
}

/** The rows of each station, in order of time. */
function seriesOf(csv) {
  const all = fromCSV(csv, { parse: { station: String, date: toDate, level: toLevel } });
  const missing = ['station', 'date', 'level'].filter((name) => !all.columnNames().includes(name));
  if (missing.length > 0) throw new Error(`the CSV has no column ${missing.join(', ')}`);
  const known = all.filter(withHost(({ level }) => level !== null));
  if (known.numRows() === 0) throw new Error('the CSV has no row with a level');
  const stations = [...new Set(known.array('station'))];
  return stations.map((station) => ({
    station,
    rows: known
      .filter(withHost((row) => row.station === station))
      .orderby('date')
      .reify(),
  }));
}

function toDate(text) {
  const date = new Date(`${text}T00:00:00Z`);
  if (Number.isNaN(date.getTime())) throw new Error(`${JSON.stringify(text)} is no date like 2025-01-31`);
  return date;
}

function toLevel(text) {
  if (text === '') return null;
  const level = Number(text);
  if (!Number.isFinite(level)) throw new Error(`${JSON.stringify(text)} is no level`);
  return level;
}

/** What a guest wrote is looked at before it is believed. */
function join(station, rows, { value: status, stdout, stderr }) {
  if (status !== 0) throw new Error(`${station}: ${Buffer.from(stderr, 'base64')}`);
  const { data, shape } = decodeNpy(Buffer.from(stdout, 'base64'));
  const [count, width] = shape;
  if (!(data instanceof Float64Array) || shape.length !== 2 || count !== rows.numRows() || width !== 2) {
    throw new Error(`${station}: the guest gave an array of ${shape.join(' × ')} for ${rows.numRows()} values`);
  }
  const column = (at) => Float64Array.from({ length: count }, (_, row) => data[2 * row + at]);
  const score = column(1);
  const outlier = Array.from(score, (each) => Math.abs(each) > THRESHOLD);
  return rows.assign(table({ median: column(0), score, outlier }));
}
