/**
 * Snapshots as trees of fields: read and written by what docs/snapshots.md and the code say of them, without the code, so
 * that a forger can change any field and write everything else as it was.
 */

import { layoutOf } from '../../interpreter/gc/layout.ts';
import { functionTypeAt, type WasmModule } from '../../wasm/module.ts';
import { type ArrayType, F64, I8, I16, I64, isReference, type StructType, V128 } from '../../wasm/types.ts';
import { WireReader, WireWriter } from '../../wasm/wire.ts';

export type LeafType = 'u8' | 'flag' | 'u32' | 'u64' | 'f64' | 'text' | 'bytes' | 'raw' | 'id';

export type Node =
  /** An `id` is an u32 that is the number of an object. */
  | { readonly kind: 'leaf'; readonly type: LeafType; value: number | bigint | string | Uint8Array }
  | { readonly kind: 'record'; readonly fields: [name: string, node: Node][] }
  /** `count` is written in the place of the true one, if it is given. */
  | { readonly kind: 'list'; items: Node[]; count: number | undefined; readonly isCounted: boolean }
  /** 32-bit words, of which `isIds` says whether they are numbers of objects. */
  | { readonly kind: 'words'; values: number[]; readonly isIds: boolean }
  | { readonly kind: 'option'; node: Node | undefined }
  /** Something that is written behind its length. */
  | { readonly kind: 'nested'; node: Node };

const leaf = (type: LeafType, value: number | bigint | string | Uint8Array): Node => ({ kind: 'leaf', type, value });
const record = (fields: Record<string, Node>): Node => ({ kind: 'record', fields: Object.entries(fields) });
const list = (items: Node[], isCounted = true): Node => ({ kind: 'list', items, count: undefined, isCounted });

/** Reads fields in the order in which they are asked for. */
class Fields {
  readonly from: WireReader;

  constructor(bytes: Uint8Array) {
    this.from = new WireReader(bytes);
  }

  u8 = () => leaf('u8', this.from.u8());
  flag = () => leaf('flag', this.from.u8());
  u32 = () => leaf('u32', this.from.u32());
  id = () => leaf('id', this.from.u32());
  u64 = () => leaf('u64', this.from.u64());
  f64 = () => leaf('f64', this.from.number());
  text = () => leaf('text', this.from.text());
  bytes = () => leaf('bytes', this.from.bytesOf().slice());
  raw = (count: number) => leaf('raw', this.from.raw(count).slice());
  words = (isIds = false): Node => ({ kind: 'words', values: [...this.from.words()], isIds });
  list = (item: () => Node) => list(Array.from({ length: this.from.u32() }, item));
  option = (node: () => Node): Node => ({ kind: 'option', node: this.from.flag() ? node() : undefined });
  nested = (read: (fields: Fields) => Node): Node => {
    const inner = new Fields(this.from.bytesOf());
    const node = read(inner);
    inner.from.end();
    return { kind: 'nested', node };
  };
}

/** A leaf that decides what follows it. */
const numberOf = (node: Node) => (node.kind === 'leaf' ? Number(node.value) : -1);

