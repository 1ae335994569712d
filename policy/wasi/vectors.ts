/** Scatter and gather: lists of buffers in the guest's memory. */

import { LOOK } from '../../wasm/gas.ts';
import type { HostCallContext } from '../call.ts';
import { IOVEC } from './abi.ts';
import { ERRNO, type Errno } from './errno.ts';
import { MAX_VECTORS } from './state.ts';

/** Buffers that all lie in memory and are not empty, and their lengths' sum, which fits 32 bits. */
export interface Vectors {
  readonly buffers: readonly { readonly pointer: number; readonly length: number }[];
  readonly total: number;
}

/**
 * Reads a list and checks every buffer in it before anything is moved. The list is read once, so that a guest whose
 * buffers overlap the list changes nothing.
 */
export function readVectors(call: HostCallContext, pointer: number, count: number): Vectors | Errno {
  if (count > MAX_VECTORS) return ERRNO.inval;
  const list = call.view(pointer, count * IOVEC.size);
  if (list === undefined) return ERRNO.fault;
  call.chargeWork(LOOK.buffer * count);
  const reach = call.memory?.byteLength ?? 0;
  const words = new DataView(list.buffer, list.byteOffset, list.byteLength);
  const buffers: { pointer: number; length: number }[] = [];
  let total = 0;
  for (let at = 0; at < list.length; at += IOVEC.size) {
    const buffer = { pointer: words.getUint32(at, true), length: words.getUint32(at + 4, true) };
    // Nothing is in reach everywhere.
    if (buffer.length === 0) continue;
    if (buffer.pointer + buffer.length > reach) return ERRNO.fault;
    buffers.push(buffer);
    total += buffer.length;
  }
  return total > 0xffff_ffff ? ERRNO.inval : { buffers, total };
}

/** Fills `bytes`, which has room for all, with what the buffers hold. */
export function gather(call: HostCallContext, { buffers }: Vectors, bytes: Uint8Array): void {
  let at = 0;
  for (const { pointer, length } of buffers) {
    bytes.set(call.view(pointer, length) as Uint8Array, at);
    at += length;
  }
}

/** Fills the buffers in order, as far as the bytes reach. */
export function scatter(call: HostCallContext, vectors: Vectors, bytes: Uint8Array): void {
  let at = 0;
  for (const { pointer, length } of vectors.buffers) {
    if (at === bytes.length) return;
    const piece = bytes.subarray(at, at + length);
    (call.view(pointer, piece.length) as Uint8Array).set(piece);
    at += piece.length;
  }
}
