/** Modules that came from a text: what validation has against them is said of the text. */

import type { Bytes } from '../bytes.ts';
import { provideDecoder } from '../decode.ts';
import { decodeSteps } from '../decoder.ts';
import { CompileError, messageAlone } from '../errors.ts';
import { complete, type Steps } from '../steps.ts';
import { assembleSteps, placeInText } from './assemble.ts';
import { Lexer, TOKEN } from './lexer.ts';
import { errorAt } from './place.ts';
import { sourceOf } from './source.ts';

/**
 * Assembles a module, and validates it.
 * @throws TextError; UsageError where it is neither text nor bytes
 */
export function assembleValid(text: string | Bytes): Uint8Array<ArrayBuffer> {
  provideDecoder();
  return complete(assembleValidSteps(text));
}

/** The same in steps. */
export function* assembleValidSteps(text: string | Bytes): Steps<Uint8Array<ArrayBuffer>> {
  const source = sourceOf(text);
  const bytes = yield* assembleSteps(source);
  try {
    yield* decodeSteps(bytes);
    return bytes;
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    throw inText(source, error);
  }
}

/** The error at its place in the text, as far as it has one. */
function inText(source: string, error: CompileError): CompileError {
  const place = error.offset === undefined ? undefined : placeInText(source, error.offset);
  if (place === undefined) return error;
  const lexer = new Lexer(source, place);
  lexer.advance();
  const isField = lexer.kind === TOKEN.open;
  if (isField) lexer.advance();
  return errorAt(source, place, lexer.end, messageAlone(error), { cause: error, feature: error.feature });
}
