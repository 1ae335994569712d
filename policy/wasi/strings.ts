/** The calls that give lists of strings: `args_*` and `environ_*`. */

import { LOOK } from '../../wasm/gas.ts';
import type { HostCallContext } from '../call.ts';
import { U32 } from './abi.ts';
import { ERRNO, type Errno } from './errno.ts';
import type { WasiState } from './state.ts';

type List = 'args' | 'environment';

/** How many strings there are, and how many bytes they take together. */
export function sizesGet(list: List) {
  return (state: WasiState, call: HostCallContext, countPointer: number, sizePointer: number): Errno => {
    const { offsets, bytes } = state[list];
    const count = call.view(countPointer, U32.size);
    const size = call.view(sizePointer, U32.size);
    if (count === undefined || size === undefined) return ERRNO.fault;
    U32.write(count, { value: offsets.length });
    U32.write(size, { value: bytes.length });
    return ERRNO.success;
  };
}

/** The strings one after another, and where each begins. */
export function stringsGet(list: List) {
  return (state: WasiState, call: HostCallContext, pointersPointer: number, bytesPointer: number): Errno => {
    const { offsets, bytes } = state[list];
    const pointers = call.view(pointersPointer, offsets.length * U32.size);
    const room = call.view(bytesPointer, bytes.length);
    if (pointers === undefined || room === undefined) return ERRNO.fault;
    call.chargeBytes(pointers.length + bytes.length);
    call.chargeWork(LOOK.string * offsets.length);
    room.set(bytes);
    const words = new DataView(pointers.buffer, pointers.byteOffset, pointers.byteLength);
    offsets.forEach((offset, i) => {
      words.setUint32(i * U32.size, bytesPointer + offset, true);
    });
    return ERRNO.success;
  };
}
