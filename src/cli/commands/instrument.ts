/** `wasm-sandbox instrument`: a module that meters itself. */

import { instrument } from '../../../instrument/index.ts';
import { quote } from '../../../wasm/quote.ts';
import { complain, type Io } from '../io/io.ts';
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
  const artifact = await instrument(module, {
    timeSlices: options.timeSlices,
    canonicalNaN: options.canonicalNan,
    optimise: options.optimise,
    limits: { gas, memoryBytes, stackBytes },
  });
  if (options.output === '-') io.stdout(artifact);
  else {
    const { writeBytes } = await import('../io/files.node.ts');
    writeBytes(options.output, artifact);
    complain(io, [`${quote(options.output, 200)}: ${artifact.length} bytes, from ${module.bytes.length}`]);
  }
  return STATUS.ok;
}
