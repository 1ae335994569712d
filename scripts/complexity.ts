/**
 * Looks for modules that cost more than their bytes: `npm run fuzz -- complexity [--seconds n] [--seed n]
 * [--engine interpreter|native] [--only "block:500 br_if:1000"] [--json]`. Goes through every construct and every pair
 * of them, then on with random ones until the time is over. Prints what passes a bound as soon as it is found, made
 * smaller, and at the end the worst ten for each bound. `--no-sweep` begins with the random ones, `--no-shrink` prints
 * what is found as it was found. With `--json` findings are one a line on standard output, and the rest on standard error.
 */

import { parseArgs } from 'node:util';
import { type Candidate, parse, print } from '../test/complexity/candidate.ts';
import { type Finding, Hunt, type Watcher } from '../test/complexity/hunt.ts';
import { type EngineName, type Measure, ORACLES } from '../test/complexity/measure.ts';
import { randomFrom } from '../test/complexity/search.ts';
import { anySeed } from '../test/property/runner.ts';

const ENGINES: readonly EngineName[] = ['interpreter', 'native'];
const DEFAULT_SECONDS = 600;
/** Between two lines of progress where there is no terminal. */
const SILENCE_MS = 30_000;

/** Ends the process with 1 where something passes a bound, with 2 where the arguments make no sense. */
export async function complexity(args: readonly string[]): Promise<void> {
  const { values: options } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: String(DEFAULT_SECONDS) },
      seed: { type: 'string' },
      engine: { type: 'string' },
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
      'no-sweep': { type: 'boolean', default: false },
      'no-shrink': { type: 'boolean', default: false },
    },
  });
  const engines = ENGINES.filter((name) => options.engine === undefined || name === options.engine);
  if (engines.length === 0) {
    console.error(`no engine ${options.engine}; there are: ${ENGINES.join(', ')}`);
    process.exit(2);
  }
  const printer = new Printer(options.json);
  const hunt = new Hunt({ engines, shrinks: !options['no-shrink'], watcher: printer });
  try {
    await hunt.begin();
    if (options.only !== undefined) {
      for (const { engine, count, measure, uses, lost } of await hunt.only(parse(options.only))) {
        console.log(JSON.stringify({ engine, count, measure, uses, lost }, undefined, 2));
      }
    } else {
      const seed = Number(options.seed ?? anySeed());
      const end = Date.now() + 1_000 * Number(options.seconds);
      printer.say(`seed ${seed}, ${options.seconds} s`);
      await hunt.run(randomFrom(seed), () => Date.now() >= end, !options['no-sweep']);
      printer.summary(hunt, engines);
    }
  } finally {
    hunt.end();
  }
  process.exitCode = hunt.findings.length > 0 ? 1 : 0;
}

class Printer implements Watcher {
  private readonly isJson: boolean;
  private readonly started = Date.now();
  private nextLine = 0;

  constructor(isJson: boolean) {
    this.isJson = isJson;
  }

  say(line: string): void {
    if (process.stdout.isTTY) process.stdout.write('\r\u001b[K');
    if (this.isJson) console.error(line);
    else console.log(line);
  }

  onBegin(engine: EngineName, { time, unit }: Parameters<Watcher['onBegin']>[1]): void {
    const of = (bytes: number) => `${time(bytes).toFixed(1)} ms`;
    this.say(`${engine}: ${(unit * 1e6).toFixed(2)} ns a unit of gas; 4 KiB take ${of(4_096)}, 256 KiB ${of(262_144)}`);
  }

  onFinding(finding: Finding, from: Candidate): void {
    if (this.isJson) console.log(JSON.stringify(plainly(finding)));
    this.say(described(finding));
    this.say(
      `  npm run fuzz -- complexity --engine ${finding.result.engine} --only "${print(finding.result.candidate)}"`,
    );
    if (print(from) !== print(finding.result.candidate)) this.say(`  found as "${print(from)}"`);
  }

  onTrouble(message: string): void {
    this.say(message);
  }

  onProgress({ counted, measured, findings }: Hunt, engine: EngineName, candidate: Candidate): void {
    const now = Date.now();
    const seconds = Math.round((now - this.started) / 1_000);
    const line = `${seconds} s: ${counted} counted, ${measured} measured, ${findings.length} found; ${engine} ${print(candidate)}`;
    if (process.stdout.isTTY) {
      process.stdout.write(`\r${line.slice(0, (process.stdout.columns ?? 100) - 1)}\u001b[K`);
    } else if (now >= this.nextLine) {
      this.say(line);
      this.nextLine = now + SILENCE_MS;
    }
  }

  summary(hunt: Hunt, engines: readonly EngineName[]): void {
    const seconds = Math.round((Date.now() - this.started) / 1_000);
    for (const engine of engines) {
      for (const oracle of ORACLES) {
        const worst = hunt.worstOf(engine, oracle);
        if (worst.length === 0) continue;
        this.say(`\n${engine}, ${oracle}: the worst, measured once, in times of what is allowed`);
        for (const finding of worst) {
          if (this.isJson) console.log(JSON.stringify({ isWorst: true, ...plainly(finding) }));
          else this.say(`  ${line(finding)}`);
        }
      }
    }
    const { counted, measured, findings } = hunt;
    this.say(`\n${counted} counted and ${measured} measured in ${seconds} s; beyond the bounds: ${findings.length}`);
    for (const finding of findings) this.say(`  ${finding.result.engine}, ${finding.oracle}: ${line(finding)}`);
  }
}

function plainly({ oracle, use, result }: Finding): object {
  const { candidate, engine, bytes, measure, count, lost } = result;
  return { oracle, engine, use, candidate: print(candidate), bytes, measure, count, lost };
}

function described({ oracle, use, result }: Finding): string {
  const { engine, bytes } = result;
  return `${engine}: ${use.toFixed(2)} times what is allowed, ${oracle}: ${bytes} bytes, ${detail({ oracle, use, result })}`;
}

function line(finding: Finding): string {
  const { candidate, bytes } = finding.result;
  return `${finding.use.toFixed(2)}  ${print(candidate)}  (${bytes} bytes, ${detail(finding)})`;
}

/** The figures behind a use. */
function detail({ oracle, result }: Finding): string {
  const { lost, count, measure } = result;
  if (lost !== undefined) return lost;
  if (measure === undefined) return `${count?.work} blocks${count?.failure ? `, ${count.failure}` : ''}`;
  const { prepare, call, gas, retained, grown, guest, account, slice, host, failure } = measure;
  const MB = (bytes = 0) => `${(bytes / 1e6).toFixed(1)} MB`;
  const timed = (of: Measure['run']) => `${of?.milliseconds.toFixed(2)} ms for ${of?.gas} units`;
  const alone = host === undefined ? '' : `; the host alone ${host.toFixed(1)} ms`;
  const ended = failure === undefined ? '' : `; ${failure}`;
  switch (oracle) {
    case 'work':
      return `${count?.work} blocks${ended}`;
    case 'time':
      return `${prepare.toFixed(1)} + ${call.toFixed(1)} ms, ${gas} units${alone}${ended}`;
    case 'retained':
      return `${MB(retained)}, the guest's own ${MB(guest)}${ended}`;
    case 'grown':
      return `${MB(grown)}, the guest's own ${MB(guest)}${ended}`;
    case 'account':
      return `${MB(retained)} of which ${MB(account)} are counted, the guest's own ${MB(guest)}${ended}`;
    case 'slice':
      return `${slice?.toFixed(1)} ms${alone}${ended}`;
    case 'again':
    case 'run':
    case 'instantiate':
      return timed(measure[oracle]) + ended;
  }
}
