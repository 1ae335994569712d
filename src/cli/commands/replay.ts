/** `wasm-sandbox replay`: is a recorded run the same here? */

import { UsageError, WasmSandboxError } from '../../../wasm/errors.ts';
import { quote } from '../../../wasm/quote.ts';
import { replay } from '../../replay/replay.ts';
import { complain, type Io, print, printJson, showing } from '../io/io.ts';
import { errorReport, statusOf } from '../io/report.ts';
import { STATUS } from '../io/status.ts';

/** As the command line leaves them, already parsed. */
export interface ReplayCommandOptions {
  readonly gas?: bigint;
  readonly memory?: number;
  readonly timeout?: number;
  readonly key?: string;
  readonly json?: boolean;
}

export async function replayCommand(path: string, options: ReplayCommandOptions, io: Io): Promise<number> {
  const { readBytes } = await import('../io/files.node.ts');
  try {
    const key = options.key === undefined ? undefined : readBytes(options.key);
    const limits = { gasLimit: options.gas, memoryLimit: options.memory, timeout: options.timeout, key };
    const { same, difference, calls, hostCalls, gasUsed } = await showing(io, `replaying ${quote(path)}`, (tick) =>
      replay(readBytes(path), limits, tick),
    );
    const figures = { calls, hostCalls, gasUsed: String(gasUsed) };
    if (options.json) printJson(io, { recording: path, same, difference, ...figures });
    else if (same) {
      print(io, [`${quote(path, 200)}: the same, with ${calls} calls, ${hostCalls} host calls and ${gasUsed} gas`]);
    } else complain(io, [`wasm-sandbox: ${quote(path, 200)} differs: ${difference}`]);
    return same ? STATUS.ok : STATUS.invalid;
  } catch (error) {
    if (!options.json || !(error instanceof WasmSandboxError) || error instanceof UsageError) throw error;
    printJson(io, { recording: path, same: false, error: errorReport(error) });
    return statusOf(error);
  }
}