function readObjects(f: Fields, module: WasmModule): Node {
  const count = f.from.u32();
  const heads: Node[] = [];
  const readers: (() => Node)[] = [];
  const ids = (length: number) => list(Array.from({ length }, f.id), false);
  const words = (length: number) => list(Array.from({ length }, f.u32), false);
  for (let i = 0; i < count; i++) {
    const tag = f.u8();
    const head: Record<string, Node> = { tag };
    let body: () => Node = () => record({});
    switch (numberOf(tag)) {
      case 1:
        head.function = f.u32();
        break;
      case 2: {
        const type = f.u8();
        head.type = type;
        const value = [undefined, f.flag, f.f64, f.text, f.bytes][numberOf(type)];
        if (value !== undefined) head.value = value();
        break;
      }
      case 3: {
        head.struct = f.u32();
        const layout = layoutOf(module.types[numberOf(head.struct)] as StructType);
        body = () => record({ words: words(layout.words), references: ids(layout.references) });
        break;
      }
      case 4: {
        head.array = f.u32();
        head.length = f.u32();
        const { type } = (module.types[numberOf(head.array)] as ArrayType).element;
        const length = numberOf(head.length);
        const width = type === I8 ? 1 : type === I16 ? 2 : type === V128 ? 16 : type === I64 || type === F64 ? 8 : 4;
        body = () =>
          isReference(type) ? record({ references: ids(length) }) : record({ data: f.raw(length * width) });
        break;
      }
      case 5: {
        head.exception = f.u32();
        const { params } = functionTypeAt(module, module.tags[numberOf(head.exception)] as number);
        body = () =>
          list(
            params.map(() => record({ words: words(4), reference: f.id() })),
            false,
          );
        break;
      }
    }
    heads.push(record(head));
    readers.push(body);
  }
  return record({
    heads: list(heads),
    bodies: list(
      readers.map((read) => read()),
      false,
    ),
  });
}

function readStack(f: Fields): Node {
  return record({
    entered: f.u32(),
    positions: f.list(() => record({ body: f.u32(), offset: f.u32() })),
    fingerprints: f.list(() => record({ body: f.u32(), fingerprint: f.u32() })),
    registers: f.words(),
    references: f.words(true),
  });
}

function readGuest(f: Fields, module: WasmModule): Node {
  return record({
    objects: f.nested((inner) => readObjects(inner, module)),
    gasUsed: f.u64(),
    exhausted: f.flag(),
    peak: f.f64(),
    refused: f.flag(),
    memories: f.list(() =>
      record({ byteLength: f.f64(), runs: f.list(() => record({ at: f.f64(), bytes: f.bytes() })) }),
    ),
    cells: f.words(),
    globals: f.words(true),
    tables: f.list(() => f.words(true)),
    droppedData: f.words(),
    droppedElements: f.words(),
    segments: f.list(() => record({ segment: f.u32(), values: f.words(true) })),
    heapUsed: f.f64(),
    heapAllocated: f.f64(),
    heapPatience: f.f64(),
    stack: f.option(() => readStack(f)),
  });
}

function readNode(f: Fields): Node {
  const kind = f.u8();
  const common = { kind, inode: f.u64(), accessed: f.u64(), modified: f.u64(), changed: f.u64() };
  switch (numberOf(kind)) {
    case 0:
      return record({ ...common, content: f.bytes() });
    case 1:
      return record({ ...common, target: f.text() });
    default:
      return record({ ...common, entries: f.list(() => record({ name: f.text(), inode: f.u64() })) });
  }
}

function readDescriptor(f: Fields): Node {
  const number = f.u32();
  const kind = f.u8();
  const common = { number, kind, flags: f.u32(), rights: f.u64(), inheriting: f.u64() };
  switch (numberOf(kind)) {
    case 0:
      return record(common);
    case 1:
      return record({ ...common, isError: f.flag() });
    case 2:
      return record({ ...common, device: f.u64(), inode: f.u64(), path: f.text(), position: f.u64() });
    default:
      return record({
        ...common,
        device: f.u64(),
        inode: f.u64(),
        path: f.text(),
        preopen: f.option(f.bytes),
        listing: f.option(() => f.list(() => record({ name: f.bytes(), kind: f.u8(), inode: f.u64() }))),
      });
  }
}

function readProgram(f: Fields): Node {
  const stdin = record({ pending: f.bytes(), ended: f.flag() });
  const [stdout, stderr] = [f.bytes(), f.bytes()];
  const clock = f.u8();
  const time = numberOf(clock) === 0 ? f.u64() : f.f64();
  const random = f.u8();
  const state = numberOf(random) === 0 ? f.words() : record({});
  return record({
    stdin,
    stdout,
    stderr,
    clock,
    time,
    random,
    state,
    written: f.f64(),
    fileSystems: f.list(() =>
      record({ path: f.text(), lastInode: f.u64(), root: f.u64(), nodes: f.list(() => readNode(f)) }),
    ),
    descriptors: f.list(() => readDescriptor(f)),
  });
}

