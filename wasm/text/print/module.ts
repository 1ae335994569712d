/** A module in the binary format to one in the text format. */

import { decode } from '../../decode.ts';
import { HAS_MAX, IS_64, IS_SHARED, WITH_INIT } from '../../encoding.ts';
import { InstructionReader } from '../../instructions.ts';
import { functionTypeAt, type WasmModule } from '../../module.ts';
import { OPENS } from '../../opcodes.ts';
import { FUNCREF, type ValType } from '../../types.ts';
import type { Signature } from '../definitions.ts';
import { EXTERNAL_WORDS, LOCALS, type SectionWord, type SpaceWord } from '../spaces.ts';
import { type CodeOptions, CodePrinter, type Hints } from './body.ts';
import { Identifiers } from './identifiers.ts';
import { exact } from './immediates.ts';
import { identifier, nameString } from './literals.ts';
import { type Extents, readNames } from './name-section.ts';
import { TextOut } from './out.ts';
import { Scope } from './scope.ts';
import {
  BRANCH_HINTS,
  branchHints,
  type CustomSection,
  type ModuleSections,
  nameSection,
  sectionsOf,
} from './sections.ts';
import { TypePrinter } from './types.ts';

type External = (typeof EXTERNAL_WORDS)[number];

export class ModulePrinter {
  private readonly module: WasmModule;
  private readonly sections: ModuleSections;
  /** What becomes names. */
  private readonly nameSection: CustomSection | undefined;
  private readonly scope: Scope;
  private readonly hints: ReadonlyMap<number, Hints> | undefined;
  private readonly out = new TextOut();
  private readonly code: CodePrinter;
  private readonly reader: InstructionReader;
  /** Indices that have been given away. */
  private readonly next: Record<External, number> = { func: 0, table: 0, memory: 0, global: 0, tag: 0 };

  /** @throws CompileError where the module is not valid */
  constructor(bytes: Uint8Array, options: CodeOptions) {
    const module = decode(bytes);
    this.module = module;
    this.reader = new InstructionReader(module.bytes);
    this.sections = sectionsOf(module.bytes);
    const section = nameSection(this.sections) ?? this.sections.custom.find(({ name }) => name === 'name');
    const names = readNames(section?.content, extentsOf(module));
    const isExact = names.isCanonical && section === nameSection(this.sections);
    this.nameSection = isExact ? section : undefined;
    this.scope = new Scope(module, { ...names, isCanonical: isExact });
    this.hints = branchHints(this.sections, module);
    this.code = new CodePrinter(this.scope, this.out, options);
  }

  print(): string {
    const { out, scope } = this;
    const { module: name } = scope.names;
    out.add(name === undefined || this.nameSection === undefined ? '(module' : `(module${moduleName(name)}`);
    this.at('type', (reader) => new TypePrinter(scope, out, reader).print(1));
    this.at('import', (reader) => this.imports(reader));
    for (let i = 0; i < this.module.bodies.length; i++) this.function(i, 1);
    this.items('table', () => this.table());
    this.items('memory', () => this.ended('memory', this.limits()));
    this.items('tag', () => this.tag());
    this.items('global', () => this.global());
    this.exports();
    const { start } = this.module;
    if (start !== undefined) out.line(1, `(start ${scope.spaces.func.use(start)})`);
    this.elements();
    this.data();
    this.customs();
    out.add(')\n');
    return out.take();
  }

  /** One function of the module's own. */
  printFunction(index: number): string {
    // Its type has to be known.
    this.at('type', (reader) => new TypePrinter(this.scope, new TextOut(), reader).print(0));
    this.function(index - this.module.importedFunctions, 0);
    return `${this.out.take().trimStart()}\n`;
  }

  /** The function of a name or export, or of an index; undefined where there is none. */
  find(wanted: string | number): number | undefined {
    const { module, scope } = this;
    if (typeof wanted === 'number') return wanted < module.functions.length ? wanted : undefined;
    for (const [index, name] of scope.names.spaces.func) if (name === wanted) return index;
    const exported = module.exportsByName.get(wanted);
    if (exported?.kind === 'function') return exported.index;
    const index = module.functions.findIndex((_, i) => scope.spaces.func.use(i) === `$${wanted.replace(/^\$/, '')}`);
    return index < 0 ? undefined : index;
  }

