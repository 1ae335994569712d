/** `wasm-sandbox run`: a WASI command, or one exported function, under limits. */

import { Capability, type SecurityPolicy } from '../../../policy/index.ts';
import { concat } from '../../../wasm/bytes.ts';
import { UsageError, WasmSandboxError } from '../../../wasm/errors.ts';
import type { WasmValue } from '../../../wasm/host.ts';
import { typeOfFunction, type WasmModule } from '../../../wasm/module.ts';
import { ModuleGraph } from '../../../wasm/module-graph.ts';
import { quote } from '../../../wasm/quote.ts';
import type { FuncType } from '../../../wasm/types.ts';
import { decodeUtf8 } from '../../../wasm/utf8.ts';
import { COMMAND_START } from '../../call/command.ts';
import { exitStatusBehind } from '../../call/failures.ts';
import { showFuncType } from '../../call/values.ts';
import { suggest } from '../../checks/similar.ts';
import { KiB, MiB } from '../../checks/sizes.ts';
import { Authenticator } from '../../crypto/key.ts';
import type { EngineChoice } from '../../engines/choose.ts';
import type { SandboxOptions } from '../../sandbox/options.ts';
import { WasmSandbox } from '../../sandbox.ts';
import { type PolicyOptions, preparePolicy } from '../arguments/policy.ts';
import { parseValue, showValue } from '../arguments/values.ts';
import { ClosedOutput, complain, type Io, LostOutput, print, printJson } from '../io/io.ts';
import { readModule } from '../io/module.ts';
import { errorLines, errorReport, type Figures, statsLines, statsReport, statusOf } from '../io/report.ts';

/** As the command line leaves them, already parsed. */
export interface RunCommandOptions extends PolicyOptions {
  readonly invoke?: string;
  readonly gas?: bigint;
  readonly memory?: number;
  readonly stack?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly engine?: EngineChoice;
  readonly record?: string;
  readonly key?: string;
  readonly stats?: boolean;
  readonly json?: boolean;
}

/** Output that is passed on takes no memory; output for `--json` is kept. */
const MAX_OUTPUT = 2 ** 31;
const MAX_KEPT_OUTPUT = 64 * MiB;
/** Bytes taken from standard input at once. */
const READ_BYTES = 64 * KiB;

/** How a run ended: with a status, with results, or with a failure. */
interface Outcome {
  readonly exitCode?: number;
  readonly results?: readonly string[];
  readonly error?: unknown;
  readonly figures?: Figures | undefined;
}

export async function run(path: string, args: readonly string[], options: RunCommandOptions, io: Io): Promise<number> {
  const kept = options.json ? { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] } : undefined;
  const outcome = await execute(path, args, options, {
    ...io,
    ...(kept && {
      stdout: (bytes) => kept.stdout.push(bytes),
      stderr: (bytes) => kept.stderr.push(bytes),
      terminals: io.terminals.filter((stream) => stream === 'stdin'),
    }),
  });
  const { error, results = [], exitCode = 0 } = outcome;
  const figures = outcome.figures && (options.deterministic ? timeless(outcome.figures) : outcome.figures);
  const status = error === undefined ? exitCode & 0xff : statusOf(error);
  if (kept !== undefined) {
    const report = {
      module: path,
      exitStatus: status,
      exitCode: outcome.exitCode,
      results: outcome.results,
      ...outputReport('stdout', kept.stdout),
      ...outputReport('stderr', kept.stderr),
      error: error === undefined ? undefined : errorReport(error),
      stats: figures && statsReport(figures),
    };
    printJson(io, report);
    return status;
  }
  print(io, results);
  if (error !== undefined) complain(io, errorLines(error, io.colours.stderr));
  if (options.stats && figures !== undefined) complain(io, statsLines(figures));
  return status;
}

/** @throws ClosedOutput and LostOutput alone */
async function execute(path: string, args: readonly string[], options: RunCommandOptions, io: Io): Promise<Outcome> {
  let sandbox: WasmSandbox | undefined;
  let close: (() => void) | undefined;
  let key: Uint8Array | undefined;
  try {
    key = await recordingKey(options);
    const prepared = await preparePolicy(options, options.json ? MAX_KEPT_OUTPUT : MAX_OUTPUT);
    close = prepared.close;
    const module = await readModule(path, io);
    const { invoke } = options;
    const call = invoke === undefined ? checkCommand(module) : planCall(module, invoke, args);
    sandbox = await WasmSandbox.create(sandboxOptions(path, args, options, prepared.policy, io), {
      graph: ModuleGraph.of(module),
    });
    const ended =
      call === undefined ? { exitCode: (await sandbox.run()).exitCode } : await invokeFunction(sandbox, call);
    return { ...ended, figures: sandbox.getResourceStats() };
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (cause instanceof ClosedOutput || cause instanceof LostOutput) throw cause;
    const left = error instanceof WasmSandboxError ? error.resources : undefined;
    const figures = sandbox?.getResourceStats() ?? left;
    const exitCode = exitStatusBehind(error);
    return exitCode === undefined ? { error, figures } : { exitCode, figures };
  } finally {
    if (options.record !== undefined && sandbox !== undefined) await keepRecording(sandbox, options.record, key);
    sandbox?.dispose();
    close?.();
  }
}

