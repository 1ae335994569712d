/** Runs a recording again, without the host functions, and compares everything. */

import { interpreter, loadWholeInterpreter, snapshots } from '../../interpreter/index.ts';
import type { Bytes } from '../../wasm/bytes.ts';
import type { EngineExecution, EngineInstance, InstanceLimits } from '../../wasm/engine.ts';
import {
  CpuTimeoutExceeded,
  GasExhausted,
  HostError,
  SnapshotError,
  UsageError,
  WasmSandboxError,
} from '../../wasm/errors.ts';
import { GAS_VERSION } from '../../wasm/gas.ts';
import { CallAllowance } from '../../wasm/gas-budget.ts';
import { type CallingGuest, HostFunction, type WasmValue } from '../../wasm/host.ts';
import { DEFAULT_LIMITS, MODULE_LIMITS } from '../../wasm/limits.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { describe, quote } from '../../wasm/quote.ts';
import { reported } from '../../wasm/reported.ts';
import type { FuncType, ValType } from '../../wasm/types.ts';
import { damaged, WireReader, WireWriter } from '../../wasm/wire.ts';
import { gas, integer, milliseconds, ownBytes } from '../checks/check.ts';
import { least } from '../checks/least.ts';
import { type Checks, checkNamed, type Given } from '../checks/named.ts';
import { GiB } from '../checks/sizes.ts';
import { hexDigestOf } from '../crypto/digest.ts';
import { Authenticator, type Key } from '../crypto/key.ts';
import { ANY_MODULE, decodeAll } from '../module/source.ts';
import { unpack } from '../snapshot/container.ts';
import { EVENT, errorOf, failureFrom, isGivenUp, readFailure, showFailure } from './events.ts';
import { MOST_EVENTS } from './most-events.ts';
import { HostFunctions, type RecordedImport, readImports, readProgram } from './program.ts';
import { readValue, Tokens, writeValue } from './recorded-values.ts';

/** What came of a replay. */
export interface ReplayReport {
  /** Whether everything was as it was recorded. */
  readonly same: boolean;
  /** The first point of difference, in words. */
  readonly difference: string | undefined;
  /** Calls into the guest, up to there. */
  readonly calls: number;
  /** Calls of host functions, up to there. */
  readonly hostCalls: number;
  /** Units of gas used up to there. */
  readonly gasUsed: bigint;
}

/**
 * What a replay may take. A recording says itself what its guest was allowed, and may have been made by anybody: limit
 * the replay of one that comes from elsewhere.
 */
export interface ReplayOptions {
  /** Units of gas after which it is given up; the recording's own limit, if it has one, unless given. */
  readonly gasLimit?: bigint | number | undefined;
  /** Bytes of memory that the recording's guest may have been allowed; as many as it says unless given. */
  readonly memoryLimit?: number | undefined;
  /** Milliseconds of wall-clock time for all of it, reading included; no limit unless given. */
  readonly timeout?: number | undefined;
  /** Bytes that the recording may have, uncompressed; 384 MiB unless given, its modules included. */
  readonly recordingLimit?: number | undefined;
  /** What the recording was made with, if it was. One that was made without, or with another, is refused. */
  readonly key?: Key | undefined;
}

type Limits = Pick<ReplayOptions, 'gasLimit' | 'memoryLimit'>;

/** As checked. */
interface Checked extends Omit<ReplayOptions, 'key'> {
  readonly key?: Authenticator | undefined;
}

const CHECKS: Checks<Checked> = {
  key: Authenticator.of,
  gasLimit: (value) => gas('gasLimit', value),
  memoryLimit: (value) => integer('memoryLimit', value, 'bytes', 0),
  recordingLimit: (value) => integer('recordingLimit', value, 'bytes', 0),
  timeout: (value) => milliseconds('timeout', value),
};

/** Units of gas between two looks at the clock. */
const SLICE_GAS = 500_000;