  get importedFunctions(): number {
    return this.module.importedFunctions;
  }

  private at(word: SectionWord, print: (reader: InstructionReader) => void): void {
    const span = this.sections.known.get(word);
    if (span === undefined) return;
    this.reader.pos = span.start;
    this.reader.end = span.end;
    print(this.reader);
  }

  private items(word: SectionWord, print: () => void): void {
    this.at(word, (reader) => {
      for (let count = reader.u32(); count > 0; count--) print();
    });
  }

  /** Begins the declaration of the next thing of a kind. */
  private begin(word: External, depth = 1): void {
    this.out.line(depth, this.declaration(word));
  }

  private declaration(word: External): string {
    return `(${word}${this.scope.spaces[word].declare(this.next[word]++)}`;
  }

  private ended(word: External, text: string): void {
    this.begin(word);
    this.out.add(`${text})`);
  }

  private imports(reader: InstructionReader): void {
    for (let count = reader.u32(); count > 0; count--) {
      this.out.line(1, `(import ${nameString(reader.name())} ${nameString(reader.name())} `);
      const word = EXTERNAL_WORDS[reader.u8()] as External;
      this.out.add(this.declaration(word));
      this.out.add(`${this.description(word)}))`);
    }
  }

  /** The type of an import, with a space before. */
  private description(word: External): string {
    const { reader } = this;
    switch (word) {
      case 'func':
        return this.scope.typeUse(reader.u32());
      case 'table':
        return this.tableType();
      case 'memory':
        return this.limits();
      case 'global':
        return this.globalType();
      case 'tag':
        reader.u8();
        return this.scope.typeUse(reader.u32());
    }
  }

  private limits(): string {
    const { reader } = this;
    const flags = reader.u8();
    const min = exact(reader);
    const max = flags & HAS_MAX ? ` ${exact(reader)}` : '';
    return `${flags & IS_64 ? ' i64' : ''} ${min}${max}${flags & IS_SHARED ? ' shared' : ''}`;
  }

  private tableType(): string {
    const type = this.scope.type(this.reader.refType());
    return `${this.limits()} ${type}`;
  }

  private globalType(): string {
    const { reader, scope } = this;
    const type = scope.type(reader.valType());
    return reader.u8() === 1 ? ` (mut ${type})` : ` ${type}`;
  }

  private function(own: number, depth: number): void {
    const { module, scope, out } = this;
    const index = module.importedFunctions + own;
    const body = module.bodies.at(own);
    const typeIndex = module.functions[index] as number;
    const { params, results } = scope.signatures[typeIndex] as Signature;
    const locals = new Identifiers(LOCALS, scope.names.locals.get(index) ?? new Map(), scope.names.isCanonical);
    const declared = (word: string, at: number, type: ValType) => `(${word}${locals.declare(at)} ${scope.type(type)})`;
    out.line(depth, `(func${scope.spaces.func.declare(index)} (type ${scope.spaces.type.use(typeIndex)})`);
    params.forEach((type, at) => {
      out.add(` ${declared('param', at, type)}`);
    });
    out.add(scope.list('result', results));
    let at = params.length;
    for (const { count, type } of body.locals) {
      out.line(depth + 1, '');
      for (let i = 0; i < count; i++) out.add(`${i === 0 ? '' : ' '}${declared('local', at++, type)}`);
    }
    this.code.print(body.codeStart, depth + 1, index, locals, this.hints?.get(index));
    out.add(')');
  }

  private table(): void {
    const { reader, out } = this;
    const hasInit = reader.bytes[reader.pos] === WITH_INIT;
    if (hasInit) reader.pos += 2;
    this.begin('table');
    out.add(this.tableType());
    if (hasInit) reader.pos = this.code.printConstant(reader.pos);
    out.add(')');
  }

  private tag(): void {
    this.reader.u8();
    this.ended('tag', this.scope.typeUse(this.reader.u32()));
  }

  private global(): void {
    const { reader, out } = this;
    this.begin('global');
    out.add(this.globalType());
    reader.pos = this.code.printConstant(reader.pos);
    out.add(')');
  }

