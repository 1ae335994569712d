/** Snapshots of any size in which there is much of one thing: what restoring could make much of. */

import { WasmSandbox } from '../../src/index.ts';
import { pack, unpack } from '../../src/snapshot/container.ts';
import { parse } from '../../src/text.ts';
import { decode } from '../../wasm/decode.ts';
import { WireWriter } from '../../wasm/wire.ts';
import { type LeafType, type Node, nodesOf, readTree, writeTree } from '../forgery/format.ts';

/** What the snapshots are restored with. */
export const SNAPSHOT_OPTIONS = {
  source: parse(`(module
    (type $bytes (array (mut i8)))
    (type $pair (struct (field (mut anyref)) (field (mut anyref))))
    (memory 1 1000)
    (table 1 1000000 anyref)
    (global (mut (ref null $bytes)) (ref.null $bytes))
    (func $deep (export "f") (param i32) (result i32)
      (if (result i32) (local.get 0)
        (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
        (else (loop (br 0)) (i32.const 0)))))`),
  gasLimit: 1_000_000n,
  memoryLimit: 2 ** 20,
} as const;

const leaf = (type: LeafType, value: number): Node => ({ kind: 'leaf', type, value });

/** The last field of that name. */
function field<K extends Node['kind']>(tree: Node, path: string, kind: K): Node & { kind: K } {
  const found = [...nodesOf(tree)].filter(([way, node]) => way === path && node.kind === kind).at(-1);
  if (found === undefined) throw new Error(`a snapshot has no ${path}`);
  return found[1] as Node & { kind: K };
}

/** A snapshot of a guest that is in a call, changed. */
async function changed(compress: boolean, change: (tree: Node) => void): Promise<Uint8Array> {
  const sandbox = await WasmSandbox.create(SNAPSHOT_OPTIONS);
  sandbox.start('f', [3]).step(1_000);
  const contents = await unpack(await sandbox.snapshot({ compress: false }), { kind: 'snapshot', maxBytes: 2 ** 30 });
  sandbox.dispose();
  const tree = readTree(contents, decode(SNAPSHOT_OPTIONS.source));
  change(tree);
  const to = new WireWriter();
  writeTree(tree, to);
  return pack(to.written.slice(), compress, { kind: 'snapshot' });
}

/** Objects without bodies in their heads: an array of no elements, or one of so many. */
const objects =
  (count: number, head: () => [string, Node][], body: Node[] = []) =>
  (tree: Node) => {
    field(tree, '.guest.objects.heads', 'list').items.push(
      ...Array.from({ length: count }, (): Node => ({ kind: 'record', fields: head() })),
    );
    const { items } = field(tree, '.guest.objects.bodies', 'list');
    for (let i = 0; i < count; i++) items.push(...body);
  };

const array = (length: number) => (): [string, Node][] => [
  ['tag', leaf('u8', 4)],
  ['array', leaf('u32', 0)],
  ['length', leaf('u32', length)],
];
const pair = (): [string, Node][] => [
  ['tag', leaf('u8', 3)],
  ['struct', leaf('u32', 1)],
];
const text = (): [string, Node][] => [
  ['tag', leaf('u8', 2)],
  ['type', leaf('u8', 3)],
  ['value', { kind: 'leaf', type: 'text', value: '1' }],
];

function grow(path: string, count: number, item: (i: number) => Node): (tree: Node) => void {
  return (tree) => field(tree, path, 'list').items.push(...Array.from({ length: count }, (_, i) => item(i)));
}
const words = (path: string, count: number) => (tree: Node) => {
  field(tree, path, 'words').values.push(...Array<number>(count).fill(0));
};
const position = (): Node => ({
  kind: 'record',
  fields: [
    ['body', leaf('u32', 0)],
    ['offset', leaf('u32', 12)],
  ],
});

/** How a genuine one is changed, so that there are so many things in it, each of some bytes. */
const CHANGES: Readonly<Record<string, (count: number) => (tree: Node) => void>> = {
  'arrays of no elements': (count) => objects(count, array(0)),
  'arrays whose elements are missing': (count) => objects(count, array(0xffff_ffff)),
  'structs of references': (count) => objects(count, pair, [leaf('id', 0), leaf('id', 0)]),
  'texts of the host': (count) => objects(count, text),
  'frames of a stack': (count) => grow('.guest.stack?.positions', count, position),
  'fingerprints of functions': (count) =>
    grow('.guest.stack?.fingerprints', count, () => ({
      kind: 'record',
      fields: [
        ['body', leaf('u32', 0)],
        ['fingerprint', leaf('u32', 0)],
      ],
    })),
  'registers of a stack': (count) => words('.guest.stack?.registers', count),
  'references of a stack': (count) => words('.guest.stack?.references', count),
  'elements of a table': (count) => (tree) => {
    const table = field(tree, '.guest.tables', 'list').items[0] as Node & { kind: 'words' };
    table.values.push(...Array<number>(count).fill(0));
  },
  'pieces of memory': (count) => (tree) => {
    field(tree, '.guest.memories[].runs', 'list').items.push(
      ...Array.from(
        { length: count },
        (_, i): Node => ({
          kind: 'record',
          fields: [
            ['at', leaf('f64', i)],
            ['bytes', { kind: 'leaf', type: 'bytes', value: new Uint8Array(1) }],
          ],
        }),
      ),
    );
  },
  'segments that were dropped': (count) => words('.guest.droppedElements', count),
};

/** By name: a snapshot of so many things, compressed or not. */
export const SNAPSHOTS: Readonly<Record<string, (count: number) => Promise<Uint8Array>>> = Object.fromEntries(
  Object.entries(CHANGES).flatMap(([name, change]) => [
    [name, (count: number) => changed(false, change(count))],
    [`${name}, compressed`, (count: number) => changed(true, change(count))],
  ]),
);
