/** What is behind one guest's WASI calls: streams, clock, random sequence, arguments, environment, files. */

import { SnapshotError } from '../../wasm/errors.ts';
import type { HostFunction } from '../../wasm/host.ts';
import { encodeUtf8 } from '../../wasm/utf8.ts';
import { damaged, type WireReader, type WireWriter } from '../../wasm/wire.ts';
import type { StdioCapability } from '../capability.ts';
import { checkArray, checkCString } from '../check.ts';
import { type Clock, createClock } from '../clock.ts';
import { filesOf, maxDescriptorsOf, openMounts } from '../fs/mounts.ts';
import type { Gate } from '../gate.ts';
import type { HostOptions, ProgramInput } from '../host-options.ts';
import type { Policy } from '../in-force.ts';
import { createRandom } from '../random.ts';
import type { Saved } from '../saved.ts';
import { InputStream, OutputBudget, OutputStream } from '../streams.ts';
import type { Preopen } from './descriptor.ts';
import { wasiFunction } from './functions.ts';
import { loadFileSystems, saveFileSystems } from './saved.ts';
import { WasiState } from './state.ts';
import { StringList } from './string-list.ts';

export { wasiMayWait } from './functions.ts';

export class Program implements Saved {
  private readonly budget: OutputBudget;
  private readonly preopens: readonly Preopen[];
  /** Shared by both previews of WASI. */
  readonly wasi: WasiState;

  /** @throws UsageError where the runtime does not have what the policy grants, and for wrong options */
  constructor(policy: Policy, { args = [], environment = {}, time = {}, randomFill, openFolder }: HostOptions) {
    this.budget = new OutputBudget(policy.outputLimit);
    const { stdin, stdout, stderr, terminals = [] } = streamsOf(policy);
    const clock = createClock(policy.clock, time);
    this.preopens = openMounts(policy, () => clock.peek('realtime'), openFolder);
    this.wasi = new WasiState({
      stdin: new InputStream(stdin, terminals.includes('stdin')),
      stdout: new OutputStream(stdout, this.budget, terminals.includes('stdout')),
      stderr: new OutputStream(stderr, this.budget, terminals.includes('stderr')),
      clock,
      random: createRandom(policy.random, randomFill),
      args: argumentsOf(checkArray('args', args)),
      environment: variablesOf(environmentOf(policy, environment)),
      preopens: this.preopens,
      maxDescriptors: maxDescriptorsOf(policy),
    });
  }

  /** @param module one of WASI's two */
  find(gate: Gate, module: string, name: string): HostFunction | undefined {
    return wasiFunction(this.wasi, gate, module, name);
  }

  /** What the policy does not grant has been refused. */
  provide({ args, env, stdin }: ProgramInput): void {
    if (args !== undefined) this.wasi.args = argumentsOf(args);
    if (env !== undefined) this.wasi.environment = variablesOf(Object.entries(env));
    if (stdin !== undefined) this.wasi.sources.stdin.begin(stdin);
  }

  output(stream: 'stdout' | 'stderr'): Uint8Array {
    return this.wasi.sources[stream].captured();
  }

  get outputBytes(): number {
    return this.budget.used;
  }

  files(): ReadonlyMap<string, Uint8Array> {
    return filesOf(this.preopens);
  }

  get clock(): Clock {
    return this.wasi.sources.clock;
  }

  private get parts(): readonly Saved[] {
    const { stdin, stdout, stderr, clock, random } = this.wasi.sources;
    return [stdin, stdout, stderr, clock, random];
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
    this.wasi.closeAll();
    for (const { fileSystem } of this.preopens) fileSystem.close();
  }

  reset(): void {
    const { stdin, stdout, stderr, clock, random } = this.wasi.sources;
    // Files are as old as the clock says.
    clock.reset();
    for (const { fileSystem } of this.preopens) fileSystem.reset();
    for (const part of [stdin, stdout, stderr, random, this.wasi]) part.reset();
    this.budget.used = 0;
  }
}

type Streams = Omit<StdioCapability, 'kind'>;

function streamsOf(policy: Policy): Streams {
  let streams: Streams = {};
  for (const capability of policy.capabilities) {
    if (capability.kind !== 'stdio') continue;
    const { stdin = streams.stdin, stdout = streams.stdout, stderr = streams.stderr } = capability;
    const { terminals = streams.terminals } = capability;
    streams = { stdin, stdout, stderr, terminals };
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
function environmentOf(policy: Policy, host: Readonly<Record<string, string | undefined>>): Map<string, string> {
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
