/** `wasm-sandbox instrument`: a module that meters itself. */

import { instrument, instrumentSteps } from '../../../instrument/artifact.ts';
import { quote } from '../../../wasm/quote.ts';
import { Preparation } from '../../time/preparation.ts';
import { complain, type Io, showing } from '../io/io.ts';
import { readModule } from '../io/module.ts';
import { STATUS } from '../io/status.ts';

export interface InstrumentCommandOptions {
  readonly output: string;
  readonly gas?: bigint;
  readonly memory?: number;
  readonly stack?: number;
  /** Commander's names for `--no-…`. */
  readonly timeSlices: boolean;
  readonly canonicalNan: boolean;
  readonly optimise?: boolean;
}

export async function instrumentCommand(path: string, options: InstrumentCommandOptions, io: Io): Promise<number> {
  const { gas, memory: memoryBytes, stack: stackBytes } = options;
  const module = await readModule(path, io);
  const settings = {
    timeSlices: options.timeSlices,
    canonicalNaN: options.canonicalNan,
    optimise: options.optimise,
    limits: { gas, memoryBytes, stackBytes },
  };
  const artifact = await showing(io, `instrumenting ${quote(path)}`, (onStep) =>
    // Binaryen's passes are one piece of work.
    options.optimise
      ? instrument(module, settings)
      : new Preparation({ onStep }).run(instrumentSteps(module, settings)),
  );
  if (options.output === '-') io.stdout(artifact);
  else {
    const { writeBytes } = await import('../io/files.node.ts');
    writeBytes(options.output, artifact);
    complain(io, [`${quote(options.output, 200)}: ${artifact.length} bytes, from ${module.bytes.length}`]);
  }
  return STATUS.ok;
}
