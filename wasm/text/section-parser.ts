/** What all that write sections share: the sections, and the code in them. */

import { HAS_MAX, IS_64, IS_SHARED } from '../encoding.ts';
import { I32, I64 } from '../types.ts';
import { Writer } from '../writer.ts';
import { BodyParser } from './body.ts';
import { Definitions } from './definitions.ts';
import { ImmediateParser } from './immediates.ts';
import type { Input } from './input.ts';
import { TOKEN } from './lexer.ts';
import { Marks } from './marks.ts';
import type { Names } from './names.ts';
import { SECTIONS, type SectionWord } from './spaces.ts';

export type AddressType = typeof I32 | typeof I64;

/** The content of a section, behind the number of its items. */
export class Section {
  count = 0;
  readonly writer = new Writer();
  readonly marks = new Marks();
}

export abstract class SectionParser {
  readonly sections = Object.fromEntries(Object.keys(SECTIONS).map((word) => [word, new Section()])) as Record<
    SectionWord,
    Section
  >;
  readonly definitions: Definitions;
  readonly body: BodyParser;
  protected readonly input: Input;
  protected readonly names: Names;
  protected readonly isMarked: boolean;

  /** @param isMarked whether it is to be known where in the text things came from */
  constructor(input: Input, names: Names, isMarked: boolean) {
    this.input = input;
    this.names = names;
    this.isMarked = isMarked;
    this.definitions = new Definitions(names);
    this.body = new BodyParser(input, (labels) => new ImmediateParser(input, this.definitions, names, labels));
  }

  /** Begins an item of a section. */
  protected item(word: SectionWord, place: number): Writer {
    const section = this.sections[word];
    section.count++;
    if (this.isMarked) section.marks.add(section.writer.length, place);
    return section.writer;
  }

  protected addressType(): AddressType {
    if (this.input.tryWord('i64')) return I64;
    this.input.tryWord('i32');
    return I32;
  }

  /** @param mayBeShared whether they are a memory's, which can say that */
  protected limits(address: AddressType, writer: Writer, mayBeShared = false): void {
    const { input } = this;
    const min = input.u64('a size');
    const max = input.kind === TOKEN.number ? input.u64('a size') : undefined;
    writeLimits(writer, address, min, max, mayBeShared && input.tryWord('shared'));
  }

  /** Code up to the closing parenthesis, which ends with its section's content. */
  protected expression(section: Section): void {
    this.begin(section);
    this.body.instructions();
    this.body.end();
  }

  /** One folded instruction. */
  private foldedExpression(section: Section): void {
    this.begin(section);
    this.body.folded();
    this.body.end();
  }

  private begin({ writer, marks }: Section): void {
    this.body.code = writer;
    this.body.marks = this.isMarked ? marks : undefined;
  }

  /** `(offset …)`, or one folded instruction. */
  protected offset(section: Section): void {
    const { input } = this;
    if (!input.tryOpen('offset')) {
      this.foldedExpression(section);
      return;
    }
    this.expression(section);
    input.close();
  }
}

export function writeLimits(
  writer: Writer,
  address: AddressType,
  min: bigint,
  max: bigint | undefined,
  isShared = false,
): void {
  writer.u8((max === undefined ? 0 : HAS_MAX) | (isShared ? IS_SHARED : 0) | (address === I64 ? IS_64 : 0));
  writer.u64(min);
  if (max !== undefined) writer.u64(max);
}
