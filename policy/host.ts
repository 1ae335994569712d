/** Makes a policy real for one sandbox: the host functions it grants, and the state behind them. */

import { SnapshotError, UsageError } from '../wasm/errors.ts';
import { HostFunction } from '../wasm/host.ts';
import { type FuncType, funcType, V128 } from '../wasm/types.ts';
import { encodeUtf8 } from '../wasm/utf8.ts';
import { damaged, type WireReader, type WireWriter } from '../wasm/wire.ts';
import type { AuditLog } from './audit.ts';
import { type CallSurroundings, FunctionCaller, noSurroundings } from './caller.ts';
import type { GuestFunction, HostFunctionsCapability, StdioCapability } from './capability.ts';
import { checkArray, checkCString, checkOptions, refuse } from './check.ts';
import { createClock, type TimeSources } from './clock.ts';
import { decide } from './decide.ts';
import { filesOf, maxDescriptorsOf, type OpenFolder, openMounts } from './fs/mounts.ts';
import { type Body, Gate } from './gate.ts';
import type { HttpClient } from './net/client.ts';
import { NetworkState } from './net/requests.ts';
import { http, partOf, wasi } from './parts.ts';
import { SecurityPolicy } from './policy.ts';
import { createRandom, type RandomFill } from './random.ts';
import type { Saved } from './saved.ts';
import type { KeptSource } from './stdio.ts';
import { InputStream, OutputBudget, OutputStream } from './streams.ts';
import type { Preopen } from './wasi/descriptor.ts';
import { loadFileSystems, saveFileSystems } from './wasi/saved.ts';
import { WasiState } from './wasi/state.ts';
import { StringList } from './wasi/string-list.ts';

/** What a host is given of the world. */
export interface HostOptions {
  /** The program's arguments; the first is by custom its name. None unless given. */
  readonly args?: readonly string[] | undefined;
  /** The host's environment, of which the guest sees what the policy grants. Empty unless given. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** Where a real clock's time comes from. Not used unless the policy grants the real clock. */
  readonly time?: Partial<TimeSources> | undefined;
  /** Where system randomness comes from; `crypto.getRandomValues` unless given. Not used unless granted. */
  readonly randomFill?: RandomFill | undefined;
  /** What carries out HTTP requests; the runtime's own unless given. Not used unless the policy grants a network. */
  readonly httpClient?: HttpClient | undefined;
  /** Milliseconds that the guest's call still has, beyond which no request is waited for. No limit unless given. */
  readonly timeLeft?: (() => number) | undefined;
  /** Who calls, asked when a host function of the embedder's is called that gets its caller. Nobody unless given. */
  readonly surroundings?: (() => CallSurroundings) | undefined;
  /** Opens the folders of the host's that the policy grants. Needed where it grants any. */
  readonly openFolder?: OpenFolder | undefined;
}

/** What one run of a program is given. */
export interface ProgramInput {
  /** The program's arguments; the first is by custom its name. */
  readonly args?: readonly string[] | undefined;
  /** Exactly these variables. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly stdin?: KeptSource | undefined;
}

/** What a guest of one sandbox can reach. */
export interface Host {
  readonly policy: SecurityPolicy;
  /**
   * The host function for an import, of exactly the given type; undefined where none was granted. The embedder's own
   * functions come before WASI's and HTTP's. May be passed on without its host.
   */
  readonly resolve: (module: string, name: string, type: FuncType) => HostFunction | undefined;
  /**
   * What the program that runs next is given, until the next reset. What is not said stays as it is.
   * @throws UsageError where there is an environment, and the policy grants none
   */
  provide(input: ProgramInput): void;
  /** A copy of what was captured of a stream; empty where the policy leads it elsewhere. */
  output(stream: 'stdout' | 'stderr'): Uint8Array;
  /** Copies of the files in memory, by the guest's absolute path, in its order. */
  files(): ReadonlyMap<string, Uint8Array>;
  /** Bytes written to both streams, captured or not. */
  readonly outputBytes: number;
  /** Host calls, where the policy turns auditing on. */
  readonly audit: AuditLog;
  /** Refused host calls, the first 1,000 of them, whether or not auditing is on. */
  readonly violations: AuditLog;
  /** Records events into a log of the caller's as well, until the function returned is called. Changes no gas. */
  capture(log: Pick<AuditLog, 'append'>): () => void;
  /**
   * All as it was made: descriptors, requests, clocks, random sequence, output, records. Only a function that is the
   * source of standard input goes on where it stands.
   */
  reset(): void;
  /**
   * The state behind WASI and HTTP: descriptors, files in memory, clock, random sequence, streams.
   * @throws SnapshotError where folders of the host's are granted, or requests are open
   * @internal
   */
  save(to: WireWriter): void;
  /**
   * Takes what another host of the same grants saved in the place of its own state.
   * @throws SnapshotError where that is damaged, or the grants are others; the host is then to be closed
   * @internal
   */
  load(from: WireReader): void;
  /** Lets go of what is open outside; the records stay, and nothing is added to them by calls that end later. */
  close(): void;
}

/**
 * @throws UsageError for wrong options, and where the policy grants system randomness that the runtime does not have
 */
export function createHost(policy: SecurityPolicy, options: HostOptions = {}): Host {
  if (!(policy instanceof SecurityPolicy)) refuse('a policy', 'a SecurityPolicy', policy);
  checkOptions('the options of a host', options, [
    'args',
    'environment',
    'time',
    'randomFill',
    'httpClient',
    'timeLeft',
    'surroundings',
    'openFolder',
  ]);
  return new PolicyHost(policy, options);
}

/**
 * Whether a program under the policy can be given this, before anything is.
 * @throws UsageError where there is an environment, and the policy grants none
 * @internal
 */
export function checkProvided(policy: SecurityPolicy, { env }: ProgramInput): void {
  if (env === undefined || decide(policy, { kind: 'environment' }).allowed) return;
  throw new UsageError(
    'the policy grants no environment, so the guest would not see env: grant one, which may be empty, with Capability.environmentAccess({})',
  );
}

class PolicyHost implements Host {
  readonly policy: SecurityPolicy;
  readonly resolve: Host['resolve'];
  private readonly gate: Gate;
  private readonly budget: OutputBudget;
  private readonly wasi: WasiState;
  private readonly preopens: readonly Preopen[];
  private readonly network: NetworkState;

