// Runs the official suite: `npm run test:spec -- --help` has the options. The last line is
// "spec: P passed, F failed, S skipped", counted in assertions; failures that are listed as known are not among them.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parse, print } from '../src/text.ts';
import { compareWithKnown } from '../test/spec/deviations.ts';
import { SUPPORTED, selectFiles } from '../test/spec/features.ts';
import type { SpecHost } from '../test/spec/host.ts';
import { createHost, featuresOf, hosts } from '../test/spec/hosts.ts';
import type { Failure, Report } from '../test/spec/run.ts';
import { runScript } from '../test/spec/run.ts';
import { isSkipped } from '../test/spec/skips.ts';
import { loadScript, loadText, suiteFiles, textFiles } from '../test/spec/suite.ts';
import { absenceOf, isFound, requiresSuites, SUITES } from '../test/suites.ts';

const USAGE = `Usage: test-spec [options]
  --host <name>     ${Object.keys(hosts).join(' or ')} (default: interpreter)
  --slices          the interpreter, interrupted and resumed at every checkpoint (--host interpreter-sliced)
  --text            the scripts as they are published, in the text format
  --printed         every valid module printed as text and parsed again, and that costs the same gas
  --files <a,b>     only these files, without their extension
  --all             every file (default: those that need nothing the host lacks)
  --json            one JSON document on standard output instead of text
  --list-supported  write the list of those files anew, and run nothing
  --help            print this`;

/** Failures shown of each file. */
const SHOWN_FAILURES = 5;

/** Where scripts come from. */
const BINARY = { suite: SUITES.core, files: suiteFiles, load: loadScript };
/** Import a shared memory of `spectest`. */
const THREADS = /^proposals\/threads\//;

const TEXT = { suite: SUITES.text, files: textFiles, load: loadText };

const supportedFile = new URL('../test/spec/supported.json', import.meta.url);

interface FileReport extends Report {
  readonly file: string;
  readonly milliseconds: number;
  /** Failures that are listed with their reasons. */
  readonly known: number;
  readonly interruptions: number;
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        host: { type: 'string', default: 'interpreter' },
        slices: { type: 'boolean', default: false },
        text: { type: 'boolean', default: false },
        printed: { type: 'boolean', default: false },
        files: { type: 'string' },
        all: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        'list-supported': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    return values.slices ? { ...values, host: 'interpreter-sliced' } : values;
  } catch (error) {
    return fail(`${error instanceof Error ? error.message : error}\n${USAGE}`);
  }
}

function writeSelection(): void {
  const scripts = suiteFiles().map((file) => [file, loadScript(file)] as const);
  const selection = selectFiles(scripts, SUPPORTED);
  writeFileSync(supportedFile, `${JSON.stringify(selection, null, 2)}\n`);
  console.log(`${selection.files.length} of ${scripts.length} files are supported`);
}

function chooseFiles(wanted: string | undefined, all: boolean, host: string): readonly string[] {
  const known = form.files();
  if (wanted !== undefined) {
    const files = wanted.split(',').map((file) => file.trim().replace(/(\.bin)?\.wast$/, ''));
    for (const file of files) if (!known.includes(file)) fail(`no such file in the suite: ${file}`);
    return files;
  }
  if (all || form === TEXT) return known;
  const scripts = known.map((file) => [file, loadScript(file)] as const);
  return selectFiles(scripts, featuresOf(host)).files;
}

/** Rewrites one line of the terminal; silent where standard error is not one. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

function printFile({ file, passed, failed, skipped, known, milliseconds }: FileReport): void {
  const counts = `${passed} passed, ${failed.length} failed, ${skipped} skipped${known > 0 ? `, ${known} known` : ''}`;
  console.log(`${failed.length === 0 ? 'ok  ' : 'FAIL'} ${file}: ${counts} (${Math.round(milliseconds)} ms)`);
  for (const { line, command, reason } of failed.slice(0, SHOWN_FAILURES)) {
    console.log(`       line ${line}, ${command}: ${reason}`);
  }
  if (failed.length > SHOWN_FAILURES) console.log(`       and ${failed.length - SHOWN_FAILURES} more`);
}

/** What is different where valid modules have been printed and parsed before they are run. */
async function comparePrinted(file: string, hostName: string, report: Report, host: SpecHost): Promise<Failure[]> {
  const other = await createHost(hostName, { sharedMemory: THREADS.test(file) });
  const compile = other.compile.bind(other);
  const again = runScript(form.load(file), { ...bound(other), compile: (bytes) => compile(printed(bytes)) });
  const costs = [host, other].map((each) => String(each.gasUsed?.()));
  const failed = [...again.failed];
  if (again.passed !== report.passed) failed.push({ line: 0, command: 'printed', reason: 'other assertions pass' });
  if (costs[0] !== costs[1]) failed.push({ line: 0, command: 'printed', reason: 'the gas is another' });
  return failed;
}