/** As many events as are recorded, and a module. */
export const DEFAULT_RECORDING = MOST_EVENTS + DEFAULT_LIMITS.moduleBytes;

/**
 * Replays a recording on the interpreter. The modules and the limits are in it; host functions are not needed, as their
 * results and what they wrote to memory are in it too.
 * @param recording bytes of any kind and realm; they stay as they are
 * @throws SnapshotError where the bytes are damaged, or no recording, or its memory limit is beyond the given one;
 *   CompileError and LinkError where its modules cannot run; GasExhausted and CpuTimeoutExceeded where a limit given here was reached before the end; UsageError
 */
export async function replay(recording: Bytes, options?: ReplayOptions): Promise<ReplayReport>;
/** @internal @param onLook told from time to time */
export async function replay(recording: Bytes, options: ReplayOptions, onLook: () => void): Promise<ReplayReport>;
export async function replay(
  recording: Bytes,
  options: ReplayOptions = {},
  onLook?: () => void,
): Promise<ReplayReport> {
  const {
    key,
    recordingLimit: maxBytes = DEFAULT_RECORDING,
    ...given
  } = checkNamed<Checked>('a replay', options, CHECKS);
  const deadline = new Deadline(given.timeout, onLook);
  const look = () => deadline.look();
  const bytes = ownBytes('the recording', recording);
  const from = new WireReader(await unpack(bytes, { kind: 'recording', maxBytes, key, look }));
  const gasVersion = from.u32();
  if (gasVersion !== GAS_VERSION) {
    throw new SnapshotError(
      `the recording was made with version ${gasVersion} of the gas schedule; this is version ${GAS_VERSION}`,
    );
  }
  await Promise.all([loadWholeInterpreter(), snapshots.load()]);
  look();
  const run = new Replay(from, given, deadline);
  return run.toEnd();
}

/** When a replay has to end. */
class Deadline {
  private readonly timeout: number | undefined;
  private readonly until: number;
  private readonly onLook: (() => void) | undefined;

  constructor(timeout: number | undefined, onLook: (() => void) | undefined) {
    this.timeout = timeout;
    this.onLook = onLook;
    this.until = performance.now() + (timeout ?? Number.POSITIVE_INFINITY);
  }

  /** @throws CpuTimeoutExceeded */
  look(): void {
    this.onLook?.();
    if (performance.now() < this.until) return;
    throw new CpuTimeoutExceeded(`CPU timeout exceeded: the replay did not end within ${this.timeout} ms`);
  }
}

/** The first thing that is not as it was recorded. Never leaves this file. */
class Difference extends Error {}

class Replay {
  private readonly from: WireReader;
  private readonly deadline: Deadline;
  private readonly instance: EngineInstance;
  private readonly imports: readonly RecordedImport[];
  private readonly tokens = new Tokens();
  private difference: string | undefined;
  /** What has gone wrong with the recording itself. */
  private damage: unknown;
  private running: EngineExecution | undefined;
  /** The call in which the guest was left with which the recording begins. */
  private left: { readonly name: string; readonly execution: EngineExecution } | undefined;
  /** Ends what the call under way has been given to draw on. */
  private drawn: (() => void)[] = [];
  /** Whether gas is limited by whoever replays, more narrowly than when it was recorded. */
  private readonly isNarrow: boolean;
  /** Errors that stand for those that host functions threw. */
  private readonly rethrown = new WeakSet<object>();
  private calls = 0;
  private hostCalls = 0;

