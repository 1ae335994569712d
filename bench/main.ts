/** `npm run bench`: everything that is said about speed, measured. README.md tells how to read it. */

import { writeFileSync } from 'node:fs';
import { type CliffRow, type CliffsPace, cliffsSection, measureCliffs } from './cliffs.ts';
import { compare, comparisonSection, readRun } from './compare.ts';
import { CONTENDERS } from './contenders.ts';
import { start } from './entrants.ts';
import { CALIBRATED, type Calibration, calibrate } from './gas/calibrate.ts';
import { type InstanceFigures, measureInstances } from './instances.ts';
import { type InstrumentFigures, type InstrumentPaces, measureInstrumenter } from './instrument/measure.ts';
import { instrumentSection } from './instrument/print.ts';
import { type LifeFigures, type LifePace, measureLife } from './life.ts';
import { measure, type Outcomes, type Pace } from './measure.ts';
import { type Options, type Part, parseOptions, USAGE, UsageError } from './options.ts';
import { toHtml } from './page/page.ts';
import { measurePlugins, type PluginPace, type PluginRow, pluginsSection } from './plugins.ts';
import {
  barsSection,
  contendersTable,
  coremarkText,
  gasSection,
  instancesSection,
  lifeSection,
  programsSection,
  startupSection,
} from './print.ts';
import { buildProduct, loadProduct } from './product.ts';
import { gasMismatches, ownFaults, type ProgramReport, programReport, summarize } from './program-report.ts';
import { COREMARK, loadPrograms } from './programs.ts';
import { Progress } from './progress.ts';
import { bars, machine, type Report, toJson } from './report.ts';
import { measureService, type ServiceFigures, type ServicePace, serviceSection } from './service/measure.ts';
import { MULTIPLIED, measureStartup, type StartupPace, type StartupRow } from './startup.ts';
import { blockText, type Section, sectionText } from './table.ts';
import { measureText, type TextPace, type TextRow, textSection } from './text.ts';

interface Paces {
  readonly coremark: Pace;
  readonly program: Pace;
  readonly instrument: InstrumentPaces;
  readonly startup: StartupPace;
  readonly instances: { readonly rounds: number; readonly window: number };
  readonly life: LifePace;
  readonly text: TextPace;
  readonly plugins: PluginPace;
  readonly cliffs: CliffsPace;
  readonly service: ServicePace;
  /** Nanoseconds for a sample. */
  readonly gas: { readonly rounds: number; readonly sample: number };
}

const DEFAULT: Paces = {
  coremark: { slice: 12_000, minRounds: 9, maxRounds: 31, sample: 40, warmup: 600, longest: 20_000 },
  program: { slice: 3_000, minRounds: 5, maxRounds: 25, sample: 15, warmup: 120, longest: 4_000 },
  instrument: {
    single: { slice: 8_000, minRounds: 9, maxRounds: 41, sample: 40, warmup: 600, longest: 20_000 },
    program: { slice: 2_500, minRounds: 5, maxRounds: 25, sample: 15, warmup: 300, longest: 4_000 },
    throughput: { slice: 1_000, minRounds: 3, maxRounds: 15, sample: 15 },
  },
  startup: { runs: 15, coldRuns: 3, cold: [MULTIPLIED, 'pulldown-cmark', 'json'] },
  instances: { rounds: 7, window: 150 },
  life: { rounds: 7, repeats: 300, pages: 256 },
  text: { rounds: 7, sample: 150 },
  plugins: { rounds: 9, sample: 200 },
  cliffs: { alone: 3_000, before: 700, behind: 1_500, among: 60_000, programs: 12 },
  service: { rounds: 5, seconds: 2, requests: 300 },
  gas: { rounds: 3, sample: 1.5e6 },
};

