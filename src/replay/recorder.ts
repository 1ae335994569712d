/** Records what goes in and out of a guest. */

import type { Share } from '../../wasm/budget.ts';
import { carryOut } from '../../wasm/carry-out.ts';
import type { Engine, EngineExecution, EngineInstance, ImportResolver, InstanceLimits } from '../../wasm/engine.ts';
import { GasExhausted, UsageError } from '../../wasm/errors.ts';
import { GAS_VERSION } from '../../wasm/gas.ts';
import type { GasBudget } from '../../wasm/gas-budget.ts';
import type { CallingGuest, GuestMemory, HostFunction, WasmValue } from '../../wasm/host.ts';
import { listOf } from '../../wasm/host-call.ts';
import type { ModuleGraph } from '../../wasm/module-graph.ts';
import { quote } from '../../wasm/quote.ts';
import type { FuncType, ValType } from '../../wasm/types.ts';
import { WireWriter } from '../../wasm/wire.ts';
import { hexDigestOf } from '../crypto/digest.ts';
import { EVENT, failureFrom, isGivenUp, writeFailure } from './events.ts';
import { HostFunctions, type RecordedImport, writeImports, writeProgram } from './program.ts';
import { MAX_TOKENS, Tokens, writeValue } from './recorded-values.ts';

/** A host call that is going on. */
interface OpenCall {
  readonly memory: () => GuestMemory | undefined;
  readonly views: View[];
  /** Whether the host function has returned, and its guest waits for the promise. */
  isWaiting: boolean;
}

/** Bytes the host function was given, as they were when it got them. */
interface View {
  readonly pointer: number;
  before: Uint8Array;
}

export class Recorder {
  readonly limits: InstanceLimits;
  private readonly graph: ModuleGraph;
  private readonly functions: HostFunctions;
  /** By number, those that have been linked. */
  private readonly imports: RecordedImport[] = [];
  private readonly maxBytes: number;
  private events = new WireWriter();
  /** What it begins with, where that is not a fresh instance. */
  private base: { readonly image: Uint8Array; readonly call: string | undefined } | undefined;
  private tokens = new Tokens();
  /** Why there is nothing to be had. */
  private broken: string | undefined;
  /** Calls into the guest that have not ended. */
  private entered = 0;
  /** The innermost last. */
  private readonly open: OpenCall[] = [];

  /** @param maxBytes of events, beyond which it is given up */
  constructor(graph: ModuleGraph, limits: InstanceLimits, maxBytes: number) {
    this.graph = graph;
    this.functions = new HostFunctions(graph);
    this.limits = limits;
    this.maxBytes = maxBytes;
  }

  /**
   * Begins with a guest as it was left.
   * @param image of the guest, as the engine wrote it
   * @param call the export that it was in, if it was in any
   */
  begin(image: Uint8Array, call: string | undefined): void {
    this.base = { image, call };
  }

  /** Begins anew. */
  restart(): void {
    this.base = undefined;
    this.events = new WireWriter();
    this.tokens = new Tokens();
    this.broken = undefined;
    this.open.length = 0;
    this.entered = 0;
  }

  /** Nothing that was recorded can be replayed any more. */
  giveUp(why: string): void {
    this.broken ??= why;
    this.events = new WireWriter();
  }

  private event(kind: number): WireWriter {
    this.requireRoom();
    this.events.u8(kind);
    return this.events;
  }

  private requireRoom(): void {
    if (this.events.length + (this.base?.image.length ?? 0) > this.maxBytes)
      this.giveUp(`it has grown beyond ${this.maxBytes} bytes`);
    if (this.tokens.areTooMany) this.giveUp(`more than ${MAX_TOKENS} different objects came into it`);
  }

  /** Where the recording stands, for {@link cut}. */
  get mark(): number {
    return this.events.length;
  }

  /** Takes back the call recorded last, which was refused. */
  cut(mark: number): void {
    this.events.length = mark;
    this.entered--;
  }