function readHost(f: Fields): Node {
  return record({
    gate: f.f64(),
    program: f.option(() => readProgram(f)),
    network: f.option(() => record({ requests: f.f64() })),
  });
}

/** What an instance of the module has written of itself. */
export function readGuestTree(image: Uint8Array, module: WasmModule): Node {
  const f = new Fields(image);
  const tree = readGuest(f, module);
  f.from.end();
  return tree;
}

/** The contents of a snapshot of a guest of the module. */
export function readTree(contents: Uint8Array, module: WasmModule): Node {
  const f = new Fields(contents);
  const tree = record({
    gasVersion: f.u32(),
    digest: f.text(),
    functionCalls: f.f64(),
    hasRun: f.flag(),
    call: f.option(() =>
      record({
        ...{ name: f.text(), isProgram: f.flag(), gasUsed: f.u64() },
        ...{ hasGasLeft: f.flag(), gasLeft: f.u64() },
      }),
    ),
    host: f.nested(readHost),
    guest: f.nested((inner) => readGuest(inner, module)),
  });
  f.from.end();
  return tree;
}

type Value = (Node & { kind: 'leaf' })['value'];

const WRITERS: Record<LeafType, (to: WireWriter, value: Value) => void> = {
  u8: (to, value) => to.u8(Number(value)),
  flag: (to, value) => to.u8(Number(value)),
  u32: (to, value) => to.u32(Number(value)),
  id: (to, value) => to.u32(Number(value)),
  u64: (to, value) => to.u64(BigInt(value as bigint)),
  f64: (to, value) => to.number(Number(value)),
  text: (to, value) => to.text(String(value)),
  bytes: (to, value) => to.bytesOf(value as Uint8Array),
  raw: (to, value) => to.raw(value as Uint8Array),
};

export function writeTree(node: Node, to: WireWriter): void {
  switch (node.kind) {
    case 'leaf':
      WRITERS[node.type](to, node.value);
      break;
    case 'record':
      for (const [, field] of node.fields) writeTree(field, to);
      break;
    case 'list':
      if (node.isCounted) to.u32(node.count ?? node.items.length);
      for (const item of node.items) writeTree(item, to);
      break;
    case 'words':
      to.words(Int32Array.from(node.values));
      break;
    case 'option':
      to.flag(node.node !== undefined);
      if (node.node !== undefined) writeTree(node.node, to);
      break;
    case 'nested': {
      const inner = new WireWriter();
      writeTree(node.node, inner);
      to.bytesOf(inner.written);
    }
  }
}

/** The same tree once more. Bytes are shared: they are replaced, and never changed. */
export function copyOf<N extends Node>(node: N): N {
  const any: Node = node;
  switch (any.kind) {
    case 'leaf':
      return { ...any } as N;
    case 'record':
      return { ...any, fields: any.fields.map(([name, field]) => [name, copyOf(field)]) } as N;
    case 'list':
      return { ...any, items: any.items.map(copyOf) } as N;
    case 'words':
      return { ...any, values: [...any.values] } as N;
    case 'option':
      return { ...any, node: any.node && copyOf(any.node) } as N;
    case 'nested':
      return { ...any, node: copyOf(any.node) } as N;
  }
}

/** A node and all below it, with the way to each. */
export function* nodesOf(node: Node, path = ''): Generator<readonly [path: string, node: Node]> {
  yield [path, node];
  switch (node.kind) {
    case 'record':
      for (const [name, field] of node.fields) yield* nodesOf(field, `${path}.${name}`);
      break;
    case 'list':
      for (const item of node.items) yield* nodesOf(item, `${path}[]`);
      break;
    case 'option':
      if (node.node !== undefined) yield* nodesOf(node.node, `${path}?`);
      break;
    case 'nested':
      yield* nodesOf(node.node, path);
  }
}
