/**
 * Whether bytes are an IPC stream of Apache Arrow, looked at before the package for it reads them: it takes what is cut off for a
 * shorter table, lengths as they are said to be, and offsets for places that there are.
 * https://arrow.apache.org/docs/format/Columnar.html, and the FlatBuffers of its Message.fbs and Schema.fbs.
 */

const CONTINUATION = 0xffff_ffff;
const MOST_DEPTH = 64;
/** Rows of columns that take no bytes, of nulls for example, in all of a stream. */
const MOST_FREE_ROWS = 2 ** 22;

const HEADER = { schema: 1, dictionary: 2, batch: 3 } as const;

/** How the values of a column lie in its buffers, behind one that says which are null. */
interface Column {
  readonly kind: 'none' | 'bits' | 'fixed' | 'text' | 'list' | 'fixedList' | 'struct' | 'sparse' | 'dense';
  /** Bytes of a value, or of an offset; elements of a list of fixed size. */
  readonly width: number;
  readonly children: readonly Column[];
}

/** What is known of a type by its number alone, the width where it is the same for all. */
const KINDS: Readonly<Record<number, readonly [kind: Column['kind'], width: number | ((type: Table) => number)]>> = {
  1: ['none', 0],
  2: ['fixed', (type) => bytesOf(type.i32(0), [8, 16, 32, 64])],
  3: ['fixed', (type) => [2, 4, 8][type.i16(0)] ?? damaged('a type')],
  4: ['text', 4],
  5: ['text', 4],
  6: ['bits', 0],
  7: ['fixed', (type) => bytesOf(type.i32(2, 128), [32, 64, 128, 256])],
  8: ['fixed', (type) => [4, 8][type.i16(0, 1)] ?? damaged('a type')],
  9: ['fixed', (type) => bytesOf(type.i32(1, 32), [32, 64])],
  10: ['fixed', 8],
  11: ['fixed', (type) => [4, 8, 16][type.i16(0)] ?? damaged('a type')],
  12: ['list', 4],
  13: ['struct', 0],
  15: ['fixed', (type) => atLeastZero(type.i32(0))],
  16: ['fixedList', (type) => atLeastZero(type.i32(0))],
  17: ['list', 4],
  18: ['fixed', 8],
  19: ['text', 8],
  20: ['text', 8],
  21: ['list', 8],
};
const UNION = 14;
const TIMESTAMP = 10;
const SPARSE = 0;

/** @throws SyntaxError */
function damaged(what: string): never {
  throw new SyntaxError(`its metadata is damaged: ${what} is none that there is`);
}

function bytesOf(bits: number, known: readonly number[]): number {
  return known.includes(bits) ? bits / 8 : damaged('the width of a number');
}

function atLeastZero(size: number): number {
  return size >= 0 ? size : damaged('the size of a value');
}

/** A place of a 64-bit number. */
function count(value: bigint, most: number): number {
  if (value < 0n || value > BigInt(most)) damaged('a length');
  return Number(value);
}

/** The metadata of one message. Tables may be shared, so that there could be more of them than bytes. */
class Metadata {
  readonly view: DataView;
  private left: number;

  constructor(view: DataView) {
    this.view = view;
    this.left = view.byteLength;
  }

  root(): Table {
    return this.table(this.view.getUint32(0, true));
  }

  table(at: number): Table {
    this.spend(4);
    return new Table(this, at);
  }

  spend(bytes: number): void {
    this.left -= bytes;
    if (this.left < 0) damaged('what it repeats');
  }
}

/** A table of FlatBuffers: fields by number, each perhaps absent. Reading outside of the metadata is a RangeError. */
class Table {
  private readonly of: Metadata;
  private readonly at: number;
  private readonly vtable: number;
  private readonly size: number;

  constructor(of: Metadata, at: number) {
    this.of = of;
    this.at = at;
    this.vtable = at - of.view.getInt32(at, true);
    this.size = of.view.getUint16(this.vtable, true);
  }

  private place(field: number): number | undefined {
    const entry = 4 + 2 * field;
    const offset = entry < this.size ? this.of.view.getUint16(this.vtable + entry, true) : 0;
    return offset === 0 ? undefined : this.at + offset;
  }

  private target(field: number): number | undefined {
    const place = this.place(field);
    return place === undefined ? undefined : place + this.of.view.getUint32(place, true);
  }

  u8(field: number): number {
    const place = this.place(field);
    return place === undefined ? 0 : this.of.view.getUint8(place);
  }

  i16(field: number, usual = 0): number {
    const place = this.place(field);
    return place === undefined ? usual : this.of.view.getInt16(place, true);
  }

  i32(field: number, usual = 0): number {
    const place = this.place(field);
    return place === undefined ? usual : this.of.view.getInt32(place, true);
  }

  i64(field: number): bigint {
    const place = this.place(field);
    return place === undefined ? 0n : this.of.view.getBigInt64(place, true);
  }

