/**
 * What a module may have millions of, in two or three bytes each: function bodies, segments, custom sections, constant
 * expressions. They are kept as a few numbers, and made into objects when somebody asks.
 */

import { InstructionReader } from './instructions.ts';
import { resized } from './ints.ts';
import { List } from './list.ts';
import { Reader } from './reader.ts';
import type {
  ConstExpr,
  CustomSection,
  DataSegment,
  ElementSegment,
  FunctionBody,
  LocalRun,
  RefType,
  SegmentMode,
  Span,
} from './types.ts';
import { nonNull } from './types.ts';
import { encodeUtf8 } from './utf8.ts';

/** The bytes of a module, which move while they arrive. */
export interface Source {
  bytes: Uint8Array;
}

const NOTHING = new Int32Array(0);

/** Rows of a fixed number of 32-bit words. */
export class Rows {
  words: Int32Array;
  length = 0;
  private readonly width: number;

  constructor(width: number) {
    this.width = width;
    this.words = NOTHING;
  }

  /** Makes room for `count` rows more. */
  reserve(count: number): void {
    this.resize((this.length + count) * this.width);
  }

  /** Adds a row; returns where its words begin. */
  push(): number {
    const at = this.length * this.width;
    if (at === this.words.length) this.resize(Math.max(4 * this.width, 2 * at));
    this.length++;
    return at;
  }

  /** Gives back what was not needed. */
  trim(): void {
    const used = this.length * this.width;
    if (used < this.words.length) this.words = this.words.slice(0, used);
  }

  at(index: number): number {
    if (!(index >= 0 && index < this.length)) throw new RangeError(`no item ${index} among ${this.length}`);
    return index * this.width;
  }

  private resize(words: number): void {
    this.words = resized(this.words, words);
  }
}

export abstract class RowList<T> extends List<T> {
  protected readonly rows: Rows;

  constructor(width: number) {
    super();
    this.rows = new Rows(width);
  }

  get length(): number {
    return this.rows.length;
  }

  /** Makes room for `count` items more, or for as many as there can be. */
  reserve(count: number, most: number): void {
    this.rows.reserve(Math.min(count, Math.floor(most)));
  }

  trim(): void {
    this.rows.trim();
  }

  /** Bytes that it takes. */
  get byteLength(): number {
    return this.rows.words.byteLength;
  }
}

export class ConstExprs extends RowList<ConstExpr> {
  constructor() {
    super(2);
  }

  push({ start, end }: ConstExpr): void {
    const { rows } = this;
    const at = rows.push();
    rows.words[at] = start;
    rows.words[at + 1] = end;
  }

  at(index: number): ConstExpr {
    return spanAt(this.rows.words, this.rows.at(index));
  }
}

function spanAt(words: Int32Array, at: number): Span {
  return { start: words[at] as number, end: words[at + 1] as number };
}

const NO_LOCALS: readonly LocalRun[] = [];

class Body implements FunctionBody {
  readonly start: number;
  readonly end: number;
  readonly codeStart: number;
  readonly localCount: number;
  readonly maxHeight: number;
  private runs: readonly LocalRun[] | undefined;
  private readonly source: Source;

  constructor(source: Source, words: Int32Array, at: number) {
    this.source = source;
    this.start = words[at] as number;
    this.end = words[at + 1] as number;
    this.codeStart = words[at + 2] as number;
    this.localCount = words[at + 3] as number;
    this.maxHeight = words[at + 4] as number;
  }

  get locals(): readonly LocalRun[] {
    // So it is for most, when there are very many.
    if (this.localCount === 0) return NO_LOCALS;
    this.runs ??= this.readLocals();
    return this.runs;
  }

  private readLocals(): readonly LocalRun[] {
    const runs: LocalRun[] = [];
    const reader = new InstructionReader(this.source.bytes, this.start, this.codeStart);
    reader.u32();
    while (reader.pos < this.codeStart) {
      const count = reader.u32();
      const type = reader.valType();
      const last = runs.at(-1);
      if (last?.type === type) runs[runs.length - 1] = { count: last.count + count, type };
      else if (count > 0) runs.push({ count, type });
    }
    return runs;
  }
}