  constructor(policy: SecurityPolicy, options: HostOptions) {
    this.policy = policy;
    this.gate = new Gate(policy);
    this.budget = new OutputBudget(policy.outputLimit);
    const { stdin, stdout, stderr } = streamsOf(policy);
    const clock = createClock(policy.clock, options.time ?? {});
    this.preopens = openMounts(policy, () => clock.peek('realtime'), options.openFolder);
    this.wasi = new WasiState({
      stdin: new InputStream(stdin),
      stdout: new OutputStream(stdout, this.budget),
      stderr: new OutputStream(stderr, this.budget),
      clock,
      random: createRandom(policy.random, options.randomFill),
      args: argumentsOf(checkArray('args', options.args ?? [])),
      environment: variablesOf(environmentOf(policy, options.environment ?? {})),
      preopens: this.preopens,
      maxDescriptors: maxDescriptorsOf(policy),
    });
    this.network = new NetworkState(policy, options.httpClient, options.timeLeft);
    const own = ownFunctions(policy, options.surroundings ?? noSurroundings);
    this.resolve = (module, name, type) => {
      const granted = own.get(module)?.get(name);
      if (granted !== undefined) return granted(this.gate, type);
      const known = this.known(module, name);
      return known?.type.key === type.key ? known : undefined;
    };
  }

  /** @throws UsageError where the entry of the package does not have it */
  private known(module: string, name: string): HostFunction | undefined {
    const part = partOf(module);
    if (part === wasi) return wasi.now.wasiFunction(this.wasi, this.gate, module, name);
    return part === http ? http.now.httpFunction(this.network, this.gate, name) : undefined;
  }

  provide(input: ProgramInput): void {
    checkProvided(this.policy, input);
    const { args, env, stdin } = input;
    if (args !== undefined) this.wasi.args = argumentsOf(args);
    if (env !== undefined) this.wasi.environment = variablesOf(Object.entries(env));
    if (stdin !== undefined) this.wasi.sources.stdin.begin(stdin);
  }

  output(stream: 'stdout' | 'stderr'): Uint8Array {
    return this.wasi.sources[stream].captured();
  }

  files(): ReadonlyMap<string, Uint8Array> {
    return filesOf(this.preopens);
  }

  get outputBytes(): number {
    return this.budget.used;
  }

  get audit(): AuditLog {
    return this.gate.audit;
  }

  get violations(): AuditLog {
    return this.gate.violations;
  }

  capture(log: Pick<AuditLog, 'append'>): () => void {
    return this.gate.capture(log);
  }

  private get parts(): readonly Saved[] {
    const { stdin, stdout, stderr, clock, random } = this.wasi.sources;
    return [this.gate, stdin, stdout, stderr, clock, random, this.network];
  }

  save(to: WireWriter): void {
    for (const part of this.parts) part.save(to);
    to.number(this.budget.used);
    saveFileSystems(to, this.preopens, this.wasi.descriptors);
    this.wasi.save(to);
  }