  start(): void {
    this.event(EVENT.start);
    this.entered++;
  }

  /** The call in which the guest was left goes on. */
  resume(): void {
    this.event(EVENT.resume);
    this.entered++;
  }

  call(name: string, types: readonly ValType[], args: readonly WasmValue[]): void {
    this.flush();
    this.event(EVENT.call).text(name);
    this.entered++;
    this.values(types, args);
  }

  end(gasUsed: bigint, outcome: { readonly types: readonly ValType[]; readonly results: readonly WasmValue[] }): void {
    const to = this.event(EVENT.end);
    this.entered--;
    to.flag(true);
    this.values(outcome.types, outcome.results);
    to.u64(gasUsed);
    this.refresh();
  }

  fail(gasUsed: bigint, error: unknown): void {
    this.short(error);
    const to = this.event(EVENT.end);
    this.entered--;
    to.flag(false);
    const failure = failureFrom(error);
    if (this.entered > 0 && isGivenUp(failure)) this.giveUp('a call that a host function made ran out of time');
    // A host function that is still at work has no part in what follows.
    if (this.entered === 0) this.open.length = 0;
    // Nor one for which a call that has failed has waited, inside of what another host function does.
    while (this.open.at(-1)?.isWaiting) this.open.pop();
    writeFailure(to, failure);
    to.u64(gasUsed);
    this.refresh();
  }

  /** Where a budget, or the limit of a call, ended: what is replayed has none, and is given one for that. */
  private short(error: unknown): void {
    if (!(error instanceof GasExhausted) || error.endedAt === undefined) return;
    this.event(EVENT.short).u64(error.endedAt);
  }

  private values(types: readonly ValType[], values: readonly WasmValue[]): void {
    types.forEach((type, i) => {
      try {
        writeValue(this.events, type, values[i], this.tokens);
      } catch {
        this.giveUp('a host function returned what no guest can be given');
      }
    });
  }

  /** The import, recording what it does. */
  wrap(host: HostFunction, module: string, name: string): HostFunction {
    const index = this.functions.numberOf(module, name) as number;
    this.imports[index] = { module, name, ...host.gas };
    return host.with((caller, args) => this.hostCall(index, host, caller, args));
  }

  private hostCall(
    index: number,
    host: HostFunction,
    caller: CallingGuest,
    args: readonly WasmValue[],
  ): WasmValue | Promise<WasmValue> {
    const to = this.event(EVENT.host);
    to.u32(index);
    to.u64(caller.gasUsed());
    this.values(host.type.params, args);
    const views: View[] = [];
    const opened: OpenCall = { memory: () => caller.memory, views, isWaiting: false };
    this.open.push(opened);
    // Of a call that has ended nothing is recorded: by now the recording may be another run's.
    const charge = (bytes: number): void => {
      if (this.open.includes(opened)) this.charge(bytes);
    };
    const refused = (error: unknown): void => {
      if (this.open.includes(opened)) this.short(error);
    };
    // Where the call is given up while its guest waits, what comes later is not part of it.
    const isCurrent = () => !opened.isWaiting || this.open.at(-1) === opened;
    const returned = (value: WasmValue) => (isCurrent() ? this.hostReturned(host.type, value) : value);
    const failed = (error: unknown): never => {
      if (isCurrent()) this.hostFailed(error);
      throw error;
    };
    const value = carryOut(host.call, new RecordingCaller(caller, views, charge, refused), args, returned, failed);
    // Unless that has been the end of it.
    opened.isWaiting = true;
    return value;
  }

  private charge(bytes: number): void {
    this.flush();
    this.event(EVENT.charge).number(bytes);
  }

  /** @returns what the engine is to be given: of several results, a list, as an iterable may give them only once */
  private hostReturned({ results }: FuncType, value: WasmValue): WasmValue {
    this.flush();
    this.open.pop();
    this.event(EVENT.result);
    const values = listed(results, value);
    this.values(results, values ?? []);
    return results.length > 1 ? (values ?? value) : value;
  }