/** The methods of a host, which may be replaced one by one. */
function bound(host: SpecHost): SpecHost {
  const { name } = host;
  return {
    name,
    compile: host.compile.bind(host),
    instantiate: host.instantiate.bind(host),
    invoke: host.invoke.bind(host),
    get: host.get.bind(host),
    classify: host.classify.bind(host),
    spectest: host.spectest.bind(host),
  };
}

/** The same module by way of its text; as it is where it is none. */
function printed(bytes: Uint8Array): Uint8Array {
  let text: string;
  try {
    text = print(bytes);
  } catch {
    return bytes;
  }
  const parsed = parse(text);
  if (print(parsed) !== text) throw new Error('what was parsed is printed otherwise');
  return parsed;
}

async function runFile(file: string, hostName: string): Promise<FileReport> {
  const start = performance.now();
  const host = await createHost(hostName, { sharedMemory: THREADS.test(file) });
  const skip = (line: number) => isSkipped(hostName, file, line);
  const report = runScript(form.load(file), host, { skip });
  const differences = options.printed ? await comparePrinted(file, hostName, report, host) : [];
  const milliseconds = performance.now() - start;
  const { unknown, absent } = compareWithKnown(hostName, file, report.failed);
  const missing = absent.map(({ line, reason }) => ({
    line,
    command: 'passes',
    reason: `is listed to fail: ${reason}`,
  }));
  return {
    ...report,
    file,
    milliseconds,
    failed: [...unknown, ...missing, ...differences],
    known: report.failed.length - unknown.length,
    interruptions: host.interruptions?.() ?? 0,
  };
}

const options = readOptions();
const form = options.text ? TEXT : BINARY;
if (options.help) {
  console.log(USAGE);
} else if (!isFound(form.suite)) {
  console.log(absenceOf(form.suite));
  process.exitCode = requiresSuites() ? 1 : 0;
} else if (options['list-supported']) {
  writeSelection();
} else {
  await createHost(options.host).catch((error) => fail(`cannot use host ${options.host}: ${error.message}`));
  const files = chooseFiles(options.files, options.all, options.host);
  const reports: FileReport[] = [];
  for (const [index, file] of files.entries()) {
    progress(`[${index + 1}/${files.length}] ${file}`);
    const report = await runFile(file, options.host);
    progress('');
    reports.push(report);
    if (!options.json) printFile(report);
  }
  const total = (count: (report: FileReport) => number) => reports.reduce((sum, report) => sum + count(report), 0);
  const passed = total((report) => report.passed);
  const failed = total((report) => report.failed.length);
  const skipped = total((report) => report.skipped);
  const known = total((report) => report.known);
  const interruptions = total((report) => report.interruptions);
  const milliseconds = Math.round(total((report) => report.milliseconds));
  if (options.json) {
    const totals = { passed, failed, skipped, known, interruptions, milliseconds };
    console.log(JSON.stringify({ host: options.host, ...totals, files: reports }));
  } else {
    console.log(`${files.length} files on ${options.host} in ${(milliseconds / 1000).toFixed(1)} s`);
    if (known > 0) console.log(`${known} commands fail as test/spec/deviations.ts lists them`);
    if (interruptions > 0) console.log(`interrupted ${interruptions} times`);
    console.log(`spec: ${passed} passed, ${failed} failed, ${skipped} skipped`);
  }
  process.exitCode = failed > 0 ? 1 : 0;
}
