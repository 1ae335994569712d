/**
 * What modules take that are dear for their bytes, each in a process of its own, as one meets them first:
 * `tsx scripts/cold.ts [--timeout 100] [construct…]`. Beside an ordinary module of as many bytes, in parts of what is
 * allowed: processor time of preparing and the first call, and growth of the process. Then until a time limit ends what
 * would run for ever, by the clock. Ends with 1 where something passes its bound.
 */

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cpuTime } from '../bench/clock.ts';
import { Capability } from '../policy/index.ts';
import { WasmSandbox } from '../src/sync.ts';
import { build, MANY_TIMES, ONCE, parse, plain } from '../test/complexity/candidate.ts';
import { peak, resetPeak } from '../test/complexity/footprint.ts';
import { BOUNDS, type EngineName } from '../test/complexity/measure.ts';

/** By how many: N is that, and ten times that. What a limit on modules refuses is measured too. */
const CONSTRUCTS: readonly (readonly [construct: string, n: number])[] = [
  ['copies:N unset:50000', 22],
  ['copies:N locals:50000', 25],
  ['copies:N locals:49000:i64', 300],
  ['copies:N runs:1000', 40],
  ['copies:N empty-runs:50000', 4],
  ['empty-elements:N', 50_000],
  ['custom:N:0', 50_000],
  ['functions:N', 50_000],
  ['tables:N:0', 10_000],
  ['integer-globals:N', 30_000],
  ['block:1000 br_if:N', 10_000],
  ['block:1000 br_if-dead:N', 11_000],
  ['block:1000 tries:1:N', 6_000],
  ['block:1000 try:N', 6_000],
  ['operands:N:externref calls:8', 6_500],
  ['skipped-operands:N', 65_000],
  ['trap:N', 30_000],
];
const LARGEST = 1 << 26;
const GAS = 10_000_000;
/** Milliseconds after which a limit of 100 has to have ended everything. */
const LATEST = 200;
const MiB = 1 << 20;

interface Figures {
  readonly bytes: number;
  /** Milliseconds on processors. */
  readonly cpu: number;
  /** Milliseconds by the clock: of making the sandbox or of the call, each of which a time limit is for. */
  readonly wall: number;
  readonly grown: number;
  readonly result: string;
}

function measure(bytes: Uint8Array, engine: EngineName, timeout: number | undefined): Figures {
  const capabilities = [Capability.hostFunctions('env', { f: () => undefined })];
  const options = { engine, capabilities, ...(timeout === undefined ? { gasLimit: GAS } : { cpuTimeout: timeout }) };
  (globalThis as { gc?: () => void }).gc?.();
  const hasPeak = resetPeak();
  const { rss } = process.memoryUsage();
  const before = cpuTime();
  const start = performance.now();
  let ready = start;
  let result = 'returned';
  try {
    const sandbox = WasmSandbox.fromBytes(bytes, options);
    ready = performance.now();
    if (timeout === undefined) sandbox.call(ONCE, []);
    else sandbox.call(MANY_TIMES, [-1]);
  } catch (error) {
    result = error instanceof Error ? error.constructor.name : String(error);
  }
  const used = cpuTime() - before;
  const wall = Math.max(ready - start, performance.now() - ready);
  return { bytes: bytes.length, cpu: used, wall, grown: hasPeak ? (peak() ?? rss) - rss : 0, result };
}

function inProcess(engine: EngineName, source: string, timeout = ''): Figures {
  const args = ['--import', 'tsx', '--expose-gc', fileURLToPath(import.meta.url), 'measure', engine, source, timeout];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

if (process.argv[2] === 'measure') {
  const [engine, source, timeout] = process.argv.slice(3) as [EngineName, string, string];
  const bytes = Number.isNaN(Number(source)) ? build(parse(source), LARGEST) : plain(Number(source));
  console.log(JSON.stringify(measure(bytes, engine, timeout === '' ? undefined : Number(timeout))));
  process.exit();
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { timeout: { type: 'string', default: '100' } },
});
const sources =
  positionals.length > 0
    ? positionals
    : CONSTRUCTS.flatMap(([construct, n]) => [n, 10 * n].map((count) => construct.replace('N', String(count))));
const worst = { time: 0, memory: 0, wall: 0 };
for (const engine of ['interpreter', 'native'] as const) {
  for (const source of sources) {
    const { bytes, cpu, grown, result } = inProcess(engine, source);
    const ordinary = inProcess(engine, String(bytes));
    const time = cpu / (BOUNDS.time.times * ordinary.cpu + BOUNDS.time.more);
    const memory = grown / (BOUNDS.memory.times * bytes + BOUNDS.memory.more);
    const ended = inProcess(engine, source, values.timeout);
    worst.time = Math.max(worst.time, time);
    worst.memory = Math.max(worst.memory, memory);
    worst.wall = Math.max(worst.wall, ended.wall);
    console.log(
      `${engine} ${source}: ${bytes} bytes, ${cpu.toFixed()} ms (${time.toFixed(2)}), ` +
        `${(grown / MiB).toFixed(1)} MiB (${memory.toFixed(2)}), ${result}; ` +
        `with a limit of ${values.timeout} ms: ${ended.wall.toFixed()} ms, ${ended.result}`,
    );
  }
}
const { time, memory, wall } = worst;
console.log(
  `at most: time ${time.toFixed(2)} and memory ${memory.toFixed(2)} of what is allowed, ${wall.toFixed()} ms`,
);
process.exitCode = time > 1 || memory > 1 || wall > LATEST ? 1 : 0;
