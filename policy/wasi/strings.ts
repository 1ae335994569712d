/** The calls that give lists of strings: `args_*` and `environ_*`. */

import type { HostCallContext } from '../call.ts';
import { U32 } from './abi.ts';
import { ERRNO, type Errno } from './errno.ts';
import type { WasiState } from './state.ts';

type List = 'args' | 'environment';

const sizeOf = (strings: readonly Uint8Array[]) => strings.reduce((sum, { length }) => sum + length, 0);

/** How many strings there are, and how many bytes they take together. */
export function sizesGet(list: List) {
  return (state: WasiState, call: HostCallContext, countPointer: number, sizePointer: number): Errno => {
    const strings = state.sources[list];
    const count = call.view(countPointer, U32.size);
    const size = call.view(sizePointer, U32.size);
    if (count === undefined || size === undefined) return ERRNO.fault;
    U32.write(count, { value: strings.length });
    U32.write(size, { value: sizeOf(strings) });
    return ERRNO.success;
  };
}

/** The strings one after another, and where each begins. */
export function stringsGet(list: List) {
  return (state: WasiState, call: HostCallContext, pointersPointer: number, bytesPointer: number): Errno => {
    const strings = state.sources[list];
    const size = sizeOf(strings);
    const pointers = call.view(pointersPointer, strings.length * U32.size);
    const bytes = call.view(bytesPointer, size);
    if (pointers === undefined || bytes === undefined) return ERRNO.fault;
    call.chargeBytes(pointers.length + size);
    let at = 0;
    for (const [index, string] of strings.entries()) {
      bytes.set(string, at);
      U32.write(pointers.subarray(index * U32.size), { value: bytesPointer + at });
      at += string.length;
    }
    return ERRNO.success;
  };
}