  private hostFailed(error: unknown): void {
    this.flush();
    this.open.pop();
    writeFailure(this.event(EVENT.failure), failureFrom(error));
  }

  /** What the innermost host call has changed in memory so far. */
  private flush(): void {
    const innermost = this.open.at(-1);
    if (innermost === undefined) return;
    for (const view of innermost.views) {
      const now = innermost.memory()?.view(view.pointer, view.before.length);
      if (now === undefined) continue;
      let from = 0;
      let end = now.length;
      while (from < end && now[from] === view.before[from]) from++;
      while (end > from && now[end - 1] === view.before[end - 1]) end--;
      if (from === end) continue;
      const to = this.event(EVENT.write);
      to.u32(view.pointer + from);
      to.bytesOf(now.subarray(from, end));
      view.before = now.slice();
    }
  }

  /** A nested call may have changed what the host function was given. */
  private refresh(): void {
    const innermost = this.open.at(-1);
    for (const view of innermost?.views ?? []) {
      const now = innermost?.memory()?.view(view.pointer, view.before.length);
      if (now !== undefined) view.before = now.slice();
    }
  }

  /** @throws UsageError where it was given up */
  async finish(instance: EngineInstance): Promise<Uint8Array> {
    if (this.entered > 0) throw new UsageError('a call has not ended: the recording can be had when it has');
    this.requireRoom();
    if (this.broken !== undefined) throw new UsageError(`there is no recording: ${this.broken}`);
    const { memory } = instance;
    const { gasUsed, memoryBytes } = instance.figures();
    const bytes = memory?.view(0, memory.byteLength) ?? new Uint8Array(0);
    const to = new WireWriter();
    to.u32(GAS_VERSION);
    writeProgram(to, this.graph);
    to.flag(this.limits.gas !== undefined);
    to.u64(this.limits.gas ?? 0n);
    to.number(this.limits.memoryBytes);
    to.number(this.limits.stackBytes);
    writeImports(to, this.imports);
    writeBase(to, this.base);
    to.raw(this.events.written);
    to.u8(EVENT.close);
    to.u64(gasUsed);
    to.number(memoryBytes);
    const digest = hexDigestOf(bytes.slice());
    to.text(await digest);
    return to.written;
  }
}

function writeBase(
  to: WireWriter,
  base: { readonly image: Uint8Array; readonly call: string | undefined } | undefined,
): void {
  to.flag(base !== undefined);
  if (base === undefined) return;
  to.bytesOf(base.image);
  to.flag(base.call !== undefined);
  if (base.call !== undefined) to.text(base.call);
}

/** Undefined where the value is no list of any kind, or breaks off: the engine says so. */
function listed(types: readonly ValType[], value: WasmValue): readonly WasmValue[] | undefined {
  try {
    return listOf(types, value);
  } catch {
    return undefined;
  }
}

/** A caller that notes what of the guest's memory the host function gets to see. */
class RecordingCaller implements CallingGuest {
  private readonly inner: CallingGuest;
  private readonly views: View[];
  private readonly onCharge: (bytes: number) => void;
  private readonly onRefusal: (error: unknown) => void;

  constructor(
    inner: CallingGuest,
    views: View[],
    onCharge: (bytes: number) => void,
    onRefusal: (error: unknown) => void,
  ) {
    this.inner = inner;
    this.views = views;
    this.onCharge = onCharge;
    this.onRefusal = onRefusal;
  }

  get memory(): GuestMemory | undefined {
    const { inner, views } = this;
    const { memory } = inner;
    return (
      memory && {
        get byteLength() {
          return memory.byteLength;
        },
        view(pointer, length) {
          const view = memory.view(pointer, length);
          if (view !== undefined && length > 0) views.push({ pointer, before: view.slice() });
          return view;
        },
      }
    );
  }

  gasUsed(): bigint {
    return this.inner.gasUsed();
  }