  load(from: WireReader): void {
    for (const part of this.parts) part.load(from);
    const { stdout, stderr } = this.wasi.sources;
    this.budget.used = from.counter('the number of bytes written');
    if (this.budget.rest < 0) {
      throw new SnapshotError(
        `the guest in the snapshot has written ${this.budget.used} bytes, the policy's limit is ${this.budget.limit}`,
      );
    }
    if (stdout.kept + stderr.kept > this.budget.used) damaged('more has been written than it says');
    const reopens = loadFileSystems(from, this.preopens);
    this.wasi.load(from, (device) => reopens.get(device));
  }

  close(): void {
    this.gate.close();
    this.network.reset();
    this.wasi.closeAll();
    for (const { fileSystem } of this.preopens) fileSystem.close();
  }

  reset(): void {
    const { stdin, stdout, stderr, clock, random } = this.wasi.sources;
    // Files are as old as the clock says.
    clock.reset();
    for (const { fileSystem } of this.preopens) fileSystem.reset();
    for (const part of [stdin, stdout, stderr, random, this.wasi, this.network, this.gate]) part.reset();
    this.budget.used = 0;
  }
}

type Streams = Omit<StdioCapability, 'kind'>;

function streamsOf(policy: SecurityPolicy): Streams {
  let streams: Streams = {};
  for (const capability of policy.capabilities) {
    if (capability.kind !== 'stdio') continue;
    const { stdin = streams.stdin, stdout = streams.stdout, stderr = streams.stderr } = capability;
    streams = { stdin, stdout, stderr };
  }
  return streams;
}

function argumentsOf(args: readonly unknown[]): StringList {
  return new StringList(args.map((arg) => cString(checkCString('an argument', arg))));
}

function variablesOf(variables: Iterable<readonly [name: string, value: string]>): StringList {
  return new StringList([...variables].map(([name, value]) => cString(`${name}=${value}`)));
}

function cString(text: string): Uint8Array {
  return encodeUtf8(`${text}\0`);
}

/** In the order of the grants; the host's own, where all is granted, by name, so that the order tells nothing. */
function environmentOf(
  policy: SecurityPolicy,
  host: Readonly<Record<string, string | undefined>>,
): Map<string, string> {
  const variables = new Map<string, string>();
  const take = (name: string): void => {
    const value = Object.hasOwn(host, name) ? host[name] : undefined;
    if (value !== undefined && isVariable(name, value)) variables.set(name, value);
  };
  for (const capability of policy.capabilities) {
    if (capability.kind !== 'environment') continue;
    const names = capability.names === 'all' ? Object.keys(host).sort() : capability.names;
    for (const name of names) take(name);
    for (const [name, value] of capability.values) variables.set(name, value);
  }
  return variables;
}

/** Windows has variables whose names begin with `=`; a guest could not tell name from value. */
function isVariable(name: string, value: string): boolean {
  return name !== '' && !name.includes('=') && !`${name}${value}`.includes('\0');
}

type Maker = (gate: Gate, type: FuncType) => HostFunction | undefined;

/** Makers of the embedder's functions, by module and name. */
function ownFunctions(
  policy: SecurityPolicy,
  surroundings: () => CallSurroundings,
): ReadonlyMap<string, ReadonlyMap<string, Maker>> {
  const modules = new Map<string, Map<string, Maker>>();
  for (const capability of policy.capabilities) {
    if (capability.kind !== 'hostFunctions') continue;
    const functions = modules.get(capability.module) ?? new Map<string, Maker>();
    modules.set(capability.module, functions);
    for (const granted of capability.functions) {
      functions.set(granted.name, (gate, type) => makeOwn(gate, capability, granted, type, surroundings));
    }
  }
  return modules;
}

function makeOwn(
  gate: Gate,
  { module, gas }: HostFunctionsCapability,
  { name, params, results, call, takesCaller }: GuestFunction,
  type: FuncType,
  surroundings: () => CallSurroundings,
): HostFunction | undefined {
  // A type of a thousand values may be that of a thousand imports.
  const isAny = params === undefined && results === undefined;
  const declared = isAny ? type : funcType(params ?? type.params, results ?? type.results);
  const hasVectors = declared.params.includes(V128) || declared.results.includes(V128);
  if (declared.key !== type.key || hasVectors) return undefined;
  const refused = (): never => {
    throw new UsageError(`${module}.${name} is not granted`);
  };
  const body: Body = takesCaller
    ? (context, args) => call(new FunctionCaller(context, surroundings()), args)
    : (context, args) => call(context as never, args);
  const guarded = gate.guard(`${module}.${name}`, { kind: 'hostFunction', module, name }, body, refused);
  return new HostFunction(declared, gas, guarded);
}
