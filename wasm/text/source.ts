/** Texts as they come: a string, or bytes in UTF-8. */

import { type Bytes, viewOf } from '../bytes.ts';
import { UsageError } from '../errors.ts';
import { MODULE_LIMITS } from '../limits.ts';
import { describe } from '../quote.ts';
import { decodeLossy, encodeUtf8 } from '../utf8.ts';
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

const REPLACEMENT = '\ufffd';

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

/** Shows the first place that is no character: one that became a replacement, and was none before. */
function refuse(bytes: Uint8Array): never {
  const text = decodeLossy(bytes);
  let at = text.indexOf(REPLACEMENT);
  for (let start = 0, place = 0; ; at = text.indexOf(REPLACEMENT, start)) {
    place += encodeUtf8(text.slice(start, at)).length;
    if (bytes[place] !== 0xef || bytes[place + 1] !== 0xbf || bytes[place + 2] !== 0xbd) break;
    start = at + 1;
    place += 3;
  }
  throw errorAt(text, at, at + 1, 'malformed UTF-8 encoding');
}
