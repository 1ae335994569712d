/** Counts the work of parsing and printing; a process of its own, as test/complexity/counting.ts. */

import { beginCounting } from '../complexity/coverage.ts';
import { FAMILIES } from './families.ts';

const entered = await beginCounting();
const { parse, print } = await import('../../src/text.ts');

export interface TextCount {
  readonly characters: number;
  /** Blocks of the project's own code that were entered. */
  readonly parsed: number;
  /** Undefined where nothing was to be printed. */
  readonly printed: { readonly bytes: number; readonly characters: number; readonly work: number } | undefined;
  readonly failure: string | undefined;
}

async function count(text: string): Promise<TextCount> {
  const characters = text.length;
  await entered();
  let bytes: Uint8Array;
  try {
    bytes = parse(text);
  } catch (error) {
    return { characters, parsed: await entered(), printed: undefined, failure: String(error) };
  }
  const parsed = await entered();
  try {
    const { length } = print(bytes);
    const work = await entered();
    return { characters, parsed, printed: { bytes: bytes.length, characters: length, work }, failure: undefined };
  } catch (error) {
    return { characters, parsed, printed: undefined, failure: String(error) };
  }
}

process.on('message', async ({ family, size }: { readonly family: string; readonly size: number }) => {
  try {
    process.send?.({ value: await count((FAMILIES[family] as (size: number) => string)(size)) });
  } catch (error) {
    process.send?.({ error: String(error) });
  }
});
await count('(module)');
process.send?.({ stage: 'ready' });
