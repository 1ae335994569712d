/** What it costs that a module meters itself on the runtime's own engine, and what it takes to make it so. */

import { start } from '../entrants.ts';
import { measure, type Pace } from '../measure.ts';
import type { Options } from '../options.ts';
import type { Product } from '../product.ts';
import { type ContenderReport, type ProgramReport, programReport, type Summary, summarize } from '../program-report.ts';
import { COREMARK, FIB, loadGiven, type Program, type Size } from '../programs.ts';
import { METERED_CONTENDERS } from './contenders.ts';
import { measureThroughput, type Throughput, type ThroughputPace } from './throughput.ts';

export interface InstrumentPaces {
  /** Of what is compared with a bar by itself. */
  readonly single: Pace;
  readonly program: Pace;
  readonly throughput: ThroughputPace;
}

export interface InstrumentFigures {
  readonly contenders: readonly ContenderReport[];
  readonly programs: readonly ProgramReport[];
  readonly summaries: readonly Summary[];
  readonly throughput: Throughput;
}

/** What the runtime's own engine has to do to be kept busy for some milliseconds, where nothing else was asked for. */
const SIZES: Readonly<Record<string, Size>> = { mandelbrot: 'medium' };

/** Programs that are there for their size. */
const LARGE_MODULES = ['bz2', 'pulldown-cmark'];

export async function measureInstrumenter(
  product: Product,
  programs: readonly Program[],
  options: Options,
  paces: InstrumentPaces,
  onProgress: (text: string) => void,
): Promise<InstrumentFigures> {
  const { entrants, reports } = await start(METERED_CONTENDERS, product, options.peers);
  const measured: ProgramReport[] = [];
  for (const [i, program] of programs.entries()) {
    onProgress(`${program.name}, native (${i + 1} of ${programs.length})`);
    const pace = program.name === COREMARK || program.name === FIB ? paces.single : paces.program;
    const size = options.size === 'medium' ? (SIZES[program.name] ?? 'large') : options.size;
    measured.push(programReport(program, size, await measure(program, size, entrants, pace)));
  }
  const modules = programs.map(({ name, unit: { bytes } }) => ({ name, bytes }));
  if (options.only === undefined) {
    for (const name of LARGE_MODULES) {
      const bytes = loadGiven(name);
      if (bytes !== undefined) modules.push({ name, bytes });
    }
  }
  const throughput = await measureThroughput(product, modules, paces.throughput, onProgress);
  return { contenders: reports, programs: measured, summaries: summarize(measured, reports), throughput };
}
