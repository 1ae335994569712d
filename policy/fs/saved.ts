/** Files in memory in a snapshot: a list of nodes, which refer to one another by their inode numbers. */

import { encodeUtf8 } from '../../wasm/utf8.ts';
import { damaged, type WireReader, type WireWriter } from '../../wasm/wire.ts';
import { MAX_PATH_BYTES } from '../limits.ts';
import type { DirectoryNode, Node } from './nodes.ts';
import type { Quota } from './quota.ts';

const KINDS = ['file', 'link', 'directory'] as const;
/** The least that a node takes. */
const NODE_BYTES = 37;

/** All that can be reached from the root, or is open. */
function reachable(root: DirectoryNode, open: readonly Node[]): Set<Node> {
  const found = new Set<Node>([root, ...open]);
  // A set is iterated with what is added on the way.
  for (const node of found) {
    if (node.kind === 'directory') for (const child of node.entries.values()) found.add(child);
  }
  return found;
}

export function writeNodes(to: WireWriter, root: DirectoryNode, open: readonly Node[]): void {
  const nodes = reachable(root, open);
  to.u64(root.inode);
  to.u32(nodes.size);
  for (const node of nodes) {
    to.u8(KINDS.indexOf(node.kind as (typeof KINDS)[number]));
    for (const number of [node.inode, node.accessed, node.modified, node.changed]) to.u64(number);
    if (node.kind === 'file') to.bytesOf(node.bytes.subarray(0, node.size));
    else if (node.kind === 'link') to.text(node.target);
    else {
      to.u32(node.entries.size);
      for (const [name, child] of node.entries) {
        to.text(name);
        to.u64(child.inode);
      }
    }
  }
}

export interface SavedNodes {
  readonly root: DirectoryNode;
  readonly byInode: ReadonlyMap<bigint, Node>;
  /** What they count for. */
  readonly bytes: number;
  readonly files: number;
}

/** @throws SnapshotError where the nodes are no tree of directories with files in it */
export function readNodes(from: WireReader, lastInode: bigint, quota: Quota): SavedNodes {
  const rootInode = from.u64();
  const byInode = new Map<bigint, Node>();
  const children = new Map<DirectoryNode, (readonly [name: string, inode: bigint])[]>();
  const count = from.count(NODE_BYTES, 'files');
  // All but the root count.
  quota.requireRoom(0, count - 1);
  let bytes = 0;
  let names = 0;
  for (let i = 0; i < count; i++) {
    const kind = KINDS[from.u8()] ?? damaged('a file is of no known kind');
    const inode = from.u64();
    if (inode > lastInode || byInode.has(inode)) damaged('the number of a file is out of range, or used twice');
    const state = { inode, links: 0, opened: 0, accessed: from.u64(), modified: from.u64(), changed: from.u64() };
    if (kind === 'file') {
      const content = from.bytesOf();
      bytes += content.length;
      quota.requireRoom(bytes, names);
      byInode.set(inode, { ...state, kind, bytes: content.slice(), size: content.length });
    } else if (kind === 'link') {
      const target = from.text(MAX_PATH_BYTES);
      const size = encodeUtf8(target).length;
      bytes += size;
      quota.requireRoom(bytes, names);
      byInode.set(inode, { ...state, kind, target, size });
    } else {
      const directory: DirectoryNode = { ...state, kind, entries: new Map(), version: 0, parent: undefined };
      byInode.set(inode, directory);
      const length = from.count(12, 'names');
      names += length;
      quota.requireRoom(bytes, names);
      const entries = Array.from({ length }, () => [from.text(MAX_PATH_BYTES), from.u64()] as const);
      children.set(directory, entries);
    }
  }
  const root = byInode.get(rootInode);
  if (root?.kind !== 'directory') return damaged('it has no root directory');
  root.links = 1;
  placeChildren(children, byInode);
  requireTree(root, children.keys());
  const unnamed = [...byInode.values()].filter(({ links }) => links === 0).length;
  return { root, byInode, bytes, files: names + unnamed };
}

/** Gives every node its names. */
function placeChildren(
  children: ReadonlyMap<DirectoryNode, readonly (readonly [name: string, inode: bigint])[]>,
  byInode: ReadonlyMap<bigint, Node>,
): void {
  for (const [directory, entries] of children) {
    for (const [name, inode] of entries) {
      const child = byInode.get(inode) ?? damaged('a name has no file');
      const isName = name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name);
      if (!isName || directory.entries.has(name)) damaged('the name of a file is none, or used twice');
      if (child.kind === 'directory') {
        if (child.links > 0) damaged('a directory is in two places');
        child.parent = directory;
      }
      child.links++;
      directory.entries.set(name, child);
    }
  }
}

/** Directories that have no way to the root could go round in a circle. What was removed is empty. */
function requireTree(root: DirectoryNode, directories: Iterable<DirectoryNode>): void {
  const reached = reachable(root, []);
  for (const directory of directories) {
    if (!reached.has(directory) && directory.entries.size > 0) damaged('a directory is in no other');
  }
}

/** Whether two trees have the same names, contents and links. */
export function isSameTree(a: DirectoryNode, b: DirectoryNode): boolean {
  const rest: (readonly [Node, Node | undefined])[] = [[a, b]];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const [node, other] = next;
    if (node.kind === 'directory') {
      if (other?.kind !== 'directory' || other.entries.size !== node.entries.size) return false;
      for (const [name, child] of node.entries) rest.push([child, other.entries.get(name)]);
    } else if (node.kind === 'file') {
      if (other?.kind !== 'file' || other.size !== node.size) return false;
      for (let i = 0; i < node.size; i++) if (node.bytes[i] !== other.bytes[i]) return false;
    } else if (other?.kind !== 'link' || other.target !== node.target) return false;
  }
  return true;
}
