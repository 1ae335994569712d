/**
 * Arrays of several dimensions in and out of plug-ins, as NumPy writes them: those of `ndarray` and `@stdlib/ndarray`, or
 * anything of their shape.
 * @module wasm-sandbox/ndarray
 */

import { concat } from '../wasm/bytes.ts';
import { PluginError } from '../wasm/errors.ts';
import { messageOf, quote } from '../wasm/quote.ts';
import type { Plugin } from './extism/api.ts';
import type { PluginCallOptions } from './extism/call.ts';
import type { NdArray, ReadNdArray } from './values/ndarray.ts';
import { decodeAllNpy, encodeNpy } from './values/npy.ts';

export type { DType, NdArray, NdData, ReadNdArray } from './values/ndarray.ts';
export { decodeAllNpy, decodeNpy, encodeNpy } from './values/npy.ts';

/**
 * Calls a function of a plug-in with arrays, one `.npy` file behind the other, and gives those that it puts out.
 * @throws PluginError where the output is not of such files; UsageError for what is no array; what `Plugin.call` throws
 */
export async function callNdarray(
  plugin: Plugin,
  name: string,
  arrays: readonly NdArray[],
  options: Omit<PluginCallOptions, 'as' | 'schema'> = {},
): Promise<ReadNdArray[]> {
  const bytes = await plugin.call(name, concat(arrays.map(encodeNpy)), { ...options, as: 'bytes' });
  try {
    return decodeAllNpy(bytes);
  } catch (cause) {
    const message = `the output of ${quote(name)} is ${messageOf(cause)}`;
    throw new PluginError(message, { function: name, status: 0, cause });
  }
}
