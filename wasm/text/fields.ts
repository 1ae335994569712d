/** The fields of a module (specification 6.6), to the content of its sections. */

import { Pace, type Steps } from '../steps.ts';
import type { ValType } from '../types.ts';
import { Writer } from '../writer.ts';
import type { CustomSections } from './custom.ts';
import type { Parameters } from './definitions.ts';
import type { Input } from './input.ts';
import { TOKEN } from './lexer.ts';
import { Marks } from './marks.ts';
import { type Names, Space } from './names.ts';
import { SegmentParser } from './segments.ts';
import { EXTERNAL_WORDS, LOCALS } from './spaces.ts';
import { refType, valType, writeValType } from './types.ts';

type External = (typeof EXTERNAL_WORDS)[number];

/** The parameters and locals of a function. */
class Locals implements Parameters {
  readonly space = new Space(LOCALS);

  declare(input: Input): void {
    this.space.declare(input);
  }

  skip(count: number): void {
    this.space.length += count;
  }
}

export class FieldParser extends SegmentParser {
  /** The function at hand, and its locals: their buffers are used again. */
  private readonly code = new Writer();
  private readonly runs = new Writer();
  /** Functions with branch hints, and their hints. */
  readonly hints = new Writer();
  hintedFunctions = 0;
  start: number | undefined;

  /** Number of data segments, where code names any. */
  get dataCount(): number | undefined {
    return this.body.immediates.namesData ? this.sections.data.count : undefined;
  }

  private readonly custom: CustomSections;
  /** Indices of what can be exported in place, as far as they have been given away in this walk. */
  private readonly next: Record<External, number> = { func: 0, table: 0, memory: 0, tag: 0, global: 0 };

  constructor(input: Input, names: Names, custom: CustomSections, isMarked: boolean) {
    super(input, names, isMarked);
    this.custom = custom;
  }

  /** Reads what declares types, at places in the source. */
  *types(places: readonly number[]): Steps<void> {
    const pace = new Pace(places[0] ?? 0);
    for (const place of places) {
      if (pace.isDue(place)) yield;
      this.input.seek(place);
      this.definitions.declare(this.input);
    }
  }

  /** Reads all other fields, from the one at hand to the last. */
  *read(): Steps<void> {
    const { input } = this;
    const pace = new Pace(input.start);
    while (input.kind === TOKEN.open || input.kind === TOKEN.annotation) {
      if (pace.isDue(input.start)) yield;
      yield* this.field(pace);
    }
  }

  private *field(pace: Pace): Steps<void> {
    const { input } = this;
    if (input.tryAnnotation('custom')) {
      this.custom.read(input);
      return;
    }
    if (input.opens('type') || input.opens('rec')) {
      input.skipList();
      return;
    }
    input.advance();
    const word = input.text;
    const { start } = input;
    input.advance();
    switch (word) {
      case 'import':
        this.imports(start);
        break;
      case 'func':
      case 'table':
      case 'memory':
      case 'global':
      case 'tag':
        yield* this.external(word, start, pace);
        break;
      case 'export':
        this.exported(start);
        break;
      case 'start':
        if (this.start !== undefined) input.fail('multiple start sections');
        this.item('start', start);
        this.start = this.names.spaces.func.index(input);
        break;
      case 'elem':
        this.element(start);
        break;
      default:
        this.data(start);
    }
    input.close();
  }

  private imports(place: number): void {
    const { input } = this;
    const writer = this.item('import', place);
    writer.name(input.name());
    writer.name(input.name());
    const word = EXTERNAL_WORDS.find((external) => input.tryOpen(external)) as External;
    this.next[word]++;
    input.skipBinding();
    this.description(word, writer);
    input.close();
  }

  /** What an import asks for. */
  private description(word: External, writer: Writer): void {
    const { input } = this;
    writer.u8(EXTERNAL_WORDS.indexOf(word));
    switch (word) {
      case 'func':
        writer.u32(this.definitions.use(input, new Locals()));
        break;
      case 'tag':
        writer.u8(0);
        writer.u32(this.definitions.use(input, new Locals()));
        break;
      case 'table': {
        const limits = new Writer(16);
        this.limits(this.addressType(), limits);
        writeValType(writer, refType(input, this.names.spaces.type));
        writer.append(limits);
        break;
      }
      case 'memory':
        this.limits(this.addressType(), writer, true);
        break;
      case 'global':
        this.globalType(writer);
    }
  }