  table(field: number): Table | undefined {
    const at = this.target(field);
    return at === undefined ? undefined : this.of.table(at);
  }

  /** Where its elements begin, and how many there are, each of so many bytes. */
  private vector(field: number, size: number): { readonly from: number; readonly length: number } {
    const at = this.target(field);
    if (at === undefined) return { from: 0, length: 0 };
    const length = this.of.view.getUint32(at, true);
    if (length * size > this.of.view.byteLength - at - 4) damaged('a list');
    this.of.spend(length * size);
    return { from: at + 4, length };
  }

  /** A text or a list of numbers, which only has to be there. */
  expectList(field: number, size = 1): void {
    this.vector(field, size);
  }

  tables(field: number): Table[] {
    const { from, length } = this.vector(field, 4);
    return Array.from({ length }, (_, i) => {
      const at = from + 4 * i;
      return this.of.table(at + this.of.view.getUint32(at, true));
    });
  }

  /** Structs of two 64-bit numbers. */
  pairs(field: number): (readonly [bigint, bigint])[] {
    const { from, length } = this.vector(field, 16);
    const { view } = this.of;
    return Array.from({ length }, (_, i) => {
      const at = from + 16 * i;
      return [view.getBigInt64(at, true), view.getBigInt64(at + 8, true)] as const;
    });
  }

  /** Pairs of texts. */
  requireAnnotations(field: number): void {
    for (const pair of this.tables(field)) {
      pair.expectList(0);
      pair.expectList(1);
    }
  }
}

class Stream {
  private readonly bytes: Uint8Array;
  private columns: readonly Column[] | undefined;
  private readonly dictionaries = new Map<bigint, Column>();
  private freeRows = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  check(): void {
    const { bytes } = this;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let messages = 0;
    for (let at = 0; at < bytes.length; messages++) {
      if (bytes.length - at < 8) throw new SyntaxError('it is cut off');
      if (view.getUint32(at, true) !== CONTINUATION) throw new SyntaxError(`there is no message at byte ${at}`);
      const length = view.getUint32(at + 4, true);
      at += 8;
      if (length === 0) {
        if (at !== bytes.length) throw new SyntaxError(`${bytes.length - at} bytes are behind its end`);
        break;
      }
      if (length > bytes.length - at) throw new SyntaxError('it is cut off');
      const message = new Metadata(new DataView(bytes.buffer, bytes.byteOffset + at, length)).root();
      at += length;
      const body = message.i64(3);
      if (body < 0n || body > BigInt(bytes.length - at)) throw new SyntaxError('it is cut off');
      this.message(message, new DataView(bytes.buffer, bytes.byteOffset + at, Number(body)));
      at += Number(body);
    }
    if (messages === 0) throw new SyntaxError('it has no message');
    if (this.columns === undefined) throw new SyntaxError('it has no schema');
  }

  private message(message: Table, body: DataView): void {
    const kind = message.u8(1);
    const header = message.table(2);
    message.requireAnnotations(4);
    if (header === undefined) damaged('a message');
    if ((kind === HEADER.schema) !== (this.columns === undefined))
      throw new SyntaxError('its schema is not its beginning');
    if (kind === HEADER.schema) this.schema(header);
    else if (kind === HEADER.batch) this.batch(header, this.columns ?? [], body, message.i16(0));
    else if (kind === HEADER.dictionary) {
      const data = header.table(1);
      const values = this.dictionaries.get(header.i64(0));
      if (data === undefined || values === undefined) damaged('a dictionary');
      this.batch(data, [values], body, message.i16(0));
    } else damaged('a message');
  }

  private schema(schema: Table): void {
    if (schema.i16(0) !== 0) throw new SyntaxError('its numbers are big-endian');
    schema.requireAnnotations(2);
    this.columns = schema.tables(1).map((field) => this.column(field, 0));
  }

  private column(field: Table, depth: number): Column {
    if (depth > MOST_DEPTH) damaged('a type within others');
    field.expectList(0);
    field.requireAnnotations(6);
    const children = field.tables(5).map((child) => this.column(child, depth + 1));
    const values = columnOf(field, children);
    const dictionary = field.table(4);
    if (dictionary === undefined) return values;
    this.dictionaries.set(dictionary.i64(0), values);
    const index = dictionary.table(1);
    return { kind: 'fixed', width: index === undefined ? 4 : bytesOf(index.i32(0), [8, 16, 32, 64]), children: [] };
  }

  private batch(batch: Table, columns: readonly Column[], body: DataView, version: number): void {
    if (batch.table(3) !== undefined) throw new SyntaxError('it is compressed, which is not read');
    const rows = count(batch.i64(0), Number.MAX_SAFE_INTEGER);
    const reader = new Batch(batch, body, version, (free) => this.spendRows(free));
    if (columns.length === 0) this.spendRows(rows);
    for (const column of columns) reader.column(column, rows);
    reader.end();
  }

