/** Makes a policy real for one sandbox: the host functions it grants, and the state behind them. */

import type { GuestClock } from '../wasm/engine.ts';
import { SnapshotError, UsageError } from '../wasm/errors.ts';
import { type HostCall, HostFunction } from '../wasm/host.ts';
import { type FuncType, funcType, V128 } from '../wasm/types.ts';
import type { WireReader, WireWriter } from '../wasm/wire.ts';
import type { AuditLog } from './audit.ts';
import { type CallSurroundings, FunctionCaller, noSurroundings } from './caller.ts';
import type { GuestFunction, HostFunctionsCapability } from './capability.ts';
import { checkOptions, refuse } from './check.ts';
import { createClock } from './clock.ts';
import { type Body, Gate } from './gate.ts';
import type { HostOptions, ProgramInput } from './host-options.ts';
import { Policy } from './in-force.ts';
import type { NetworkState } from './net/requests.ts';
import { http, partOf, wasi } from './parts.ts';
import type { SecurityPolicy } from './policy.ts';
import { checkProvided } from './provided.ts';
import type { Program } from './wasi/program.ts';

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
  /** What waits for notifications are timed by: the clock that the policy grants, as WASI has it. @internal */
  readonly clock: GuestClock;
  /** Lets go of what is open outside; the records stay, and nothing is added to them by calls that end later. */
  close(): void;
}

/**
 * @throws UsageError for wrong options, and where the policy grants system randomness that the runtime does not have
 */
export function createHost(policy: SecurityPolicy, options?: HostOptions): Host;
/** @internal @param hasProgram whether what is behind WASI is needed, and so has been loaded */
export function createHost(policy: Policy, options: HostOptions, hasProgram: boolean): Host;
export function createHost(policy: Policy, options: HostOptions = {}, hasProgram = true): Host {
  if (!(policy instanceof Policy)) refuse('a policy', 'a SecurityPolicy', policy);
  checkOptions('the options of a host', options, [
    'args',
    'environment',
    'time',
    'randomFill',
    'httpClient',
    'timeLeft',
    'surroundings',
    'afterCall',
    'openFolder',
  ]);
  return new PolicyHost(policy, options, hasProgram);
}

class PolicyHost implements Host {
  readonly policy: SecurityPolicy;
  readonly resolve: Host['resolve'];
  readonly clock: GuestClock;
  private readonly gate: Gate;
  private readonly program: Program | undefined;
  private network: NetworkState | undefined;
  private readonly makeNetwork: () => NetworkState;
  /** WASI's and HTTP's functions, by module and name: a module may import one a thousand times. */
  private readonly made = new Map<string, Map<string, HostFunction>>();

  constructor(policy: Policy, options: HostOptions, hasProgram: boolean) {
    // Those who give another do not ask for it.
    this.policy = policy as SecurityPolicy;
    this.gate = new Gate(policy, options.afterCall);
    if (hasProgram) this.program = new wasi.now.Program(policy, options);
    const clock = this.program?.clock ?? createClock(policy.clock, options.time ?? {});
    this.clock = {
      isVirtual: policy.clock.source === 'virtual',
      now: () => clock.peek('monotonic'),
      // Cut short where the call ends: then nobody looks any more.
      wait: (duration) => clock.wait(duration)?.catch(() => undefined),
    };
    const { httpClient, timeLeft } = options;
    this.makeNetwork = () => new http.now.NetworkState(policy, httpClient, timeLeft);
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
    if (part === undefined) return undefined;
    let made = this.made.get(module);
    if (made === undefined) this.made.set(module, (made = new Map()));
    let found = made.get(name);
    if (found !== undefined) return found;
    if (part === wasi) found = this.program?.find(this.gate, module, name);
    else {
      this.network ??= this.makeNetwork();
      found = http.now.httpFunction(this.network, this.gate, name);
    }
    if (found !== undefined) made.set(name, found);
    return found;
  }

  provide(input: ProgramInput): void {
    checkProvided(this.policy, input);
    this.program?.provide(input);
  }

  output(stream: 'stdout' | 'stderr'): Uint8Array {
    return this.program?.output(stream) ?? new Uint8Array(0);
  }

  files(): ReadonlyMap<string, Uint8Array> {
    return this.program?.files() ?? new Map();
  }

  get outputBytes(): number {
    return this.program?.outputBytes ?? 0;
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

  save(to: WireWriter): void {
    this.gate.save(to);
    for (const part of [this.program, this.network]) {
      to.flag(part !== undefined);
      part?.save(to);
    }
  }

  load(from: WireReader): void {
    this.gate.load(from);
    if (from.flag() !== (this.program !== undefined)) {
      throw new SnapshotError('the snapshot was made under a policy that grants other files');
    }
    this.program?.load(from);
    if (!from.flag()) return;
    this.network ??= this.makeNetwork();
    this.network.load(from);
  }

  close(): void {
    this.gate.close();
    this.network?.reset();
    this.program?.close();
  }

  reset(): void {
    for (const part of [this.program, this.network, this.gate]) part?.reset();
  }
}

type Maker = (gate: Gate, type: FuncType) => HostFunction | undefined;

/** Makers of the embedder's functions, by module and name. */
function ownFunctions(
  policy: Policy,
  surroundings: () => CallSurroundings,
): ReadonlyMap<string, ReadonlyMap<string, Maker>> {
  const modules = new Map<string, Map<string, Maker>>();
  for (const capability of policy.capabilities) {
    if (capability.kind !== 'hostFunctions') continue;
    const functions = modules.get(capability.module) ?? new Map<string, Maker>();
    modules.set(capability.module, functions);
    for (const granted of capability.functions) {
      functions.set(granted.name, makerOf(capability, granted, surroundings));
    }
  }
  return modules;
}

function makerOf(
  { module, gas }: HostFunctionsCapability,
  { name, params, results, call, takesCaller }: GuestFunction,
  surroundings: () => CallSurroundings,
): Maker {
  const refused = (): never => {
    throw new UsageError(`${module}.${name} is not granted`);
  };
  const body: Body = takesCaller
    ? (context, args) => call(new FunctionCaller(context, surroundings()), args)
    : (context, args) => call(context as never, args);
  // A module may import it a thousand times.
  let guarded: HostCall | undefined;
  return (gate, type) => {
    // A type of a thousand values may be that of a thousand imports.
    const isAny = params === undefined && results === undefined;
    const declared = isAny ? type : funcType(params ?? type.params, results ?? type.results);
    const hasVectors = declared.params.includes(V128) || declared.results.includes(V128);
    if (declared.key !== type.key || hasVectors) return undefined;
    guarded ??= gate.guard(`${module}.${name}`, { kind: 'hostFunction', module, name }, body, refused);
    return new HostFunction(declared, gas, guarded);
  };
}
