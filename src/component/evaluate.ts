/** From the text of a program to the program, where the runtime allows it. */

import { UsageError } from '../../wasm/errors.ts';
import { messageOf } from '../../wasm/quote.ts';
import type { ComponentCode } from './code.ts';

/**
 * Runtimes keep what they have imported for as long as they live: the same text is the same module.
 * @throws UsageError where modules cannot be made of text
 */
export async function evaluate(text: string): Promise<ComponentCode> {
  const url = `data:text/javascript;charset=utf-8,${encodeURIComponent(text)}`;
  try {
    return (await import(/* @vite-ignore */ /* webpackIgnore: true */ url)) as ComponentCode;
  } catch (cause) {
    throw new UsageError(
      `this runtime does not make modules of text: transpile the component ahead of time, with "wasm-sandbox component", and pass it to Component.from (${messageOf(cause)})`,
      { cause },
    );
  }
}