/** Looked at before anything is recorded. @throws UsageError */
async function recordingKey({ record, key }: RunCommandOptions): Promise<Uint8Array | undefined> {
  if (key === undefined) return undefined;
  if (record === undefined) throw new UsageError('--key authenticates a recording: give --record too');
  const { readBytes } = await import('../io/files.node.ts');
  const secret = readBytes(key);
  Authenticator.of(secret);
  return secret;
}

async function keepRecording(sandbox: WasmSandbox, path: string, key: Uint8Array | undefined): Promise<void> {
  const { writeBytes } = await import('../io/files.node.ts');
  writeBytes(path, await sandbox.recording({ key }));
}

/** Without what is never the same twice. */
function timeless({ cpuTimeMs: _, ...figures }: Figures): Figures {
  return figures;
}

function sandboxOptions(
  path: string,
  args: readonly string[],
  options: RunCommandOptions,
  securityPolicy: SecurityPolicy,
  io: Io,
): SandboxOptions {
  const read = options.deterministic ? readAll : readSome;
  // A policy of the user's says itself whether there is an environment.
  const env = options.env ?? (options.policy === undefined ? {} : undefined);
  return {
    source: path,
    securityPolicy,
    gasLimit: options.gas,
    memoryLimit: options.memory,
    stackLimit: options.stack,
    cpuTimeout: options.timeout,
    engine: options.engine,
    record: options.record !== undefined,
    instanceId: options.deterministic ? 'run' : undefined,
    args: [baseName(path), ...args],
    env,
    stdin: (wanted) => read(io, Math.min(wanted, READ_BYTES)),
    onStdout: io.stdout,
    onStderr: io.stderr,
    capabilities: options.deterministic ? [] : [Capability.stdio({ terminals: io.terminals })],
  };
}

/** As much as there is at the moment, which depends on who writes it and when. */
function readSome(io: Io, wanted: number): Uint8Array {
  return io.stdin(wanted);
}

/** As much as is wanted, unless the input ends before. */
function readAll(io: Io, wanted: number): Uint8Array {
  const bytes = new Uint8Array(wanted);
  let length = 0;
  while (length < wanted) {
    const piece = io.stdin(wanted - length);
    if (piece.length === 0) break;
    bytes.set(piece, length);
    length += piece.length;
  }
  return bytes.subarray(0, length);
}

function baseName(path: string): string {
  return path.split(/[\\/]/).at(-1) || path;
}

/** An exported function and the arguments for it. */
interface PlannedCall {
  readonly name: string;
  readonly type: FuncType;
  readonly values: readonly WasmValue[];
}

function functionExports(module: WasmModule): string[] {
  return module.exports.filter(({ kind }) => kind === 'function').map(({ name }) => name);
}

function checkCommand(module: WasmModule): undefined {
  const names = functionExports(module);
  if (names.includes('_start')) return;
  const others = suggest('_start', names, 'it exports');
  throw new UsageError(`the module has no _start, so it is no WASI command: name a function with --invoke; ${others}`);
}

function planCall(module: WasmModule, name: string, args: readonly string[]): PlannedCall {
  const found = module.exports.find((item) => item.kind === 'function' && item.name === name);
  if (found === undefined) {
    const others = suggest(name, functionExports(module), 'it exports');
    throw new UsageError(`the module exports no function ${quote(name)}; ${others}`);
  }
  const type = typeOfFunction(module, found.index);
  if (type.params.length !== args.length) {
    throw new UsageError(`function ${quote(name)} is ${showFuncType(type)}, but ${args.length} arguments were given`);
  }
  return { name, type, values: type.params.map((param, i) => parseValue(args[i] as string, param, i + 1)) };
}

async function invokeFunction(sandbox: WasmSandbox, { name, type, values }: PlannedCall): Promise<Outcome> {
  // A program by its own name.
  if (name === COMMAND_START) return { exitCode: await sandbox.call<number>(name) };
  const result = await sandbox.call(name, values);
  const results = type.results.length > 1 ? (result as readonly WasmValue[]) : [result];
  return { results: type.results.map((resultType, i) => showValue(results[i], resultType)) };
}

/** Text where it is UTF-8, else base64 under another name. */
function outputReport(stream: 'stdout' | 'stderr', chunks: readonly Uint8Array[]): Record<string, string> {
  const bytes = concat(chunks);
  try {
    return { [stream]: decodeUtf8(bytes) };
  } catch {
    return { [`${stream}Base64`]: base64(bytes) };
  }
}

function base64(bytes: Uint8Array): string {
  const step = 3 * 4_096;
  let text = '';
  for (let i = 0; i < bytes.length; i += step) text += btoa(String.fromCharCode(...bytes.subarray(i, i + step)));
  return text;
}
