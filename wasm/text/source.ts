/** Texts as they come: a string, or bytes in UTF-8. */

import { type Bytes, viewOf } from '../bytes.ts';
import { UsageError } from '../errors.ts';
import { MODULE_LIMITS } from '../limits.ts';
import { describe } from '../quote.ts';
import { errorAt } from './place.ts';
import { utf8 } from './strings.ts';

/** Characters, or bytes, that a text may have: as many as strings can have in every runtime. */
const LONGEST = MODULE_LIMITS.moduleBytes / 4;

/** Halves of characters that stand alone. */
const LONE = /\p{Cs}/u;

/** A method that newer runtimes have, and that is much faster than looking. */
interface WellFormed {
  isWellFormed?(): boolean;
}

function loneSurrogate(text: string): number {
  return (text as WellFormed).isWellFormed?.() === true ? -1 : text.search(LONE);
}

const lenient = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * @throws TextError where it is not UTF-8, or has a surrogate alone; UsageError where it is neither, or too long
 */
export function sourceOf(text: string | Bytes): string {
  if (typeof text === 'string') {
    bound(text.length);
    const lone = loneSurrogate(text);
    if (lone >= 0) throw errorAt(text, lone, lone + 1, 'malformed UTF-8 encoding: half of a character');
    return text;
  }
  const bytes = viewOf(text, 'the text');
  if (bytes === undefined) throw new UsageError(`a text or its bytes expected, got ${describe(text)}`);
  bound(bytes.length);
  return utf8(bytes) ?? refuse(bytes);
}

function bound(length: number): void {
  if (length > LONGEST) throw new UsageError(`a text of ${length} characters: at most ${LONGEST} can be read`);
}

/** Finds the first byte that is none of a character, to show it. */
function refuse(bytes: Uint8Array): never {
  let [good, bad] = [0, bytes.length];
  while (bad - good > 1) {
    const middle = (good + bad) >>> 1;
    // A character in half at the end is no fault yet.
    if (isStart(bytes.subarray(0, middle))) good = middle;
    else bad = middle;
  }
  const before = lenient.decode(bytes.subarray(0, good)).replace(/�$/, '');
  const after = lenient.decode(bytes.subarray(good, good + 100));
  throw errorAt(before + after, before.length, before.length + 1, 'malformed UTF-8 encoding');
}

function isStart(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}