export class FunctionBodies extends RowList<FunctionBody> {
  private readonly source: Source;

  constructor(source: Source) {
    super(5);
    this.source = source;
  }

  push(start: number, end: number, codeStart: number, localCount: number, maxHeight: number): void {
    const { rows } = this;
    const at = rows.push();
    const { words } = rows;
    words[at] = start;
    words[at + 1] = end;
    words[at + 2] = codeStart;
    words[at + 3] = localCount;
    words[at + 4] = maxHeight;
  }

  at(index: number): FunctionBody {
    return new Body(this.source, this.rows.words, this.rows.at(index));
  }

  /** What they take together, in bytes: they stand one behind the other. */
  get bytes(): number {
    return this.length === 0 ? 0 : this.at(this.length - 1).end - this.at(0).start;
  }
}

/** Of a segment that is not active, in place of the index of its table or memory. */
const PASSIVE = -1;
const DECLARATIVE = -2;

/** Segments: the first three words of a row are the index of the table or memory, and the span of the offset. */
abstract class Segments<T> extends RowList<T> {
  protected pushMode(mode: SegmentMode): number {
    const { rows } = this;
    const at = rows.push();
    const { words } = rows;
    if (mode.mode === 'active') {
      words[at] = mode.index;
      words[at + 1] = mode.offset.start;
      words[at + 2] = mode.offset.end;
    } else words[at] = mode.mode === 'passive' ? PASSIVE : DECLARATIVE;
    return at;
  }

  mode(index: number): SegmentMode['mode'] {
    const place = this.place(index);
    return place >= 0 ? 'active' : place === PASSIVE ? 'passive' : 'declarative';
  }

  /** Index of the table or memory of an active segment. */
  place(index: number): number {
    return this.rows.words[this.rows.at(index)] as number;
  }

  /** Of an active segment. */
  offset(index: number): ConstExpr {
    return spanAt(this.rows.words, this.rows.at(index) + 1);
  }

  /** What more there is of a segment, and its mode, added to it: to spread objects takes many times as long. */
  protected withMode<Rest extends object>(index: number, rest: Rest): SegmentMode & Rest {
    const mode = this.mode(index);
    const found = rest as Rest & { mode: SegmentMode['mode']; index?: number; offset?: ConstExpr };
    found.mode = mode;
    if (mode === 'active') {
      found.index = this.place(index);
      found.offset = this.offset(index);
    }
    return found as SegmentMode & Rest;
  }
}

/** Constant expressions one right behind the other. */
class Expressions extends List<ConstExpr> {
  readonly length: number;
  private readonly starts: Int32Array;

  /** @param starts where each begins, and where the last one ends */
  constructor(starts: Int32Array) {
    super();
    this.starts = starts;
    this.length = starts.length - 1;
  }

  at(index: number): ConstExpr {
    return spanAt(this.starts, index);
  }
}

export class ElementSegments extends Segments<ElementSegment> {
  /** Of all segments: function indices; of expressions where each begins, and where the last one ends. */
  private items = new Int32Array(0);
  private used = 0;

  constructor() {
    super(6);
  }

  override trim(): void {
    super.trim();
    this.items = this.items.slice(0, this.used);
  }

  override get byteLength(): number {
    return super.byteLength + this.items.byteLength;
  }

  /** Adds a segment; its items follow, by {@link item}. */
  push(mode: SegmentMode, type: RefType, areExpressions: boolean, count: number): void {
    const at = this.pushMode(mode);
    const { words } = this.rows;
    words[at + 3] = type;
    words[at + 4] = this.used;
    words[at + 5] = 2 * count + (areExpressions ? 1 : 0);
  }

  /** @param item a function's index, or where an expression begins, and after all of them where the last one ends */
  item(item: number): void {
    if (this.used === this.items.length) {
      const grown = new Int32Array(Math.max(64, 2 * this.used));
      grown.set(this.items);
      this.items = grown;
    }
    this.items[this.used++] = item;
  }