const QUICK: Paces = {
  coremark: { slice: 3_500, minRounds: 3, maxRounds: 9, sample: 30, warmup: 300, longest: 10_000 },
  program: { slice: 500, minRounds: 3, maxRounds: 9, sample: 8, warmup: 40, longest: 2_000 },
  instrument: {
    single: { slice: 2_000, minRounds: 5, maxRounds: 15, sample: 30, warmup: 400, longest: 10_000 },
    program: { slice: 600, minRounds: 3, maxRounds: 9, sample: 8, warmup: 100, longest: 2_000 },
    throughput: { slice: 200, minRounds: 2, maxRounds: 7, sample: 8 },
  },
  startup: { runs: 6, coldRuns: 2, cold: ['pulldown-cmark'] },
  instances: { rounds: 3, window: 60 },
  life: { rounds: 3, repeats: 100, pages: 64 },
  text: { rounds: 3, sample: 60 },
  plugins: { rounds: 3, sample: 50 },
  cliffs: { alone: 1_500, before: 500, behind: 1_000, among: 10_000, programs: 4 },
  service: { rounds: 2, seconds: 1, requests: 50 },
  gas: { rounds: 2, sample: 0.7e6 },
};

/** A large program is one to be waited for. */
const LARGE: Partial<Pace> = { slice: 20_000, minRounds: 3, maxRounds: 5, longest: 60_000 };

