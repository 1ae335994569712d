/**
 * What published proposals add to modules that is not here, by where it stands: an error about it names the proposal, as
 * nothing is wrong with the module.
 */

import { CompileError } from './errors.ts';
import { quote } from './quote.ts';

export const SHARED = 'shared-everything threads';
export const STACKS = 'stack switching';
export const WIDE = 'wide arithmetic';
export const PAGE_SIZES = 'custom page sizes';
export const IMPORTS = 'compact import section';
export const DESCRIPTORS = 'custom descriptors';
export const MEMORY = 'memory control';
export const HALF = 'half precision';
export const STRINGS = 'reference-typed strings';
export const COMPONENTS = 'component model';

type Range = readonly [first: number, last: number, proposal: string];

/** Where bytes are that a decoder may not know. */
export type ProposedPlace =
  /** Codes as in the opcode table. */
  | 'instruction'
  /** What a member of the type section begins with. */
  | 'type'
  /** The byte of a heap type, or of a reference to it. */
  | 'heap type'
  | 'limits of a memory'
  | 'limits of a table'
  | 'global'
  | 'import'
  /** The kind of what is imported. */
  | 'external kind'
  /** Results of a tag, by their number. */
  | 'results of a tag'
  /** The 32 bits behind the magic number. */
  | 'version';

const ADDED: Readonly<Record<ProposedPlace, readonly Range[]>> = {
  instruction: [
    [0xe0, 0xe6, STACKS],
    [0xfb0020, 0xfb0026, DESCRIPTORS],
    [0xfb0080, 0xfb00b7, STRINGS],
    [0xfc0012, 0xfc0012, MEMORY],
    [0xfc0013, 0xfc0016, WIDE],
    [0xfc0030, 0xfc0031, HALF],
    [0xfd0120, 0xfd014a, HALF],
    [0xfe0004, 0xfe0004, SHARED],
    [0xfe004f, 0xfe0076, SHARED],
  ],
  type: [
    [0x4c, 0x4d, DESCRIPTORS],
    [0x5d, 0x5d, STACKS],
    [0x65, 0x65, SHARED],
  ],
  'heap type': [
    [0x61, 0x61, STRINGS],
    [0x62, 0x62, DESCRIPTORS],
    [0x65, 0x65, SHARED],
    [0x66, 0x67, STRINGS],
    [0x68, 0x68, STACKS],
    [0x75, 0x75, STACKS],
  ],
  // Beside a maximum, sharing and 64 bits: that the size of a page follows.
  'limits of a memory': [[0x08, 0x0f, PAGE_SIZES]],
  'limits of a table': [
    [0x02, 0x03, SHARED],
    [0x06, 0x07, SHARED],
  ],
  global: [[0x02, 0x03, SHARED]],
  import: [[0x7e, 0x7f, IMPORTS]],
  'external kind': [[0x20, 0x20, DESCRIPTORS]],
  'results of a tag': [[1, Number.MAX_SAFE_INTEGER, STACKS]],
  version: [[0x0001_000a, 0x0001_000d, COMPONENTS]],
};

/** What the module needs, in the words of an error. */
export function needs(proposal: string, what: string): string {
  return `the module needs ${quote(proposal)}, which is not supported: ${what}`;
}

/** The proposal that a number at a place belongs to; undefined where none that is known has assigned it. */
export function proposalOf(place: ProposedPlace, code: number): string | undefined {
  return ADDED[place].find(([first, last]) => code >= first && code <= last)?.[2];
}

/**
 * For a number that nothing here is assigned to.
 * @param otherwise the message where no proposal has assigned it
 */
export function unassigned(place: ProposedPlace, code: number, offset: number, otherwise: string): CompileError {
  const feature = proposalOf(place, code);
  if (feature === undefined) return new CompileError(otherwise, { offset });
  const digits = code.toString(16).padStart(2, '0');
  return new CompileError(needs(feature, `${place} 0x${digits}`), { offset, feature });
}
