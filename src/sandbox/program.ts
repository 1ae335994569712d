/** What a program is given when it runs. */

import type { ByteSource, KeptSource, ProgramInput } from '../../policy/index.ts';
import { toInput } from '../../policy/sandboxed.ts';
import { quote } from '../../wasm/quote.ts';
import { CALL_CHECKS, type CallOptions, SYNC_CALL_CHECKS, type SyncCallOptions } from '../call/options.ts';
import { cString, list, record, refuse } from '../checks/check.ts';
import { type Checks, checkNamed } from '../checks/named.ts';

/** What the sandbox's own options say of it holds where this does not. */
export interface ProgramOptions {
  /** The program's arguments as WASI gives them to it: the first is the program's name. */
  readonly args?: readonly string[] | undefined;
  /** The program's environment: exactly these variables. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /**
   * Standard input; text as UTF-8. A function is asked for the next piece when the guest reads. Streams and async
   * iterables make the guest wait, which it cannot on the native engine, nor in the synchronous sandbox.
   */
  readonly stdin?: ByteSource | undefined;
}

/** Of one run of a command: what it is given, and what holds of its call. */
export type RunOptions = ProgramOptions & CallOptions;

/** The same, where nobody can wait. */
export type SyncRunOptions = ProgramOptions & SyncCallOptions;

/** What is kept of {@link ProgramOptions}. */
export type KeptInput = Omit<ProgramOptions, 'stdin'> & { readonly stdin?: KeptSource | undefined };

export const PROGRAM_CHECKS: Checks<KeptInput> = {
  args: (value) => Object.freeze(list('args', value).map((arg, i) => cString(`args[${i}]`, arg))),
  env: checkEnvironment,
  stdin: (value) => toInput('stdin', value),
};

function checkEnvironment(value: unknown): Readonly<Record<string, string>> {
  const entries = Object.entries(record('env', value)).map(([name, content]) => {
    if (name === '' || name.includes('=')) refuse('the name of a variable in env', 'without =, and not empty', name);
    return [cString('the name of a variable in env', name), cString(`env[${quote(name)}]`, content)] as const;
  });
  return Object.freeze(Object.fromEntries(entries));
}

const RUN_CHECKS: Checks<KeptInput & CallOptions> = { ...PROGRAM_CHECKS, ...CALL_CHECKS };
const SYNC_RUN_CHECKS: Checks<KeptInput & SyncCallOptions> = { ...PROGRAM_CHECKS, ...SYNC_CALL_CHECKS };

/** @throws UsageError */
export function checkProgramOptions(what: string, options: unknown): ProgramInput {
  return checkNamed<KeptInput>(what, options, PROGRAM_CHECKS);
}

/** @throws UsageError */
export function checkRunOptions(options: unknown): { readonly input: ProgramInput; readonly call: CallOptions } {
  return apart(checkNamed<KeptInput & CallOptions>('a run', options, RUN_CHECKS));
}

/** @throws UsageError */
export function checkSyncRunOptions(options: unknown): {
  readonly input: ProgramInput;
  readonly call: SyncCallOptions;
} {
  return apart(checkNamed<KeptInput & SyncCallOptions>('a run', options, SYNC_RUN_CHECKS));
}

function apart<C>({ args, env, stdin, ...call }: KeptInput & C) {
  return { input: { args, env, stdin }, call };
}
