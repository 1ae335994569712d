/** Modules that came from a text: what validation has against them is said of the text. */

import { decode } from '../decode.ts';
import { CompileError, messageAlone } from '../errors.ts';
import { assemble, placeInText } from './assemble.ts';
import { Lexer, TOKEN } from './lexer.ts';
import { errorAt } from './place.ts';

/**
 * Assembles a module, and validates it.
 * @throws TextError
 */
export function assembleValid(source: string): Uint8Array<ArrayBuffer> {
  const bytes = assemble(source);
  try {
    decode(bytes);
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
  return errorAt(source, place, lexer.end, messageAlone(error), { cause: error });
}
