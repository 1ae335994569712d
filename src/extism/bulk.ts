/** Two functions of this library's own: a whole input, or output, in one call. */

import { type Caller, Capability } from '../../policy/index.ts';
import type { Kernel } from './kernel.ts';
import { PRICE } from './price.ts';

/** The module under which plug-ins import them. */
export const BULK_MODULE = 'wasm_sandbox_plugin';

/** @param kernelOf what is kept for the plug-in that calls */
export function bulkFunctions(kernelOf: (caller: Caller) => Kernel): Capability {
  const input_read = {
    params: ['i32', 'i32', 'i32'],
    results: ['i32'],
    call: (caller: Caller, args: readonly unknown[]): number => {
      const [offset, pointer, length] = args.map(unsigned) as [number, number, number];
      const bytes = kernelOf(caller).call.input.subarray(offset, offset + length);
      caller.chargeBytes(bytes.length);
      caller.write(pointer, bytes);
      return bytes.length;
    },
  } as const;
  const output_write = {
    params: ['i32', 'i32'],
    results: ['i32'],
    call: (caller: Caller, args: readonly unknown[]): number => {
      const [pointer, length] = args.map(unsigned) as [number, number];
      const { call } = kernelOf(caller);
      caller.chargeBytes(length);
      const address = call.blocks.alloc(length);
      if (address === 0) return -1;
      call.whole(address).set(caller.memory?.view(pointer, length) ?? caller.read(pointer, length));
      call.put(address, length);
      return 0;
    },
  } as const;
  return Capability.hostFunctions(BULK_MODULE, { input_read, output_write }, PRICE);
}

function unsigned(value: unknown): number {
  return (value as number) >>> 0;
}
