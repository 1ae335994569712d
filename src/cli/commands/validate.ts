/** `wasm-sandbox validate`: is it a module? */

import { CompileError, TextError } from '../../../wasm/errors.ts';
import { quote } from '../../../wasm/quote.ts';
import { complain, type Io, print, printJson } from '../io/io.ts';
import { readModule } from '../io/module.ts';
import { errorLines, errorReport } from '../io/report.ts';
import { STATUS } from '../io/status.ts';

export interface ValidateOptions {
  readonly json?: boolean;
}

export async function validate(path: string, options: ValidateOptions, io: Io): Promise<number> {
  let error: CompileError | undefined;
  try {
    await readModule(path, io);
  } catch (cause) {
    if (!(cause instanceof CompileError)) throw cause;
    error = cause;
  }
  if (options.json) {
    printJson(io, { module: path, valid: error === undefined, error: error && errorReport(error) });
  } else if (error === undefined) print(io, [`${quote(path, 200)} is a valid module`]);
  else complain(io, errorLines(error, io.colours.stderr).slice(0, error instanceof TextError ? undefined : 1));
  return error === undefined ? STATUS.ok : STATUS.invalid;
}
