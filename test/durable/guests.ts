/** A guest that computes, writes and pays as it goes, and who pays. */

import { type GuestFactory, recorded } from '../../src/durable.ts';
import { Capability, WasmSandbox } from '../../src/index.ts';
import { parse } from '../../src/text.ts';

/** Each round: works through a page, writes a character, and pays. Returns what all payments came to, mixed with the work. */
const WORKER = `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "env" "pay" (func $pay (param i32 i32) (result i64)))
  (import "env" "ask" (func $ask (param i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 0) "\\08\\00\\00\\00\\01\\00\\00\\00.")
  (func (export "run") (param $rounds i32) (result i64) (local $round i32) (local $at i32) (local $sum i64)
    (loop $next
      (local.set $at (i32.const 65536))
      (loop $work
        (i32.store (local.get $at)
          (i32.add (i32.mul (i32.load (local.get $at)) (i32.const 1103515245)) (i32.add (local.get $round) (local.get $at))))
        (local.set $sum (i64.add (i64.rotl (local.get $sum) (i64.const 1)) (i64.extend_i32_u (i32.load (local.get $at)))))
        (br_if $work (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 256))) (i32.const 131072))))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
      (local.set $sum (i64.add (local.get $sum) (call $pay (local.get $round) (i32.const 32))))
      (local.set $sum (i64.add (local.get $sum) (i64.load (i32.const 32))))
      (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (call $ask (local.get $round)))))
      (br_if $next (i32.lt_u (local.tee $round (i32.add (local.get $round) (i32.const 1))) (local.get $rounds))))
    (local.get $sum))
  (func (export "trap") (param i32) (local $round i32)
    (loop $next
      (drop (call $pay (local.get $round) (i32.const 40)))
      (br_if $next (i32.lt_u (local.tee $round (i32.add (local.get $round) (i32.const 1))) (local.get 0))))
    unreachable)
  (func (export "spin") (loop (br 0))))`;

const source = parse(WORKER);

/** Who is paid: by idempotency key, how often. A receipt is the same however often it is asked for. */
export class Ledger {
  readonly payments = new Map<string, number>();
  private readonly receipts = new Map<string, bigint>();

  pay(key: string): bigint {
    this.payments.set(key, (this.payments.get(key) ?? 0) + 1);
    const receipt = this.receipts.get(key) ?? BigInt(this.receipts.size + 1);
    this.receipts.set(key, receipt);
    return receipt;
  }

  get keys(): string[] {
    return [...this.payments.keys()];
  }

  /** Payments that were made again. */
  get again(): number {
    return [...this.payments.values()].reduce((sum, times) => sum + times - 1, 0);
  }
}

/** Makes the guest above. */
export function workers(pay: (key: string) => bigint | Promise<bigint>): GuestFactory {
  const env = recorded({
    pay: {
      async call(caller, [, into]) {
        const receipt = await pay(caller.idempotencyKey ?? 'no job');
        caller.chargeBytes(10);
        caller.write(into as number, BigUint64Array.of(receipt));
        return receipt << 8n;
      },
    },
  });
  const functions = { ...env, ask: (round: number) => round * 3 };
  const options = { source, capabilities: [Capability.hostFunctions('env', functions, { gas: 50, perByte: 1 })] };
  return {
    build: (_, input) => WasmSandbox.create({ ...options, ...input }),
    restore: (_, bytes, input) => WasmSandbox.restore(bytes, { ...options, ...input }),
  };
}
