/** Changes fields of snapshots by what they are: values, counts, types, order; and takes fields from other snapshots. */

import { WireWriter } from '../../wasm/wire.ts';
import { copyOf, type Node, nodesOf, writeTree } from './format.ts';

/** Numbers that depend on the seed alone. */
export type Random = (below: number) => number;

const U32 = [0, 1, 2, 3, 7, 8, 255, 65_535, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
const U64 = [0n, 1n, 2n, 1n << 31n, 1n << 32n, 1n << 53n, (1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 1n];
const F64 = [
  0,
  -0,
  1,
  -1,
  0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -1e300,
  2 ** 31,
  2 ** 32,
  2 ** 52,
  2 ** 53,
  65_536,
];
const TEXTS = ['', '.', '..', '/', 'a/b', '\0', '../x', 'run', 'é'.repeat(2_000), 'x'.repeat(5_000)];

const pick = <T>(items: readonly T[], random: Random): T => items[random(items.length)] as T;

function near(value: number, random: Random): number {
  return value + pick([1, -1, 2, -2, 4, 8, -8, 16, random(64), -random(64)], random);
}

type Place = readonly [path: string, node: Node];

/** Those of the snapshots that others were made from, which never change. */
const known = new WeakMap<Node, readonly Place[]>();

function placesOf(tree: Node): readonly Place[] {
  let places = known.get(tree);
  if (places === undefined) {
    places = [...nodesOf(tree)];
    known.set(tree, places);
  }
  return places;
}

/** Fields by the way to them, so that each kind of field is as frequent as any other, however often it occurs. */
function choices(places: readonly Place[], { within, only = () => true }: Aim): [path: string, nodes: Node[]][] {
  const byPath = new Map<string, Node[]>();
  for (const [path, node] of places) {
    const isField = node.kind !== 'record' && node.kind !== 'nested';
    if (!isField || !within.some((prefix) => path.startsWith(prefix)) || !only(node)) continue;
    const alike = byPath.get(path);
    if (alike === undefined) byPath.set(path, [node]);
    else alike.push(node);
  }
  return [...byPath];
}

interface Around {
  readonly random: Random;
  /** Objects in the snapshot, and null. */
  readonly ids: number;
  readonly donors: readonly Node[];
}

function changeLeaf(node: Node & { kind: 'leaf' }, { random, ids, donors }: Around): void {
  if (random(4) === 0) {
    const alike = donors.filter((other) => other.kind === 'leaf' && other.type === node.type);
    if (alike.length > 0) {
      node.value = (pick(alike, random) as typeof node).value;
      return;
    }
  }
  switch (node.type) {
    case 'u8':
      node.value = random(3) === 0 ? random(256) : random(8);
      break;
    case 'flag':
      node.value = random(8) === 0 ? random(256) : Number(node.value) ^ 1;
      break;
    case 'id':
      node.value = random(8) === 0 ? pick(U32, random) : random(ids + 1);
      break;
    case 'u32':
      node.value = random(3) === 0 ? pick(U32, random) : Math.max(0, near(Number(node.value), random)) >>> 0;
      break;
    case 'u64':
      node.value =
        random(2) === 0 ? pick(U64, random) : BigInt.asUintN(64, BigInt(node.value as bigint) + BigInt(random(17) - 8));
      break;
    case 'f64':
      node.value =
        random(2) === 0 ? pick(F64, random) : near(Number(node.value), random) * pick([1, 1, 2, 0.5, -1], random);
      break;
    case 'text':
      node.value = random(2) === 0 ? pick(TEXTS, random) : `${node.value}${pick(TEXTS, random)}`;
      break;
    case 'bytes':
    case 'raw':
      node.value = changeBytes(node.value as Uint8Array, random);
  }
}

function changeBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const changed = bytes.slice();
  switch (random(4)) {
    case 0:
      return changed.subarray(0, random(bytes.length + 1));
    case 1:
      return new Uint8Array([...changed.subarray(0, 10_000), ...new Uint8Array(random(5_000))]);
    default:
      if (changed.length > 0) changed[random(changed.length)] = random(256);
      return changed;
  }
}

function changeItems<T>(items: T[], random: Random, copy: (item: T) => T, other: () => T | undefined): void {
  const at = random(items.length + 1);
  switch (random(6)) {
    case 0:
      items.splice(at, 1 + random(2));
      break;
    case 1:
      if (items.length > 0) items.splice(at, 0, copy(items[random(items.length)] as T));
      break;
    case 2:
      if (items.length > 1) {
        const [a, b] = [random(items.length), random(items.length)];
        [items[a], items[b]] = [items[b] as T, items[a] as T];
      }
      break;
    case 3:
      items.reverse();
      break;
    case 4: {
      const item = other();
      if (item !== undefined) items.splice(at, random(2), copy(item));
      break;
    }
    default:
      for (let i = random(40); i > 0 && items.length > 0; i--) items.push(copy(items[items.length - 1] as T));
  }
}

function changeWords(values: number[], isIds: boolean, { random, ids }: Around): void {
  const anyWord = () => (isIds ? random(ids + 1) : pick(U32, random) | 0);
  if (random(3) === 0 || values.length === 0) changeItems(values, random, (word) => word, anyWord);
  else {
    for (let i = 1 + random(3); i > 0; i--)
      values[random(values.length)] = random(12) === 0 ? pick(U32, random) | 0 : anyWord();
  }
}

function change(node: Node, around: Around): void {
  const { random, donors } = around;
  switch (node.kind) {
    case 'leaf':
      changeLeaf(node, around);
      break;
    case 'list': {
      const alike = donors.filter((other) => other.kind === 'list' && other.items.length > 0);
      if (node.isCounted && random(5) === 0)
        node.count = random(2) === 0 ? pick(U32, random) : near(node.items.length, random) >>> 0;
      else {
        changeItems(node.items, random, copyOf, () => {
          const other = alike.length === 0 ? undefined : (pick(alike, random) as typeof node);
          return other === undefined ? undefined : pick(other.items, random);
        });
      }
      break;
    }
    case 'words':
      changeWords(node.values, node.isIds, around);
      break;
    case 'option': {
      const other = donors.find((item) => item.kind === 'option' && item.node !== undefined);
      if (node.node !== undefined) node.node = undefined;
      else if (other?.kind === 'option' && other.node !== undefined) node.node = copyOf(other.node);
    }
  }
}

/** What a forger is after: some parts, and some kinds of fields in them. Everything, where it is after nothing. */
interface Aim {
  readonly within: readonly string[];
  readonly only?: (node: Node) => boolean;
}

const AIMS: readonly Aim[] = [
  { within: [''] },
  { within: [''] },
  { within: ['.host'] },
  { within: ['.guest'] },
  // Other references in the place of those that are there, in registers above all.
  { within: ['.guest.stack?.references'], only: (node) => node.kind === 'words' },
  {
    within: ['.guest'],
    only: (node) => (node.kind === 'words' && node.isIds) || (node.kind === 'leaf' && node.type === 'id'),
  },
  // Other places to stand at, and other functions.
  { within: ['.guest.stack?.positions', '.guest.stack?.entered'] },
  { within: ['.guest.stack?'] },
  { within: ['.guest.objects'] },
];

/**
 * The contents of a snapshot, forged.
 * @param others of the same guest, left elsewhere: parts are taken from them
 */
export function forge(genuine: Node, others: readonly Node[], random: Random): Uint8Array {
  const tree = copyOf(genuine);
  const heads = placesOf(genuine).find(([path]) => path === '.guest.objects.heads')?.[1];
  const ids = heads?.kind === 'list' ? heads.items.length : 0;
  const aim = pick(AIMS, random);
  for (let changes = 1 + random(3); changes > 0; changes--) {
    const other = pick(others, random);
    if (aim.within[0] === '' && random(8) === 0 && graft(tree, other, random)) continue;
    const places = [...nodesOf(tree)];
    const all = choices(places, aim);
    if (all.length === 0) continue;
    const [path, nodes] = pick(all, random);
    // From the same place in another snapshot; from anywhere; or alike in this one.
    const source = random(2) === 0 ? placesOf(other) : places;
    const isNear = random(3) !== 0;
    const donors = source.flatMap(([way, node]) => (!isNear || way === path ? [node] : []));
    change(pick(nodes, random), { random, ids, donors });
  }
  const to = new WireWriter();
  writeTree(tree, to);
  return to.written.slice();
}

/** Puts a part of another snapshot in the place of the same part. */
function graft(tree: Node, other: Node, random: Random): boolean {
  const places = [...nodesOf(tree)].flatMap(([path, node]) =>
    node.kind === 'record' ? node.fields.map((field) => ({ path: `${path}.${field[0]}`, field })) : [],
  );
  const { path, field } = pick(places, random);
  const found = placesOf(other).find(([way]) => way === path);
  if (found === undefined || found[1].kind !== field[1].kind) return false;
  field[1] = copyOf(found[1]);
  return true;
}