  at(index: number): ElementSegment {
    const { rows, items } = this;
    const first = rows.words[rows.at(index) + 4] as number;
    const count = this.count(index);
    return this.withMode(index, {
      type: rows.words[rows.at(index) + 3] as number,
      items: this.areExpressions(index)
        ? new Expressions(items.subarray(first, first + count + 1))
        : items.subarray(first, first + count),
    });
  }

  /** A segment without its items. */
  headAt(index: number): SegmentMode & { readonly type: RefType } {
    return this.withMode(index, { type: this.rows.words[this.rows.at(index) + 3] as number });
  }

  /** How many items a segment has. */
  count(index: number): number {
    return (this.rows.words[this.rows.at(index) + 5] as number) >> 1;
  }

  areExpressions(index: number): boolean {
    return ((this.rows.words[this.rows.at(index) + 5] as number) & 1) !== 0;
  }

  functionAt(index: number, item: number): number {
    return this.items[(this.rows.words[this.rows.at(index) + 4] as number) + item] as number;
  }

  expressionAt(index: number, item: number): ConstExpr {
    return spanAt(this.items, (this.rows.words[this.rows.at(index) + 4] as number) + item);
  }

  /** Type of a segment: no function that is named is null. Undefined where there is no such segment. */
  preciseType(index: number): RefType | undefined {
    if (index >= this.length) return undefined;
    const type = this.rows.words[this.rows.at(index) + 3] as number;
    return this.areExpressions(index) ? type : nonNull(type);
  }
}

export class DataSegments extends Segments<DataSegment> {
  constructor() {
    super(5);
  }

  push(mode: SegmentMode, start: number, end: number): void {
    const at = this.pushMode(mode);
    const { words } = this.rows;
    words[at + 3] = start;
    words[at + 4] = end;
  }

  at(index: number): DataSegment {
    return this.withMode(index, { bytes: this.bytesOf(index) });
  }

  /** The bytes that a segment has in the module. */
  bytesOf(index: number): Span {
    return spanAt(this.rows.words, this.rows.at(index) + 3);
  }
}

const NAME = encodeUtf8('name');

export class CustomSections extends RowList<CustomSection> {
  private readonly source: Source;
  private first = -1;

  constructor(source: Source) {
    super(3);
    this.source = source;
  }

  /** The first that is called `name`; undefined where there is none. */
  get names(): CustomSection | undefined {
    return this.first < 0 ? undefined : this.at(this.first);
  }

  /** @param name where its name begins, with its length */
  push(name: number, start: number, end: number): void {
    const { rows } = this;
    if (this.first < 0 && this.isCalled(NAME, name, start)) this.first = this.length;
    const at = rows.push();
    const { words } = rows;
    words[at] = name;
    words[at + 1] = start;
    words[at + 2] = end;
  }

  at(index: number): CustomSection {
    const { rows } = this;
    const at = rows.at(index);
    const { words } = rows;
    const bytes = spanAt(words, at + 1);
    return { name: new Reader(this.source.bytes, words[at] as number, bytes.start).name(), bytes };
  }

  /** Those of one name, in order. */
  *named(name: string): Generator<CustomSection> {
    const wanted = encodeUtf8(name);
    const { words } = this.rows;
    for (let i = 0; i < this.length; i++) {
      const at = this.rows.at(i);
      if (this.isCalled(wanted, words[at] as number, words[at + 1] as number)) yield this.at(i);
    }
  }

  private isCalled(wanted: Uint8Array, name: number, start: number): boolean {
    const { bytes } = this.source;
    const first = start - wanted.length;
    if (first <= name) return false;
    for (let i = 0; i < wanted.length; i++) if (bytes[first + i] !== wanted[i]) return false;
    const reader = new Reader(bytes, name);
    return reader.u32() === wanted.length && reader.pos === first;
  }
}
