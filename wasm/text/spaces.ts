/** The index spaces of modules (specification 6.6.2): what the text format and the name section call them. */

import { SECTION_IDS } from '../encoding.ts';

export interface SpaceRow {
  /** In messages. */
  readonly what: string;
  /** Begins the identifiers that are made up where there is no name; the index follows. */
  readonly prefix: string;
  /** Subsection of the name section (specification 7.4.1, and the proposal that extends it). */
  readonly names: number;
}

/** Those of a module, by the word that opens a field of the kind. */
export const SPACES = {
  type: { what: 'type', prefix: 't', names: 4 },
  func: { what: 'function', prefix: 'f', names: 1 },
  table: { what: 'table', prefix: 'T', names: 5 },
  memory: { what: 'memory', prefix: 'M', names: 6 },
  tag: { what: 'tag', prefix: 'e', names: 11 },
  global: { what: 'global', prefix: 'g', names: 7 },
  elem: { what: 'element segment', prefix: 's', names: 8 },
  data: { what: 'data segment', prefix: 'd', names: 9 },
} as const satisfies Record<string, SpaceRow>;

export type SpaceWord = keyof typeof SPACES;

/** Those of a function, and of a struct. */
export const LOCALS: SpaceRow = { what: 'local', prefix: 'l', names: 2 };
export const LABELS: SpaceRow = { what: 'label', prefix: 'L', names: 3 };
export const FIELDS: SpaceRow = { what: 'field', prefix: '', names: 10 };

/** Subsection of the name of the module. */
export const MODULE_NAME = 0;

/** By the byte that stands for the kind in imports and exports (specification 5.5.5). */
export const EXTERNAL_WORDS = ['func', 'table', 'memory', 'global', 'tag'] as const satisfies readonly SpaceWord[];

/** The identifier that is made up for what has no name; it is not recorded as a name. */
export function generatedName({ prefix }: SpaceRow, index: number): string {
  return prefix + index;
}

/** Ids of sections by the words of custom annotations, in the order of the format (specification 5.5.2). */
export const SECTIONS = {
  type: SECTION_IDS.type,
  import: SECTION_IDS.import,
  func: SECTION_IDS.function,
  table: SECTION_IDS.table,
  memory: SECTION_IDS.memory,
  tag: SECTION_IDS.tag,
  global: SECTION_IDS.global,
  export: SECTION_IDS.export,
  start: SECTION_IDS.start,
  elem: SECTION_IDS.element,
  datacount: SECTION_IDS.dataCount,
  code: SECTION_IDS.code,
  data: SECTION_IDS.data,
} as const;

export type SectionWord = keyof typeof SECTIONS;
