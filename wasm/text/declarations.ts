/** The first walk over a module: gives every identifier its index, so that any place may name what stands behind it. */

import { Pace, type Steps } from '../steps.ts';
import type { Input } from './input.ts';
import { TOKEN } from './lexer.ts';
import type { Names, Space } from './names.ts';
import { EXTERNAL_WORDS, type SpaceWord } from './spaces.ts';

/** What can be imported. */
const ONE_OF = `(${EXTERNAL_WORDS.join(' …), (')} …)`;

export class Declarations {
  /** Where fields are that declare types. */
  readonly types: number[] = [];
  /** Where the fields begin, and the token behind them. */
  first = 0;
  private readonly input: Input;
  private readonly names: Names;
  /** What was declared here first, behind which there are no imports. */
  private own: SpaceWord | undefined;

  constructor(input: Input, names: Names) {
    this.input = input;
    this.names = names;
  }

  /** From the parenthesis of the module, or from its first field where it has none, to its end. */
  *read(): Steps<void> {
    const { input } = this;
    const start = input.start;
    const pace = new Pace(start);
    const isWrapped = input.tryOpen('module');
    if (isWrapped) {
      const identifier = input.tryIdentifier();
      this.names.module = input.nameAnnotation() ?? identifier;
    }
    this.first = input.start;
    while (input.kind === TOKEN.open || input.kind === TOKEN.annotation) {
      if (pace.isDue(input.start)) yield;
      this.field();
    }
    if (isWrapped) {
      if (input.kind === TOKEN.end) input.fail('this parenthesis is never closed', start, start + 1);
      input.close();
    }
    if (input.kind !== TOKEN.end) input.expected(isWrapped ? 'the end of the text' : 'a field of a module');
  }

  private field(): void {
    const { input } = this;
    const { start } = input;
    if (input.kind === TOKEN.annotation) {
      if (input.annotation === 'name' && this.names.module !== undefined) {
        input.fail('@name annotation: multiple module names');
      }
      if (input.annotation !== 'custom') input.expected('a field of a module');
      input.skipList();
      return;
    }
    input.advance();
    if (input.kind !== TOKEN.word) input.expected('a field of a module');
    const word = input.text;
    input.advance();
    switch (word) {
      case 'type':
        this.types.push(start);
        this.declare('type');
        break;
      case 'rec':
        this.types.push(start);
        this.group();
        break;
      case 'import':
        this.imports(start);
        break;
      case 'func':
      case 'table':
      case 'memory':
      case 'global':
      case 'tag':
        this.external(word, start);
        break;
      case 'elem':
      case 'data':
        this.declare(word);
        break;
      case 'export':
      case 'start':
        break;
      default:
        input.unknown(
          `unexpected token: a field of a module expected (type, rec, import, func, table, memory, global, tag, export, start, elem, data)`,
          start + 1,
          input.start,
        );
    }
    input.skipRest(start);
  }

  private declare(word: SpaceWord): void {
    this.names.spaces[word].declare(this.input);
  }

  private group(): void {
    const { input } = this;
    while (input.opens('type')) {
      const { start } = input;
      input.open('type');
      this.declare('type');
      input.skipRest(start);
    }
  }

  private imports(start: number): void {
    const { input } = this;
    this.imported(start);
    input.bytes();
    input.bytes();
    const word = EXTERNAL_WORDS.find((external) => input.opens(external)) ?? input.expected(ONE_OF);
    const { start: opened } = input;
    input.open(word);
    this.declare(word);
    input.skipRest(opened);
  }

  private imported(start: number): void {
    if (this.own !== undefined) {
      this.input.fail(`import after ${this.own}: imports come before everything else that has an index`, start);
    }
  }

  /** What can be imported and exported in place, and have a segment in place. */
  private external(word: (typeof EXTERNAL_WORDS)[number], start: number): void {
    const { input } = this;
    this.declare(word);
    while (input.opens('export')) input.skipList();
    if (input.opens('import')) {
      this.imported(start);
      return;
    }
    this.own ??= word;
    const { elem, data } = this.names.spaces;
    if (word === 'memory') this.inPlace('data', data);
    else if (word === 'table') this.inPlace('elem', elem);
  }

  /** A segment behind what says the type, which is made of words and one list at most. */
  private inPlace(segment: string, space: Space): void {
    const { input } = this;
    while (input.kind === TOKEN.word) input.advance();
    if (input.opens('ref')) input.skipList();
    if (input.opens(segment)) space.length++;
  }
}
