/** Instructions by the words of the text format, from the opcode table. */

import { accessBytes, type Mnemonic, OPCODES, type Opcode } from '../opcodes.ts';

/** Of the row that has types, the word is that of the other one. */
const WITH_TYPES = '_t';
/** Of the row whose heap type is of references that may be null. */
const NULL = ' null';

/** By place in the opcode table: the word that an instruction begins with. */
export const WORDS: readonly string[] = OPCODES.map(({ mnemonic, immediates }) => {
  if (immediates === 'types') return mnemonic.slice(0, -WITH_TYPES.length);
  return mnemonic.endsWith(NULL) ? mnemonic.slice(0, -NULL.length) : mnemonic;
});

const places = new Map<string, number>(OPCODES.map(({ mnemonic, index }) => [mnemonic, index]));

/** The rows by their words. One word may stand for two rows: the one that its mnemonic is comes out. */
export const ROW_OF_WORD: ReadonlyMap<string, number> = new Map(
  WORDS.flatMap((word, index) => (OPCODES[index]?.mnemonic === (word as Mnemonic) ? [[word, index] as const] : [])),
);

/** Place of the row for the same word with types; -1 where there is none. */
export const TYPED_ROW: readonly number[] = WORDS.map((word) => places.get(word + WITH_TYPES) ?? -1);

/** Place of the row for the same word and references that may be null; -1 where there is none. */
export const NULL_ROW: readonly number[] = WORDS.map((word) => places.get(word + NULL) ?? -1);

/** Exponent of the alignment that a memory access has unless it says another one (specification 3.3.7). */
export const NATURAL_ALIGNMENT: readonly number[] = OPCODES.map((row: Opcode) =>
  row.immediates.startsWith('memarg') ? Math.log2(accessBytes(row)) : 0,
);