  constructor(from: WireReader, { gasLimit, memoryLimit }: Given<Limits>, deadline: Deadline) {
    this.from = from;
    this.deadline = deadline;
    const graph = readProgram(from, (bytes, label) => this.decode(bytes, label));
    const hasGas = from.flag();
    const recordedGas = from.u64();
    const gas = least(gasLimit === undefined ? undefined : BigInt(gasLimit), hasGas ? recordedGas : undefined);
    this.isNarrow = gas !== undefined && !(hasGas && gas === recordedGas);
    const limits: InstanceLimits = {
      gas,
      memoryBytes: from.integer(Number.MAX_SAFE_INTEGER, 'the memory limit'),
      stackBytes: from.integer(GiB, 'the stack limit'),
    };
    if (memoryLimit !== undefined && limits.memoryBytes > memoryLimit) {
      throw new SnapshotError(
        `the recording was made with a memory limit of ${limits.memoryBytes} bytes, and may be replayed with ${memoryLimit}`,
      );
    }
    const functions = new HostFunctions(graph);
    this.imports = readImports(from, functions);
    const onSlice = () => deadline.look();
    this.instance = interpreter.instantiate(graph.guest, {
      limits,
      graph,
      slices: { gas: SLICE_GAS, onSlice },
      imports: (from, name, type) => {
        const index = functions.numberOf(from, name) as number;
        const { base, perByte } = this.imports[index] as RecordedImport;
        return new HostFunction(type, { base, perByte }, (caller, args) => this.host(index, type, caller, args));
      },
    });
    if (from.flag()) this.begin(from.bytesOf(), from.flag() ? from.text(MODULE_LIMITS.nameBytes) : undefined);
  }

  /** Takes the guest with which the recording begins. @throws SnapshotError, GasExhausted, MemoryLimitExceeded */
  private begin(image: Uint8Array, name: string | undefined): void {
    const execution = this.instance.install?.(new WireReader(image), name);
    if ((execution === undefined) !== (name === undefined)) damaged('its call has no stack, or its stack no call');
    if (execution !== undefined && name !== undefined) this.left = { name, execution };
  }

  /** @throws CompileError, CpuTimeoutExceeded */
  private decode(bytes: Uint8Array, label: string): WasmModule {
    const steps = decodeAll({ bytes, label }, ANY_MODULE);
    for (;;) {
      const { done, value } = steps.next();
      this.deadline.look();
      if (done === true) return value;
    }
  }

  /** The kind of the next event. There may be very many of which none costs gas. @throws CpuTimeoutExceeded */
  private event(): number {
    this.deadline.look();
    return this.from.u8();
  }

  async toEnd(): Promise<ReplayReport> {
    try {
      for (;;) {
        const event = this.event();
        if (event === EVENT.close) {
          await this.close();
          break;
        }
        if (event === EVENT.start) this.start();
        else if (event === EVENT.resume) this.resume();
        else if (event === EVENT.call) this.call();
        else damaged('an event is out of place');
      }
      this.from.end();
    } catch (error) {
      if (!(error instanceof Difference)) throw error;
    }
    const { difference, calls, hostCalls } = this;
    const { gasUsed } = this.instance.figures();
    return reported({ same: difference === undefined, difference, calls, hostCalls, gasUsed });
  }

  /** @throws Difference always */
  private differ(what: string): never {
    this.difference ??= what;
    throw new Difference(what);
  }

  private expect(what: string, found: unknown, recorded: unknown): void {
    if (!Object.is(found, recorded)) this.differ(`${what} is ${describe(found)}, and was ${describe(recorded)}`);
  }

  /** Where the budget of a call ended before anything else was recorded, the guest is given one that ends there. */
  private shorten(): void {
    const { from } = this;
    const { pos } = from;
    if (from.u8() !== EVENT.short) {
      from.pos = pos;
      return;
    }
    const end = from.u64();
    if (end < this.instance.gasUsed) damaged('a budget ended before it began');
    this.drawn.push(this.instance.drawOn(new CallAllowance(end)));
  }

  private start(): void {
    this.finish('the start', [], () => {
      this.instance.start();
      return [];
    });
  }

  /** The call in which the guest was left. */
  private resume(): void {
    const { left } = this;
    if (left === undefined) damaged('a call goes on that was not left');
    this.left = undefined;
    this.calls++;
    const { name, execution } = left;
    const results = this.instance.functionType(name)?.results ?? [];
    this.finish(`the call that was left, of ${quote(name)}`, results, () => this.runTo(execution));
  }

