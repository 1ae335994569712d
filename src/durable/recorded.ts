/** Host functions whose results are kept with the job, so that a guest that is taken up again gets them again. */

import type { GuestFunctionDeclaration } from '../../policy/capability.ts';
import type { Caller } from '../../policy/index.ts';
import type { Bytes } from '../../wasm/bytes.ts';
import { UsageError } from '../../wasm/errors.ts';
import type { WasmValue } from '../../wasm/host.ts';
import type { Pointer } from '../../wasm/memory-access.ts';
import { ownBytes, record, refuse } from '../checks/check.ts';
import { type Claim, holdClaim } from './claim.ts';
import { type CallRecord, callIdentity, readCall, writeCall } from './journal.ts';
import type { JobItems } from './store.ts';

/** What a recorded function sees of the guest. What it does by it is part of the record, and done again from there. */
export interface RecordedCaller
  extends Pick<Caller, 'read' | 'readText' | 'write' | 'writeText' | 'chargeBytes' | 'gasUsed' | 'signal'> {
  /**
   * The same whenever this call is made again, and of no other call of any job: a worker may die between what the function
   * does and its record, and by this whoever is told twice can tell. Undefined outside of a durable job.
   */
  readonly idempotencyKey: string | undefined;
}

/** A host function whose result is recorded. Types left out are the import's own. */
export interface RecordedFunction extends Pick<GuestFunctionDeclaration, 'params' | 'results'> {
  /** Returns, or promises, numbers, bigints or lists of them. What it throws is not recorded: the call is made again. */
  call(caller: RecordedCaller, args: readonly WasmValue[]): unknown;
}

/** Who records for a sandbox. */
const recorders = new WeakMap<object, RecordedCalls>();

/** Has what the recorded functions of a sandbox return recorded. */
export function recordFor(sandbox: object, calls: RecordedCalls): void {
  recorders.set(sandbox, calls);
}

/**
 * Host functions for `Capability.hostFunctions` that a durable job calls once: their results are recorded under the job and
 * the number of the call before the guest goes on. The guest waits meanwhile, which needs the interpreter. In a sandbox
 * outside of a durable job they are called as others are.
 * @param functions by the name that the guest imports
 * @throws UsageError
 */
export function recorded<F extends Readonly<Record<string, RecordedFunction>>>(
  functions: F,
): { readonly [K in keyof F]: GuestFunctionDeclaration } {
  const entries = Object.entries(record('the recorded functions', functions) as F).map(([name, declared]) => {
    const { call, ...types } = declared;
    if (typeof call !== 'function') refuse(`the recorded function ${name}: call`, 'a function', call);
    const own = call.bind(declared);
    const recording: GuestFunctionDeclaration = {
      ...types,
      call(caller, args) {
        const { sandbox } = caller;
        if (sandbox === undefined) {
          throw new UsageError(
            `the recorded function ${name} was called while the guest was made ready: what a start function does belongs to no job`,
          );
        }
        const calls = recorders.get(sandbox);
        return calls === undefined ? own(new Tape(caller, undefined), args) : calls.make(name, own, caller, args);
      },
    };
    return [name, recording];
  });
  return Object.fromEntries(entries) as { [K in keyof F]: GuestFunctionDeclaration };
}

/** The recorded calls of one job, while one worker has it. */
export class RecordedCalls {
  /** How many the guest has begun. */
  made: number;
  private readonly items: JobItems;
  private readonly claim: Claim;
  private readonly job: string;
  /** Whether the calls to come may have been made before. */
  private mayBeThere = true;

  constructor(items: JobItems, claim: Claim, job: string, made: number) {
    this.items = items;
    this.claim = claim;
    this.job = job;
    this.made = made;
  }

  /** @throws JobTakenOver, SnapshotError; what the function or the store fails with */
  async make(
    name: string,
    call: RecordedFunction['call'],
    caller: Caller,
    args: readonly WasmValue[],
  ): Promise<WasmValue> {
    const number = this.made++;
    const identity = callIdentity(name, args);
    if (this.mayBeThere) {
      const found = await readCall(this.items, number, name, identity);
      if (found !== undefined) return playBack(found, caller);
      this.mayBeThere = false;
    }
    await this.hold();
    const tape = new Tape(caller, `${this.job}#${number}`);
    const result = await call(tape, args);
    // What another worker has recorded meanwhile is what counts.
    await this.hold();
    await writeCall(this.items, number, identity, { result, ...tape });
    return result;
  }

  private hold(): Promise<void> {
    return holdClaim(this.items, this.job, this.claim);
  }
}

function playBack({ result, writes, charges }: CallRecord, caller: Caller): WasmValue {
  for (const bytes of charges) caller.chargeBytes(bytes);
  for (const { pointer, bytes } of writes) caller.write(pointer, bytes);
  return result;
}

/** A caller of which is noted what is done by it. */
class Tape implements RecordedCaller {
  readonly idempotencyKey: string | undefined;
  readonly writes: { pointer: number; bytes: Uint8Array }[] = [];
  readonly charges: number[] = [];
  readonly #caller: Caller;

  constructor(caller: Caller, idempotencyKey: string | undefined) {
    this.#caller = caller;
    this.idempotencyKey = idempotencyKey;
  }

  get signal(): AbortSignal {
    return this.#caller.signal;
  }

  gasUsed(): bigint {
    return this.#caller.gasUsed();
  }

  chargeBytes(bytes: number): void {
    this.#caller.chargeBytes(bytes);
    this.charges.push(bytes);
  }

  read(pointer: Pointer, length: number): Uint8Array<ArrayBuffer> {
    return this.#caller.read(pointer, length);
  }

  readText(pointer: Pointer, length?: number): string {
    return this.#caller.readText(pointer, length);
  }

  write(pointer: Pointer, bytes: Bytes): void {
    const own = ownBytes('the bytes to write', bytes);
    this.#caller.write(pointer, own);
    this.writes.push({ pointer: Number(pointer), bytes: own });
  }

  writeText(pointer: Pointer, text: string): number {
    const length = this.#caller.writeText(pointer, text);
    this.writes.push({ pointer: Number(pointer), bytes: this.#caller.read(pointer, length) });
    return length;
  }
}
