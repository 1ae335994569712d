/**
 * Measures what hostile inputs cost before they run, beside an ordinary module of as many bytes: `npm run hostile --
 * [name…] [--ten-times] [--engine interpreter|native] [--deadlines] [--json]`. One line for each input of
 * test/hostile/sized.ts and engine: its bytes, milliseconds of processor time, how many times an ordinary module's that is,
 * bytes of memory that the process took for each of its own, and how it ended. Ends with 1 where one takes more than 10
 * times the time and 20 ms, or more than 64 bytes for each byte and 16 MiB. `--deadlines` looks instead when modules end
 * under `cpuTimeout: 100`, on the wall: 200 ms at most; and whether the second trap in a function takes more than 1 ms.
 */

import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { BOUNDS } from '../test/complexity/measure.ts';
import { SIZED, type Use } from '../test/hostile/sized.ts';
import type { Ended } from '../test/hostile/sized-deadlines.ts';
import type { Cost, Task } from '../test/hostile/sized-process.ts';
import { oneFile } from '../test/one-file.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'ten-times': { type: 'boolean', default: false },
    engine: { type: 'string' },
    deadlines: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const ENGINES = (['interpreter', 'native'] as const).filter((name) => (values.engine ?? name) === name);
const chosen = Object.entries(SIZED).filter(
  ([name]) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
);
if (chosen.length === 0 || ENGINES.length === 0) {
  console.error(`no such input or engine; there are: ${Object.keys(SIZED).join(', ')}`);
  process.exit(2);
}

/** The engine where there is only one that has to do with it. */
const ONLY: Readonly<Partial<Record<Use, Task['engine']>>> = {
  text: 'interpreter',
  artifact: 'native',
  snapshot: 'interpreter',
};
/** MiB of heap in which every input has room that keeps to the bounds. */
const HEAP_MIB = 1_536;
/** How often what passes a bound is measured. */
const ATTEMPTS = 4;
const PATIENCE_MS = 300_000;
/** Milliseconds after which a guest with a limit of 100 has ended, and that the second trap in a function takes. */
const MOST_WALL_MS = 200;
const MOST_TRAP_MS = 1;

function run<T>(script: string, task: object): T | string {
  try {
    const flags = ['--expose-gc', `--max-old-space-size=${HEAP_MIB}`, script, JSON.stringify(task)];
    const options = { encoding: 'utf8', timeout: PATIENCE_MS } as const;
    return JSON.parse(execFileSync(process.execPath, flags, options)) as T;
  } catch (error) {
    return String(error).slice(0, 300);
  }
}

const isSlow = ({ time, plain }: Cost) => time > BOUNDS.time.times * plain + BOUNDS.time.more;
const isLarge = ({ grown, bytes }: Cost) => grown > BOUNDS.memory.times * bytes + BOUNDS.memory.more;

/** Once more where a bound is passed: the process grows with the host's own heap too, and others use the machine. */
function measure(script: string, task: Task): Cost | string {
  let least = run<Cost>(script, task);
  for (let again = 1; again < ATTEMPTS; again++) {
    if (typeof least === 'string' || !(isSlow(least) || isLarge(least))) break;
    const other = run<Cost>(script, task);
    if (typeof other === 'string') return other;
    const better = other.time / other.plain < least.time / least.plain ? other : least;
    least = { ...better, grown: Math.min(least.grown, other.grown) };
  }
  return least;
}

/** When it ended, least of several: others use the machine. */
function end(script: string, task: Task): Ended | string {
  let least = run<Ended>(script, task);
  for (let again = 1; again < ATTEMPTS; again++) {
    if (typeof least === 'string' || isInTime(least)) break;
    const other = run<Ended>(script, task);
    if (typeof other === 'string') return other;
    least = other.wall < least.wall ? other : least;
  }
  return least;
}

const isInTime = ({ wall, secondTrap = 0 }: Ended) => wall <= MOST_WALL_MS && secondTrap <= MOST_TRAP_MS;

function costLine({ bytes, time, plain, grown, ending }: Cost): string[] {
  return [
    String(bytes).padStart(8),
    `${time.toFixed(1)} ms`.padStart(10),
    `${((1e3 * time) / bytes).toFixed(2)} µs/B`.padStart(12),
    `x ${(time / plain).toFixed(1)}`.padStart(8),
    `${(grown / bytes).toFixed(0)} B/B`.padStart(9),
    ending,
  ];
}

function endedLine({ bytes, wall, processor, ending, secondTrap }: Ended): string[] {
  return [
    String(bytes).padStart(8),
    `${wall.toFixed(0)} ms`.padStart(8),
    `${processor.toFixed(0)} ms of processor time`.padStart(28),
    ending,
    ...(secondTrap === undefined ? [] : [`the second trap ${secondTrap.toFixed(2)} ms`]),
  ];
}

let measured = 0;
let beyond = 0;

function report<T>(task: Task, found: T | string, line: (found: T) => string[], wrong: (found: T) => string[]): void {
  measured++;
  const faults = typeof found === 'string' ? [found] : wrong(found);
  if (faults.length > 0) beyond++;
  const { name, engine } = task;
  const words = [name.padEnd(56), engine.padEnd(11), ...(typeof found === 'string' ? [] : line(found)), ...faults];
  console.log(values.json ? JSON.stringify({ ...task, found }) : words.join('  '));
}

const { deadlines } = values;
const script = await oneFile(deadlines ? 'test/hostile/sized-deadlines.ts' : 'test/hostile/sized-process.ts');
for (const [name, { at, use }] of chosen) {
  if (deadlines && use !== 'module') continue;
  const count = at * (values['ten-times'] ? 10 : 1);
  for (const engine of ENGINES.filter((name) => (ONLY[use] ?? name) === name)) {
    const task: Task = { name, engine, count };
    if (deadlines) report(task, end(script, task), endedLine, (ended) => (isInTime(ended) ? [] : ['LATE']));
    else {
      report(task, measure(script, task), costLine, (cost) => [
        ...(isSlow(cost) ? ['SLOW'] : []),
        ...(isLarge(cost) ? ['LARGE'] : []),
      ]);
    }
  }
}
console.log(`${measured} measured, ${beyond} beyond the bounds`);
process.exitCode = beyond > 0 ? 1 : 0;