  private call(): void {
    const name = this.from.text(MODULE_LIMITS.nameBytes);
    const type = this.instance.functionType(name);
    if (type === undefined) this.differ(`the module exports no function ${quote(name)}`);
    const { params, results } = type as FuncType;
    const args = params.map((param) => readValue(this.from, param, this.tokens));
    this.calls++;
    this.finish(`call ${this.calls}, of ${quote(name)}`, results, () => this.run(name, args));
  }

  /** A call that was given up is run up to where it was. */
  private run(name: string, args: readonly WasmValue[]): readonly WasmValue[] {
    const execution = this.instance.begin?.(name, args);
    if (execution === undefined) throw new UsageError('the interpreter can leave guests');
    return this.runTo(execution);
  }

  private runTo(execution: EngineExecution): readonly WasmValue[] {
    const outer = this.running;
    this.running = execution;
    try {
      const until = this.givenUpAt();
      const { gasUsed } = this.instance.figures();
      // Where it had been given up before it ran at all, nothing of it is to run.
      const left = until === undefined ? undefined : until - gasUsed - 1n;
      if ((left === undefined || left >= 0n) && execution.advance(left) === 'done') return execution.results;
    } finally {
      this.running = outer;
    }
    throw execution.abort(new GivenUp('the call was given up'));
  }

  /** The count at which the call under way was given up, if that is the next thing recorded. */
  private givenUpAt(): bigint | undefined {
    const { from } = this;
    const { pos } = from;
    try {
      if (from.u8() !== EVENT.end || from.flag() || !isGivenUp(readFailure(from))) return undefined;
      return from.u64();
    } finally {
      from.pos = pos;
    }
  }

  private finish(what: string, types: readonly ValType[], run: () => readonly WasmValue[]): void {
    let results: readonly WasmValue[] | undefined;
    let error: unknown;
    const outer = this.drawn;
    this.drawn = [];
    this.shorten();
    try {
      results = run();
    } catch (thrown) {
      error = thrown;
    }
    for (const end of this.drawn) end();
    this.drawn = outer;
    if (this.isOwnLimit(error)) throw error;
    if (this.damage !== undefined) throw this.damage;
    if (this.difference !== undefined) throw new Difference(this.difference);
    if (this.from.u8() !== EVENT.end) this.differ(`${what} has ended, and made another call of the host`);
    this.compareEnd(what, types, results, error);
    this.expect(`the gas used behind ${what}`, this.instance.gasUsed, this.from.u64());
  }

  /** Whether a limit of whoever replays was reached: nothing is known of what the guest would have done then. */
  private isOwnLimit(error: unknown): boolean {
    const isOwn =
      error instanceof GasExhausted ? this.isNarrow && error.scope === 'sandbox' : error instanceof CpuTimeoutExceeded;
    return isOwn && !this.rethrown.has(error as object);
  }

  private compareEnd(
    what: string,
    types: readonly ValType[],
    results: readonly WasmValue[] | undefined,
    error: unknown,
  ): void {
    const { from } = this;
    if (from.flag()) {
      if (results === undefined) {
        this.differ(`${what} failed with ${showFailure(failureFrom(error))}, and returned when it was recorded`);
      }
      this.compareValues(`the result of ${what}`, types, results as readonly WasmValue[]);
      return;
    }
    const recorded = readFailure(from);
    if (results !== undefined) this.differ(`${what} returned, and failed with ${showFailure(recorded)}`);
    const found = failureFrom(error);
    if (error instanceof GivenUp && isGivenUp(recorded)) return;
    if (showFailure(found) !== showFailure(recorded)) {
      this.differ(`${what} failed with ${showFailure(found)}, and with ${showFailure(recorded)} when it was recorded`);
    }
  }

