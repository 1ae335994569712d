/** What recorded host functions have returned and done to the guest: one item a call, by the number of the call. */

import { SnapshotError } from '../../wasm/errors.ts';
import { quote } from '../../wasm/quote.ts';
import { WireWriter } from '../../wasm/wire.ts';
import type { JobItems } from './store.ts';
import { readValue, writeValue } from './values.ts';

/** What a recorded call has come to. */
export interface CallRecord {
  readonly result: unknown;
  /** What it wrote to the guest's memory, in order. */
  readonly writes: readonly { readonly pointer: number; readonly bytes: Uint8Array }[];
  /** Bytes that it has charged for, in order: each charge is rounded by itself. */
  readonly charges: readonly number[];
}

const itemOf = (call: number) => `call.${call}`;
/** Writes and charges of one call. */
const MOST = 100_000;

/** Which function was called, and with what. */
export function callIdentity(name: string, args: readonly unknown[]): Uint8Array {
  const to = new WireWriter();
  to.text(name);
  // References to objects cannot be told apart in another process.
  for (const arg of args) writeValue(to, typeof arg === 'object' || typeof arg === 'function' ? null : arg);
  return to.written.slice();
}

/** @throws SnapshotError where it is too large */
export async function writeCall(
  items: JobItems,
  call: number,
  identity: Uint8Array,
  { result, writes, charges }: CallRecord,
): Promise<void> {
  await items.write(itemOf(call), (to) => {
    to.bytesOf(identity);
    writeValue(to, result);
    to.u32(charges.length);
    for (const bytes of charges) to.number(bytes);
    to.u32(writes.length);
    for (const { pointer, bytes } of writes) {
      to.number(pointer);
      to.bytesOf(bytes);
    }
  });
}

/**
 * @returns undefined where the call was not recorded
 * @throws SnapshotError where another call was
 */
export async function readCall(
  items: JobItems,
  call: number,
  name: string,
  identity: Uint8Array,
): Promise<CallRecord | undefined> {
  const from = await items.readWhole(itemOf(call));
  if (from === undefined) return undefined;
  const recorded = from.bytesOf();
  if (recorded.length !== identity.length || recorded.some((byte, i) => byte !== identity[i])) {
    throw new SnapshotError(
      `the guest has gone another way than before the last worker stopped: its recorded call ${call} is of ${quote(name)}, and was another. What it has from functions that are not recorded must be the same each time`,
    );
  }
  const result = readValue(from);
  const charges = Array.from({ length: from.count(8, 'charges', MOST) }, () => from.number());
  const writes = Array.from({ length: from.count(12, 'writes', MOST) }, () => ({
    pointer: from.number(),
    bytes: from.bytesOf().slice(),
  }));
  return { result, writes, charges };
}

/** Of calls from the first to before the second. */
export async function removeCalls(items: JobItems, first: number, end: number): Promise<void> {
  for (let call = first; call < end; call++) await items.remove(itemOf(call));
}

/** Removes also what was recorded behind the last checkpoint. @param known calls that there were at it */
export async function removeAllCalls(items: JobItems, first: number, known: number): Promise<void> {
  for (let call = first; call < known || (await items.read(itemOf(call))).state !== 'absent'; call++) {
    await items.remove(itemOf(call));
  }
}