  private spendRows(rows: number): void {
    this.freeRows += rows;
    if (this.freeRows > MOST_FREE_ROWS) {
      throw new SyntaxError(`it has more than ${MOST_FREE_ROWS} rows that take no bytes`);
    }
  }
}

function columnOf(field: Table, children: readonly Column[]): Column {
  const number = field.u8(2);
  const type = field.table(3);
  if (type === undefined) damaged('a type');
  if (number === UNION) {
    type.expectList(1, 4);
    return { kind: type.i16(0) === SPARSE ? 'sparse' : 'dense', width: 0, children };
  }
  if (number === TIMESTAMP) type.expectList(1);
  const known = KINDS[number];
  if (known === undefined) throw new SyntaxError(`it has a type that is not read, of number ${number}`);
  const [kind, width] = known;
  const isNested = kind === 'list' || kind === 'fixedList' || kind === 'struct';
  if (!isNested && children.length > 0) damaged('a type');
  if ((kind === 'list' || kind === 'fixedList') && children.length !== 1) damaged('a list');
  return { kind, width: typeof width === 'number' ? width : width(type), children };
}

/** One batch of rows: nodes and buffers, in the order of the columns. */
class Batch {
  private readonly nodes: readonly (readonly [bigint, bigint])[];
  private readonly buffers: readonly (readonly [bigint, bigint])[];
  private readonly body: DataView;
  private readonly hasOldUnions: boolean;
  private readonly free: (rows: number) => void;
  private node = 0;
  private buffer = 0;

  constructor(batch: Table, body: DataView, version: number, free: (rows: number) => void) {
    this.nodes = batch.pairs(1);
    this.buffers = batch.pairs(2);
    this.body = body;
    // Before version 5 of the metadata, which is numbered 4, unions could be null.
    this.hasOldUnions = version < 4;
    this.free = free;
  }

  /** @returns how many values it has, at least `least` @throws SyntaxError */
  column(column: Column, least: number): number {
    const [length, nulls] = this.nodes[this.node++] ?? damaged('a column');
    const rows = count(length, Number.MAX_SAFE_INTEGER);
    if (rows < least) damaged('the length of a column');
    const { kind, width, children } = column;
    const isUnion = kind === 'sparse' || kind === 'dense';
    if (kind !== 'none' && (!isUnion || this.hasOldUnions)) this.take(nulls > 0n ? Math.ceil(rows / 8) : 0);
    const takesNone = kind === 'none' || kind === 'struct' || (kind !== 'bits' && kind !== 'text' && width === 0);
    if (takesNone && !isUnion && kind !== 'list') this.free(rows);
    switch (kind) {
      case 'none':
        break;
      case 'bits':
        this.take(Math.ceil(rows / 8));
        break;
      case 'fixed':
        this.take(rows * width);
        break;
      case 'text': {
        const offsets = this.take(0);
        const { byteLength } = this.take(0);
        requireOffsets(offsets, rows, width, byteLength);
        break;
      }
      case 'list': {
        const offsets = this.take(0);
        requireOffsets(offsets, rows, width, this.column(children[0] as Column, 0));
        break;
      }
      case 'fixedList':
        this.column(children[0] as Column, rows * width);
        break;
      case 'struct':
        for (const child of children) this.column(child, rows);
        break;
      case 'sparse':
        this.take(rows);
        for (const child of children) this.column(child, rows);
        break;
      case 'dense': {
        this.take(rows);
        this.take(4 * rows);
        for (const child of children) this.column(child, 0);
        break;
      }
    }
    return rows;
  }

  /** The next buffer, of at least so many bytes. */
  private take(least: number): DataView {
    const [offset, length] = this.buffers[this.buffer++] ?? damaged('a buffer');
    const from = count(offset, this.body.byteLength);
    const bytes = count(length, this.body.byteLength - from);
    if (bytes < least) throw new SyntaxError('a column is cut off');
    return new DataView(this.body.buffer, this.body.byteOffset + from, bytes);
  }

  end(): void {
    if (this.node !== this.nodes.length || this.buffer !== this.buffers.length) damaged('the number of its columns');
  }
}

/** One more than there are rows, each at least the one before, none beyond the end. There may be none for no rows. */
function requireOffsets(offsets: DataView, rows: number, width: number, end: number): void {
  if (rows === 0 && offsets.byteLength < width) return;
  if (offsets.byteLength < (rows + 1) * width) throw new SyntaxError('a column is cut off');
  let before = 0;
  for (let i = 0; i <= rows; i++) {
    const offset = width === 4 ? offsets.getInt32(4 * i, true) : Number(offsets.getBigInt64(8 * i, true));
    if (offset < before || offset > end) throw new SyntaxError('a value lies outside of its column');
    before = offset;
  }
}

/** @throws SyntaxError where they are none that can be read as what they say */
export function requireStream(bytes: Uint8Array): void {
  try {
    new Stream(bytes).check();
  } catch (error) {
    // What reaches outside of the metadata.
    if (error instanceof RangeError) damaged('a place in it');
    throw error;
  }
}
