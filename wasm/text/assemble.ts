/** A module in the text format to one in the binary format (specification 6). It need not be valid. */

import { PREAMBLE } from '../encoding.ts';
import { complete, type Steps } from '../steps.ts';
import { Writer } from '../writer.ts';
import { CustomSections, NAME_SECTION } from './custom.ts';
import { Declarations } from './declarations.ts';
import { FieldParser } from './fields.ts';
import { Input } from './input.ts';
import { Names } from './names.ts';
import { SECTIONS, type SectionWord } from './spaces.ts';

const BRANCH_HINTS = 'metadata.code.branch_hint';

/** Finds the place in the source that a place in the module came from. */
export type PlaceOf = (offset: number) => number | undefined;

interface Assembled {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly placeOf: PlaceOf;
}

/** @throws TextError */
export function assemble(source: string): Uint8Array<ArrayBuffer> {
  return complete(assembleSteps(source));
}

/** The same in steps, each of which takes some characters. @throws TextError */
export function* assembleSteps(source: string): Steps<Uint8Array<ArrayBuffer>> {
  return (yield* write(source, false)).bytes;
}

/**
 * Finds where a module of the text says what stands at an offset of its bytes. Assembles it once more.
 * @throws TextError
 */
export function placeInText(source: string, offset: number): number | undefined {
  return complete(write(source, true)).placeOf(offset);
}

function* write(source: string, isMarked: boolean): Steps<Assembled> {
  const input = new Input(source);
  const names = new Names();
  const custom = new CustomSections();
  input.advance();
  const declarations = new Declarations(input, names);
  yield* declarations.read();
  const fields = new FieldParser(input, names, custom, isMarked);
  yield* fields.types(declarations.types);
  input.seek(declarations.first);
  yield* fields.read();

  if (fields.hintedFunctions > 0) {
    const hints = new Writer();
    hints.name(BRANCH_HINTS);
    hints.u32(fields.hintedFunctions);
    hints.append(fields.hints);
    custom.add('code', hints);
  }
  const module = new Writer();
  module.raw(...PREAMBLE);
  custom.writeFirst(module);
  const places: [offset: number, word: SectionWord][] = [];
  for (const [word, id] of Object.entries(SECTIONS) as [SectionWord, number][]) {
    custom.writeBefore(word, module);
    const content = contentOf(word, fields);
    if (content !== undefined) {
      const { length } = content.items;
      const prefix = new Writer(16);
      if (content.count !== undefined) prefix.u32(content.count);
      module.u8(id);
      module.u32(prefix.length + length);
      module.append(prefix);
      places.push([module.length, word]);
      module.append(content.items);
    }
    custom.writeAfter(word, module);
  }
  const section = custom.hasNames ? undefined : names.section();
  if (section !== undefined) {
    const content = new Writer();
    content.name(NAME_SECTION);
    content.append(section);
    module.section(0, content);
  }
  custom.writeLast(module);
  return {
    bytes: yield* module.takeSteps(),
    placeOf: (offset) => {
      const found = places.findLast(([start]) => start <= offset);
      return found && fields.sections[found[1]].marks.placeOf(offset - found[0]);
    },
  };
}

/** Undefined where the section is left out. */
function contentOf(
  word: SectionWord,
  fields: FieldParser,
): { readonly count?: number; readonly items: Writer } | undefined {
  const { count, writer } = fields.sections[word];
  switch (word) {
    case 'type': {
      const items = fields.definitions.section();
      return items && { items };
    }
    case 'start':
    case 'datacount': {
      const value = word === 'start' ? fields.start : fields.dataCount;
      if (value === undefined) return undefined;
      const items = new Writer(16);
      items.u32(value);
      return { items };
    }
    default:
      return count === 0 ? undefined : { count, items: writer };
  }
}
