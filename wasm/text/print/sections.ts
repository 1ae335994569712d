/** Where the sections of a valid module are, and what its custom sections say to the text. */

import { CompileError } from '../../errors.ts';
import { InstructionReader } from '../../instructions.ts';
import type { WasmModule } from '../../module.ts';
import { opcode } from '../../opcodes.ts';
import { Reader } from '../../reader.ts';
import type { Span } from '../../types.ts';
import { NAME_SECTION } from '../custom.ts';
import { SECTIONS, type SectionWord } from '../spaces.ts';
import type { Hints } from './body.ts';

const HEADER_BYTES = 8;

export const BRANCH_HINTS = 'metadata.code.branch_hint';

const WORD_OF = new Map(Object.entries(SECTIONS).map(([word, id]) => [id as number, word as SectionWord]));

export interface CustomSection {
  readonly name: string;
  readonly content: Uint8Array;
  /** The section before it that is no custom one; undefined where there is none. */
  readonly after: SectionWord | undefined;
}

export interface ModuleSections {
  readonly known: ReadonlyMap<SectionWord, Span>;
  readonly custom: readonly CustomSection[];
}

export function sectionsOf(bytes: Uint8Array): ModuleSections {
  const reader = new Reader(bytes, HEADER_BYTES);
  const known = new Map<SectionWord, Span>();
  const custom: CustomSection[] = [];
  let after: SectionWord | undefined;
  while (reader.pos < reader.end) {
    const id = reader.u8();
    const size = reader.u32();
    const end = reader.pos + size;
    const word = WORD_OF.get(id);
    if (word === undefined) {
      const name = reader.name();
      custom.push({ name, content: bytes.subarray(reader.pos, end), after });
    } else {
      known.set(word, { start: reader.pos, end });
      after = word;
    }
    reader.pos = end;
  }
  return { known, custom };
}

/**
 * The name section, where it is alone and stands behind all that is no custom section: there names become one. Else
 * undefined.
 */
export function nameSection({ known, custom }: ModuleSections): CustomSection | undefined {
  const found = custom.filter(({ name }) => name === NAME_SECTION);
  return found.length === 1 && found[0]?.after === [...known.keys()].at(-1) ? found[0] : undefined;
}

const HINTED: readonly number[] = [opcode('if').index, opcode('br_if').index];

/**
 * Branch hints by function, where the section is one that annotations become: it stands right before the code, and every
 * hint is for an instruction that can have one. Else undefined.
 */
export function branchHints(sections: ModuleSections, module: WasmModule): ReadonlyMap<number, Hints> | undefined {
  const found = sections.custom.filter(({ name }) => name === BRANCH_HINTS);
  const [section] = found;
  if (section === undefined || found.length > 1) return undefined;
  const before = [...sections.known.keys()];
  const isAtCode = section.after === before[before.indexOf('code') - 1] && before.includes('code');
  if (!isAtCode || sections.custom.findLast(({ after }) => after === section.after) !== section) return undefined;
  try {
    return readHints(new Reader(section.content), module);
  } catch (error) {
    if (error instanceof CompileError) return undefined;
    throw error;
  }
}

function readHints(reader: Reader, module: WasmModule): ReadonlyMap<number, Hints> | undefined {
  const functions = new Map<number, Hints>();
  for (let count = reader.u32(), last = -1; count > 0; count--) {
    const index = reader.u32();
    const body = index - module.importedFunctions;
    if (index <= last || body < 0 || body >= module.bodies.length) return undefined;
    last = index;
    const { start, codeStart } = module.bodies.at(body);
    const hints = new Map<number, number>();
    for (let left = reader.u32(), lastOffset = 0; left > 0; left--) {
      const offset = start + reader.u32();
      const size = reader.u32();
      const value = reader.u8();
      if (offset <= lastOffset || size !== 1 || value > 1) return undefined;
      lastOffset = offset;
      hints.set(offset, value);
    }
    if (hints.size === 0 || !areHintable(hints, new InstructionReader(module.bytes, codeStart))) return undefined;
    functions.set(index, hints);
  }
  return reader.pos === reader.end ? functions : undefined;
}

function areHintable(hints: Hints, reader: InstructionReader): boolean {
  const last = [...hints.keys()].at(-1) as number;
  let found = 0;
  while (reader.pos <= last) {
    const row = reader.next();
    if (hints.has(reader.offset) && HINTED.includes(row)) found++;
  }
  return found === hints.size;
}