  private exports(): void {
    const words = { function: 'func', table: 'table', memory: 'memory', global: 'global', tag: 'tag' } as const;
    for (const { name, kind, index } of this.module.exports) {
      const word = words[kind];
      this.out.line(1, `(export ${nameString(name)} (${word} ${this.scope.spaces[word].use(index)}))`);
    }
  }

  /** Begins a segment, up to where an active one goes. */
  private segment(word: 'elem' | 'data', index: number, isDeclared: boolean, place: Place | undefined): void {
    const { out, scope } = this;
    out.line(1, `(${word}${scope.spaces[word].declare(index)}`);
    if (isDeclared) out.add(' declare');
    if (place === undefined) return;
    const { space, at, offset } = place;
    if (at > 0) out.add(` (${space} ${scope.spaces[space].use(at)})`);
    this.code.printConstant(offset, 'offset');
  }

  private elements(): void {
    const { module, scope, out, code } = this;
    const { elements } = module;
    for (let i = 0; i < elements.length; i++) {
      const head = elements.headAt(i);
      const place = head.mode === 'active' ? { space: 'table', at: head.index, offset: head.offset.start } : undefined;
      this.segment('elem', i, head.mode === 'declarative', place as Place | undefined);
      const count = elements.count(i);
      if (!elements.areExpressions(i)) {
        out.add(' func');
        for (let item = 0; item < count; item++) out.add(` ${scope.spaces.func.use(elements.functionAt(i, item))}`);
      } else {
        out.add(` ${head.type === FUNCREF ? 'funcref' : scope.type(head.type)}`);
        for (let item = 0; item < count; item++) code.printConstant(elements.expressionAt(i, item).start, 'item');
      }
      out.add(')');
    }
  }

  private data(): void {
    const { module, out } = this;
    const { data, bytes } = module;
    for (let i = 0; i < data.length; i++) {
      const segment = data.at(i);
      const place =
        segment.mode === 'active' ? { space: 'memory', at: segment.index, offset: segment.offset.start } : undefined;
      this.segment('data', i, false, place as Place | undefined);
      out.strings(bytes.subarray(segment.bytes.start, segment.bytes.end), 2);
      out.add(')');
    }
  }

  private customs(): void {
    const { custom } = this.sections;
    let isBehindNames = false;
    for (const section of custom) {
      const { name, content, after } = section;
      if (section === this.nameSection) isBehindNames = true;
      else if (this.hints === undefined || name !== BRANCH_HINTS) {
        const place = isBehindNames ? 'after last' : after === undefined ? 'before first' : `after ${after}`;
        this.out.line(1, `(@custom ${nameString(name)} (${place})`);
        this.out.strings(content, 2);
        this.out.add(')');
      }
    }
  }
}

/** An identifier where that says the name, with a space before. */
function moduleName(name: string): string {
  return name === '' ? ' (@name "")' : ` ${identifier(name)}`;
}

/** Where an active segment goes. */
interface Place {
  readonly space: SpaceWord;
  readonly at: number;
  readonly offset: number;
}

function extentsOf(module: WasmModule): Extents {
  const { types, functions, tables, memories, tags, globals, elements, data, bodies, importedFunctions } = module;
  const bodyOf = (index: number) => (index < importedFunctions ? undefined : bodies.at(index - importedFunctions));
  return {
    spaces: {
      type: types.length,
      func: functions.length,
      table: tables.length,
      memory: memories.length,
      tag: tags.length,
      global: globals.length,
      elem: elements.length,
      data: data.length,
    },
    locals: (index) => {
      const body = bodyOf(index);
      // Those of imported functions have no place in a text.
      return body === undefined
        ? 0
        : functionTypeAt(module, functions[index] as number).params.length + body.localCount;
    },
    fields: (index) => {
      const type = types[index];
      return type?.kind === 'struct' ? type.fields.length : 0;
    },
    labels: (index) => {
      const body = bodyOf(index);
      return body === undefined ? 0 : constructs(new InstructionReader(module.bytes, body.codeStart, body.end));
    },
  };
}

function constructs(reader: InstructionReader): number {
  let count = 0;
  while (reader.pos < reader.end) {
    if (OPENS[reader.next()]) count++;
  }
  return count;
}