  chargeBytes(bytes: number): void {
    this.onCharge(bytes);
    try {
      this.inner.chargeBytes(bytes);
    } catch (error) {
      this.onRefusal(error);
      throw error;
    }
  }
}

/** A recorder for one guest, and the engine that has it recorded. */
export function record(
  engine: Engine,
  graph: ModuleGraph,
  { limits, recordingLimit }: { readonly limits: InstanceLimits; readonly recordingLimit: number },
): { readonly recorder: Recorder; readonly engine: Engine } {
  const recorder = new Recorder(graph, limits, recordingLimit);
  return { recorder, engine: recordingEngine(engine, recorder) };
}

/** An engine whose instances record what is done with them. */
export function recordingEngine(engine: Engine, recorder: Recorder): Engine {
  return {
    ...engine,
    instantiate(module, options) {
      const imports: ImportResolver = (from, name, type) => {
        const host = options.imports(from, name, type);
        return host && recorder.wrap(host, from, name);
      };
      return new RecordedInstance(engine.instantiate(module, { ...options, imports }), recorder);
    },
  };
}

class RecordedInstance implements EngineInstance {
  readonly begin?: NonNullable<EngineInstance['begin']>;
  readonly beginStart?: NonNullable<EngineInstance['beginStart']>;
  readonly install?: NonNullable<EngineInstance['install']>;
  readonly capture?: NonNullable<EngineInstance['capture']>;
  readonly reset?: NonNullable<EngineInstance['reset']>;
  private readonly inner: EngineInstance;
  private readonly recorder: Recorder;

  constructor(inner: EngineInstance, recorder: Recorder) {
    this.inner = inner;
    this.recorder = recorder;
    const { begin, beginStart, capture, install, reset } = inner;
    if (begin !== undefined) {
      this.begin = (name, args, budgets) =>
        new RecordedExecution(this, begin.call(inner, name, args, budgets), () => this.enter(name, args));
    }
    if (beginStart !== undefined) this.beginStart = () => this.recordStart(beginStart.call(inner));
    if (install !== undefined) {
      this.install = (image, name, budgets) => {
        const left = install.call(inner, image, name, budgets);
        return left && new RecordedExecution(this, left, () => this.resume(name as string), true);
      };
    }
    if (capture !== undefined) {
      this.capture = (left, purpose) =>
        capture.call(inner, left instanceof RecordedExecution ? left.inner : left, purpose);
    }
    // Where nobody is left, what comes late of an earlier guest's calls would be recorded of the next: that has its own recorder.
    if (reset !== undefined && begin !== undefined) {
      this.reset = () => {
        reset.call(inner);
        recorder.restart();
      };
    }
  }

  start(): void {
    this.recorder.start();
    this.around([], () => {
      this.inner.start();
      return [];
    });
  }

  private recordStart(begun: EngineExecution | undefined): EngineExecution | undefined {
    if (begun !== undefined) return new RecordedExecution(this, begun, () => this.recordedStart());
    this.recorder.start();
    this.recorder.end(this.gasUsed, { types: [], results: [] });
    return undefined;
  }

  private recordedStart(): readonly ValType[] {
    this.recorder.start();
    return [];
  }

  /** Records that the call goes on in which the guest was left; returns the types of its results. */
  private resume(name: string): readonly ValType[] {
    this.recorder.resume();
    return this.functionType(name)?.results ?? [];
  }

  call(name: string, args: readonly WasmValue[], budgets?: readonly GasBudget[]): WasmValue[] {
    return [...this.around(this.enter(name, args), () => this.inner.call(name, args, budgets))];
  }

  async callAsync(
    name: string,
    args: readonly WasmValue[],
    budgets?: readonly GasBudget[],
  ): Promise<readonly WasmValue[]> {
    // Without a guest that can wait it has ended before anything else goes on, and is recorded so.
    if (this.begin === undefined) return this.call(name, args, budgets);
    const types = this.enter(name, args);
    try {
      const results = await this.inner.callAsync(name, args, budgets);
      this.recorder.end(this.gasUsed, { types, results });
      return results;
    } catch (error) {
      this.recorder.fail(this.gasUsed, error);
      throw error;
    }
  }