async function main(options: Options): Promise<number> {
  if (options.compare !== undefined) {
    const [before, after] = options.compare.map(readRun) as [ReturnType<typeof readRun>, ReturnType<typeof readRun>];
    process.stdout.write(`${sectionText(comparisonSection(compare(before, after)))}\n`);
    return 0;
  }
  const progress = new Progress();
  const begin = performance.now();
  const paces = options.quick ? QUICK : DEFAULT;
  progress.show('building');
  const complaints = buildProduct();
  const product = await loadProduct();
  const { programs: set, notes: setNotes } = loadPrograms(product, options.only);
  const own = await start(
    CONTENDERS.filter(({ role }) => role !== 'peer'),
    product,
    options.peers,
  );
  const reports = [...own.reports];
  const notes = [...setNotes];
  if (complaints !== '') notes.push(`the build has errors; what is measured may not be what is meant:\n${complaints}`);
  const has = (part: Parameters<Options['parts']['has']>[0]) => options.parts.has(part);
  const peers = CONTENDERS.filter(({ role }) => role === 'peer');
  const label = (key: string) => reports.find((report) => report.key === key)?.label ?? key;

  const parts: Record<string, number> = {};
  let last = begin;
  const end = (part: Part) => {
    parts[part] = (performance.now() - last) / 1_000;
    last = performance.now();
  };

  const programs: ProgramReport[] = [];
  if (has('programs')) {
    const chosen = [...set].sort((a, b) => Number(b.name === COREMARK) - Number(a.name === COREMARK));
    const all = new Map<string, Outcomes>();
    const baseline = own.entrants.filter(({ contender }) => contender.role === 'baseline');
    // The peers of others are loaded last: what they do to the process, such as detaching a buffer, slows the rest for good.
    for (const role of ['product', 'peer'] as const) {
      const started = role === 'product' ? own : await start(peers, product, options.peers);
      if (role === 'peer') reports.push(...started.reports);
      const group = started.entrants.filter(({ contender }) => contender.role === role);
      if (group.length === 0) continue;
      for (const [i, program] of chosen.entries()) {
        progress.show(`${program.name} (${i + 1} of ${chosen.length}${role === 'peer' ? ', peers' : ''})`);
        const pace = program.name === COREMARK ? paces.coremark : paces.program;
        const outcomes = await measure(
          program,
          options.size,
          [...baseline, ...group],
          options.size === 'large' ? { ...pace, ...LARGE } : pace,
        );
        all.set(program.name, new Map([...outcomes, ...(all.get(program.name) ?? [])]));
        if (role === 'peer' || i > 0) continue;
        const report = program.name === COREMARK ? programReport(program, options.size, outcomes) : undefined;
        progress.print(coremarkText(report, label('v8')));
      }
    }
    for (const program of chosen) {
      programs.push(programReport(program, options.size, all.get(program.name) as Outcomes));
    }
    end('programs');
  }

  let instrument: InstrumentFigures | undefined;
  if (has('instrument')) {
    instrument = await measureInstrumenter(product, set, options, paces.instrument, (text) => progress.show(text));
    end('instrument');
  }

  let startup: readonly StartupRow[] = [];
  let instances: InstanceFigures | undefined;
  let life: LifeFigures | undefined;
  let text: readonly TextRow[] = [];
  let plugins: readonly PluginRow[] = [];
  let cliffs: readonly CliffRow[] = [];
  let service: ServiceFigures | undefined;
  const gas: Calibration[] = [];
  if (has('startup')) {
    startup = await measureStartup(product, paces.startup, (text) => progress.show(text));
    end('startup');
  }
  if (has('instances')) {
    progress.show('instances');
    instances = await measureInstances(product, paces.instances);
    end('instances');
  }
  if (has('life')) {
    progress.show('snapshots, forks, waiting guests');
    life = await measureLife(product, paces.life);
    end('life');
  }
  if (has('text')) {
    progress.show('texts');
    text = await measureText(
      product,
      set.map(({ name, unit }) => ({ name, bytes: unit.bytes })),
      paces.text,
      options.peers,
    );
    end('text');
  }
  if (has('plugins')) {
    progress.show('plug-ins, arrays, tables, scripts');
    plugins = await measurePlugins(product, paces.plugins, options.peers);
    end('plugins');
  }
  if (has('service')) {
    service = await measureService(product, paces.service, options.peers, (text) => progress.show(text));
    end('service');
  }
  if (has('gas')) {
    progress.show('gas calibration');
    for (const key of CALIBRATED) {
      const calibration = await calibrate(product, key, paces.gas, (text) => progress.show(text));
      if ('absent' in calibration) notes.push(`no gas calibration of ${label(key)}: ${calibration.absent}`);
      else gas.push(calibration);
    }
    end('gas');
  }
  if (has('cliffs')) {
    cliffs = await measureCliffs(product, paces.cliffs, (text) => progress.show(text));
    end('cliffs');
  }

  const faults = [
    ...ownFaults(programs, reports),
    ...ownFaults(instrument?.programs ?? [], instrument?.contenders ?? []),
    ...gasMismatches([...programs, ...(instrument?.programs ?? [])]),
  ];
  const measured = {
    machine: machine(),
    seconds: (performance.now() - begin) / 1_000,
    parts,
    contenders: reports,
    notes,
    programs,
    summaries: summarize(programs, reports),
    instrument,
    startup,
    instances,
    life,
    text,
    plugins,
    cliffs,
    service,
    gas,
  };
  const report: Report = { ...measured, bars: bars(measured) };
  const { runtime, cpu, cores, load } = report.machine;
  const durations = Object.entries(parts).map(([part, seconds]) => `${part} ${seconds.toFixed(0)} s`);
  progress.print(`\n${runtime}, ${cores} × ${cpu}, load ${load.toFixed(1)}; took ${durations.join(', ')}\n`);
  progress.print(blockText(contendersTable(reports)));
  const show = (section: Section) => progress.print(`\n${sectionText(section)}`);
  if (programs.length > 0) show(programsSection(report));
  if (instrument !== undefined) show(instrumentSection(instrument));
  if (startup.length > 0) show(startupSection(startup, label));
  if (instances !== undefined) show(instancesSection(instances, label));
  if (life !== undefined) show(lifeSection(life));
  if (text.length > 0) show(textSection(text));
  if (plugins.length > 0) show(pluginsSection(plugins));
  if (cliffs.length > 0) show(cliffsSection(cliffs));
  if (service !== undefined) show(serviceSection(service));
  for (const calibration of gas) show(gasSection(calibration));
  show(barsSection(report.bars));
  for (const note of notes) progress.print(`\nNote: ${note}`);
  for (const fault of faults) progress.print(`\nFAULT: ${fault}`);

  if (options.json !== undefined) writeFileSync(options.json, toJson(report));
  if (options.html !== undefined) writeFileSync(options.html, toHtml(report));
  return faults.length === 0 ? 0 : 1;
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) process.stdout.write(USAGE);
  else process.exitCode = await main(options);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${USAGE}`);
  process.exitCode = 2;
}
