/** Scatter and gather: lists of buffers in the guest's memory. */

import type { HostCallContext } from '../call.ts';
import { IOVEC } from './abi.ts';
import { ERRNO, type Errno } from './errno.ts';
import { MAX_VECTORS } from './state.ts';

/** Buffers that all lie in memory, and their lengths' sum, which fits 32 bits. */
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
  call.chargeOverhead(list.length);
  const buffers: { pointer: number; length: number }[] = [];
  let total = 0;
  for (let at = 0; at < list.length; at += IOVEC.size) {
    const buffer = IOVEC.read(list.subarray(at));
    if (call.view(buffer.pointer, buffer.length) === undefined) return ERRNO.fault;
    buffers.push(buffer);
    total += buffer.length;
  }
  return total > 0xffff_ffff ? ERRNO.inval : { buffers, total };
}

/** A copy of what the buffers hold. */
export function gather(call: HostCallContext, vectors: Vectors): Uint8Array {
  const bytes = new Uint8Array(vectors.total);
  let at = 0;
  for (const { pointer, length } of vectors.buffers) {
    bytes.set(call.view(pointer, length) as Uint8Array, at);
    at += length;
  }
  return bytes;
}

/** Fills the buffers in order, as far as the bytes reach. */
export function scatter(call: HostCallContext, vectors: Vectors, bytes: Uint8Array): void {
  let at = 0;
  for (const { pointer, length } of vectors.buffers) {
    const piece = bytes.subarray(at, at + length);
    (call.view(pointer, piece.length) as Uint8Array).set(piece);
    at += piece.length;
  }
}