  /** Records the call; returns the types of its results. */
  enter(name: string, args: readonly WasmValue[]): readonly ValType[] {
    const type = this.functionType(name);
    if (type === undefined) throw new UsageError(`the module exports no function ${quote(name)}`);
    this.recorder.call(name, type.params, args);
    return type.results;
  }

  private around(types: readonly ValType[], run: () => readonly WasmValue[]): readonly WasmValue[] {
    try {
      const results = run();
      this.recorder.end(this.gasUsed, { types, results });
      return results;
    } catch (error) {
      this.recorder.fail(this.gasUsed, error);
      throw error;
    }
  }

  get gasUsed(): bigint {
    return this.inner.gasUsed;
  }

  ended(types: readonly ValType[], results: readonly WasmValue[]): void {
    this.recorder.end(this.gasUsed, { types, results });
  }

  failed(error: unknown): void {
    this.recorder.fail(this.gasUsed, error);
  }

  get mark(): number {
    return this.recorder.mark;
  }

  cut(mark: number): void {
    this.recorder.cut(mark);
  }

  functionType(name: string) {
    return this.inner.functionType(name);
  }

  holds(type: ValType, value: WasmValue): boolean {
    return this.inner.holds(type, value);
  }

  exportKind(name: string) {
    return this.inner.exportKind(name);
  }

  get memory() {
    return this.inner.memory;
  }

  lendMemory(): void {
    this.inner.lendMemory?.();
  }

  get runsOn() {
    return this.inner.runsOn;
  }

  figures() {
    return this.inner.figures();
  }

  share(): Share {
    return this.inner.share();
  }

  drawOn(budget: GasBudget): () => void {
    return this.inner.drawOn(budget);
  }
}

class RecordedExecution implements EngineExecution {
  readonly inner: EngineExecution;
  private readonly instance: RecordedInstance;
  /** Records that it begins, or goes on; returns the types of its results. */
  private readonly enter: () => readonly ValType[];
  /** Whether it had begun before the recording did, so that its end is part of it also where nothing more is run. */
  private readonly wasLeft: boolean;
  private types: readonly ValType[] | undefined;

  constructor(instance: RecordedInstance, inner: EngineExecution, enter: () => readonly ValType[], wasLeft = false) {
    this.instance = instance;
    this.inner = inner;
    this.enter = enter;
    this.wasLeft = wasLeft;
  }

  advance(gas?: bigint) {
    const isFirst = this.types === undefined;
    const before = this.instance.mark;
    this.types ??= this.enter();
    const after = this.instance.mark;
    try {
      const stop = this.inner.advance(gas);
      if (stop === 'done') this.instance.ended(this.types, this.inner.results);
      return stop;
    } catch (error) {
      // Another call has not ended, so that nothing has run.
      if (isFirst && error instanceof UsageError && this.instance.mark === after) {
        this.instance.cut(before);
        this.types = undefined;
      } else this.instance.failed(error);
      throw error;
    }
  }

  pause(beyond?: bigint): void {
    this.inner.pause(beyond);
  }

  set onCharge(listener: (() => void) | undefined) {
    this.inner.onCharge = listener;
  }

  get settled() {
    return this.inner.settled;
  }

  get isReady() {
    return this.inner.isReady;
  }

  get results() {
    return this.inner.results;
  }

  get frames() {
    return this.inner.frames ?? [];
  }

  abort<E extends Parameters<EngineExecution['abort']>[0]>(error: E) {
    const failure = this.inner.abort(error);
    if (this.wasLeft) this.types ??= this.enter();
    if (this.types !== undefined) this.instance.failed(failure);
    return failure;
  }
}