  private globalType(writer: Writer): void {
    const { type, mutable } = this.global();
    writeValType(writer, type);
    writer.u8(mutable ? 1 : 0);
  }

  private global(): { readonly type: ValType; readonly mutable: boolean } {
    const { input } = this;
    const { type } = this.names.spaces;
    if (!input.opens('mut')) return { type: valType(input, type), mutable: false };
    input.open('mut');
    const global = { type: valType(input, type), mutable: true };
    input.close();
    return global;
  }

  private exported(place: number): void {
    const { input } = this;
    const writer = this.item('export', place);
    writer.name(input.name());
    const word = EXTERNAL_WORDS.find((external) => input.tryOpen(external)) ?? input.expected('what is exported');
    writer.u8(EXTERNAL_WORDS.indexOf(word));
    writer.u32(this.names.spaces[word].index(input));
    input.close();
  }

  /** What can be imported and exported in place. */
  private *external(word: External, place: number, pace: Pace): Steps<void> {
    const { input } = this;
    const index = this.next[word]++;
    input.skipBinding();
    while (input.opens('export')) {
      const writer = this.item('export', input.start);
      input.open('export');
      writer.name(input.name());
      writer.u8(EXTERNAL_WORDS.indexOf(word));
      writer.u32(index);
      input.close();
    }
    if (input.tryOpen('import')) {
      const writer = this.item('import', place);
      writer.name(input.name());
      writer.name(input.name());
      input.close();
      this.description(word, writer);
      return;
    }
    switch (word) {
      case 'func':
        yield* this.function(index, place, pace);
        break;
      case 'table':
        this.table(index, place);
        break;
      case 'memory':
        this.memory(index, place);
        break;
      case 'global':
        this.globalType(this.item('global', place));
        this.expression(this.sections.global);
        break;
      case 'tag': {
        const writer = this.item('tag', place);
        writer.u8(0);
        writer.u32(this.definitions.use(input, new Locals()));
      }
    }
  }

  private *function(index: number, place: number, pace: Pace): Steps<void> {
    const { input, names, body } = this;
    const locals = new Locals();
    this.item('func', place).u32(this.definitions.use(input, locals));
    const { code } = this;
    this.locals(locals.space, code);
    body.code = code;
    body.marks = this.isMarked ? new Marks() : undefined;
    body.hints = [];
    body.labels.clear();
    body.immediates.locals = locals.space;
    while (body.step()) if (pace.isDue(input.start)) yield;
    body.end();
    body.immediates.locals = undefined;
    names.locals.addMap(index, locals.space.names);
    names.labels.addMap(index, body.labels.names);
    this.recordHints(index);
    const writer = this.item('code', place);
    writer.u32(code.length);
    if (body.marks !== undefined) this.sections.code.marks.append(body.marks, writer.length);
    writer.append(code);
  }

  private locals(space: Space, code: Writer): void {
    const { input } = this;
    const { runs } = this;
    let count = 0;
    let length = 0;
    let last: ValType | undefined;
    const flush = () => {
      if (length === 0) return;
      count++;
      runs.u32(length);
      writeValType(runs, last as ValType);
    };
    while (input.tryOpen('local')) {
      const isNamed = input.kind === TOKEN.identifier || input.kind === TOKEN.annotation;
      do {
        if (input.kind === TOKEN.close && !isNamed) break;
        space.declare(input);
        const type = valType(input, this.names.spaces.type);
        if (type !== last) {
          flush();
          length = 0;
          last = type;
        }
        length++;
      } while (!isNamed);
      input.close();
    }
    flush();
    code.u32(count);
    code.append(runs);
  }

  private recordHints(index: number): void {
    const { hints, body } = this;
    if (body.hints.length === 0) return;
    this.hintedFunctions++;
    hints.u32(index);
    hints.u32(body.hints.length / 2);
    for (let i = 0; i < body.hints.length; i += 2) {
      hints.u32(body.hints[i] as number);
      hints.u32(1);
      hints.u8(body.hints[i + 1] as number);
    }
  }
}
