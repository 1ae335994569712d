/** A guest made of nothing but memory, to call host functions as an engine would. */

import { createHost, type Host, type HostOptions, SecurityPolicy } from '../../policy/index.ts';
import { WASI_FUNCTIONS } from '../../policy/wasi/table.ts';
import { GasExhausted } from '../../wasm/errors.ts';
import type { CallingGuest, GuestMemory, HostFunction, WasmValue } from '../../wasm/host.ts';

export const PAGE = 65_536;

/** A caller whose memory and gas a test can look at. */
export class FakeCaller implements CallingGuest {
  bytes: Uint8Array;
  /** What was charged, call by call. */
  readonly charges: number[] = [];
  /** Units left; a charge beyond fails. */
  gasLeft = Number.POSITIVE_INFINITY;
  used = 0;
  hasMemory = true;

  constructor(size = PAGE) {
    this.bytes = new Uint8Array(size);
  }

  get memory(): GuestMemory | undefined {
    if (!this.hasMemory) return undefined;
    const { bytes } = this;
    return {
      byteLength: bytes.length,
      view(pointer, length) {
        for (const value of [pointer, length]) {
          if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) throw new RangeError(`not a u32: ${value}`);
        }
        return pointer + length <= bytes.length ? bytes.subarray(pointer, pointer + length) : undefined;
      },
    };
  }

  gasUsed(): bigint {
    return BigInt(this.used);
  }

  chargeBytes(bytes: number): void {
    const units = Math.ceil(bytes / 32);
    if (units > this.gasLeft) throw new GasExhausted('gas limit reached');
    this.gasLeft -= units;
    this.used += units;
    this.charges.push(bytes);
  }

  /** Moves memory elsewhere, as growth does. */
  move(size = this.bytes.length): void {
    const moved = new Uint8Array(size);
    moved.set(this.bytes.subarray(0, size));
    this.bytes.fill(0xee);
    this.bytes = moved;
  }

  u8(at: number): number {
    return this.bytes[at] as number;
  }

  u16(at: number): number {
    return new DataView(this.bytes.buffer).getUint16(at, true);
  }

  u32(at: number): number {
    return new DataView(this.bytes.buffer).getUint32(at, true);
  }

  u64(at: number): bigint {
    return new DataView(this.bytes.buffer).getBigUint64(at, true);
  }

  setU32(at: number, ...values: number[]): void {
    const view = new DataView(this.bytes.buffer);
    for (const [index, value] of values.entries()) view.setUint32(at + 4 * index, value, true);
  }

  setU64(at: number, value: bigint): void {
    new DataView(this.bytes.buffer).setBigUint64(at, value, true);
  }

  /** A list of `iovec`s. */
  vectors(at: number, ...list: (readonly [pointer: number, length: number])[]): void {
    this.setU32(at, ...list.flat());
  }

  text(at: number, length: number): string {
    return new TextDecoder().decode(this.bytes.subarray(at, at + length));
  }

  put(at: number, text: string): void {
    this.bytes.set(new TextEncoder().encode(text), at);
  }
}

/** A guest with its host: `guest.call('fd_write', …)`. */
export class Guest extends FakeCaller {
  readonly host: Host;
  readonly module: string;

  constructor(policy = SecurityPolicy.strict(), options: HostOptions = {}, module = 'wasi_snapshot_preview1') {
    super();
    this.host = createHost(policy, options);
    this.module = module;
  }

  function(name: string): HostFunction {
    const row = WASI_FUNCTIONS.find((candidate) => candidate.name === name);
    if (row === undefined) throw new Error(`WASI has no ${name}`);
    const found = this.host.resolve(this.module, name, row.type);
    if (found === undefined) throw new Error(`${name} was not granted`);
    return found;
  }

  /** Arguments as an engine passes them: i32 are signed, and so are i64. */
  call(name: string, ...args: (number | bigint)[]): WasmValue | Promise<WasmValue> {
    const signed = args.map((arg) => (typeof arg === 'bigint' ? BigInt.asIntN(64, arg) : arg | 0));
    return this.function(name).call(this, signed);
  }
}