  private compareValues(what: string, types: readonly ValType[], values: readonly WasmValue[]): void {
    types.forEach((type, i) => {
      const value = values[i];
      // An object of the guest's that is new stands for the one that was new when it was recorded.
      const recorded = readValue(this.from, type, this.tokens, value);
      this.expect(types.length > 1 ? `${what}, value ${i + 1}` : what, normal(type, value), normal(type, recorded));
    });
  }

  private host(
    index: number,
    { params, results }: FuncType,
    caller: CallingGuest,
    args: readonly WasmValue[],
  ): WasmValue {
    try {
      return this.replayHost(index, params, results, caller, args);
    } catch (error) {
      if (error instanceof Difference) throw new HostError(error.message);
      if (error instanceof SnapshotError) {
        this.damage = error;
        throw new HostError(error.message);
      }
      throw error;
    }
  }

  private replayHost(
    index: number,
    params: readonly ValType[],
    results: readonly ValType[],
    caller: CallingGuest,
    args: readonly WasmValue[],
  ): WasmValue {
    const { from } = this;
    const { module, name } = this.imports[index] as RecordedImport;
    const label = quote(`${module}.${name}`);
    const what = `host call ${++this.hostCalls}`;
    if (from.u8() !== EVENT.host) this.differ(`${what} is of ${label}, and the guest called nothing`);
    const recorded = this.imports[from.u32()];
    this.expect(what, `${module}.${name}`, recorded && `${recorded.module}.${recorded.name}`);
    this.expect(`the gas used before ${what}, of ${label}`, caller.gasUsed(), from.u64());
    this.compareValues(`an argument of ${what}, of ${label}`, params, args);
    let charged: { readonly error: unknown } | undefined;
    for (;;) {
      switch (this.event()) {
        case EVENT.write: {
          const pointer = from.u32();
          const bytes = from.bytesOf();
          const view = caller.memory?.view(pointer, bytes.length);
          if (view === undefined) this.differ(`${what} writes outside of memory`);
          view?.set(bytes);
          break;
        }
        case EVENT.charge:
          try {
            const bytes = from.integer(Number.MAX_SAFE_INTEGER, 'a charge');
            this.shorten();
            caller.chargeBytes(bytes);
          } catch (error) {
            if (error instanceof SnapshotError) throw error;
            charged = { error };
          }
          break;
        case EVENT.call:
          this.call();
          break;
        case EVENT.result: {
          const values = results.map((type) => readValue(from, type, this.tokens));
          const until = this.givenUpAt();
          if (until !== undefined) this.running?.pause(until - 1n);
          this.shorten();
          return values.length > 1 ? values : values[0];
        }
        case EVENT.failure: {
          const failure = readFailure(from);
          this.shorten();
          if (charged !== undefined) throw charged.error;
          const error = errorOf(failure);
          this.rethrown.add(error);
          throw error;
        }
        case EVENT.end:
          // The call was given up while the host function was at work.
          from.pos--;
          return new Promise<never>(() => undefined);
        default:
          damaged('an event is out of place');
      }
    }
  }

  private async close(): Promise<void> {
    const { from, instance } = this;
    const { gasUsed, memoryBytes } = instance.figures();
    this.expect('the gas used in the end', gasUsed, from.u64());
    this.expect('the memory in use in the end', memoryBytes, from.number());
    const { memory } = instance;
    const bytes = memory?.view(0, memory.byteLength)?.slice() ?? new Uint8Array(0);
    this.expect('the SHA-256 of memory in the end', await hexDigestOf(bytes), from.text());
  }
}

/** Stands for whatever ended a call from outside. */
class GivenUp extends WasmSandboxError {
  readonly code = 'ABORTED';
}

const scratch = new WireWriter();

/** The value as the guest has it: what differs only in how JavaScript writes it is the same. */
function normal(type: ValType, value: WasmValue): unknown {
  if (typeof value !== 'number' && typeof value !== 'bigint') return value;
  scratch.length = 0;
  const tokens = new Tokens();
  writeValue(scratch, type, value, tokens);
  return readValue(new WireReader(scratch.written), type, tokens);
}
