/** Files in memory: for every runtime, the same at every run. Inode numbers count up, and times come from the clock. */

import { SnapshotError } from '../../wasm/errors.ts';
import { FILE_WORK } from '../../wasm/gas.ts';
import { encodeUtf8 } from '../../wasm/utf8.ts';
import { damaged, type WireReader, type WireWriter } from '../../wasm/wire.ts';
import {
  type Directory,
  type Entry,
  type File,
  type FileSystem,
  FsError,
  MAX_FILE_SIZE,
  type NodeKind,
  type OpenOptions,
  type Reopen,
  readOnlyError,
  type Stat,
  type TimeChange,
} from './filesystem.ts';
import type { DirectoryNode, FileNode, LinkNode, Node, NodeState } from './nodes.ts';
import { type FileLimits, Quota } from './quota.ts';
import { isSameTree, readNodes, writeNodes } from './saved.ts';

/** What a memory file system starts from: contents by path from the root; a path that ends in `/` is a directory. */
export type InitialFiles = readonly (readonly [path: string, bytes: Uint8Array])[];

const EMPTY = new Uint8Array(0);
/** No guest makes so many in years. */
const MAX_INODE = 1n << 62n;
const SMALLEST_BUFFER = 256;
/** A file gives memory back when it has shrunk so many times. */
const SHRINK_AT = 3;
/** Deeper directories cannot be named by one path, so {@link MemoryFileSystem.files} leaves them out. */
const MAX_LISTED_DEPTH = 64;

export class MemoryFileSystem implements FileSystem {
  readonly readOnly: boolean;
  readonly work = FILE_WORK.memory;
  readonly quota: Quota;
  private readonly initial: InitialFiles;
  private readonly device: bigint;
  private readonly time: () => bigint;
  private inodes = 0n;
  root: DirectoryNode;

  /**
   * @param time nanoseconds since 1970
   * @throws FsError where the initial files are beyond the limits, or one of them is in the way of another
   */
  constructor(
    initial: InitialFiles,
    options: { readonly readOnly: boolean; readonly limits: FileLimits; readonly device: bigint; time(): bigint },
  ) {
    this.initial = initial;
    this.readOnly = options.readOnly;
    this.quota = new Quota(options.limits);
    this.device = options.device;
    this.time = () => options.time();
    this.root = this.build();
  }

  openRoot(): Directory {
    return new MemoryDirectory(this, this.root);
  }

  reset(): void {
    this.quota.reset();
    this.inodes = 0n;
    this.root = this.build();
  }

  save(to: WireWriter, open: readonly (File | Directory)[]): void {
    to.u64(this.inodes);
    writeNodes(
      to,
      this.root,
      open.flatMap((handle) =>
        handle instanceof MemoryFile || handle instanceof MemoryDirectory ? [handle.node] : [],
      ),
    );
  }

  load(from: WireReader): Reopen {
    const lastInode = from.u64();
    if (lastInode > MAX_INODE) damaged('the number of its last file is out of range');
    const { root, byInode, bytes, files } = readNodes(from, lastInode, this.quota);
    if (this.readOnly && !isSameTree(root, this.root)) {
      throw new SnapshotError('the files that the policy grants for reading are others than those in the snapshot');
    }
    this.quota.restore(bytes, files);
    this.inodes = lastInode;
    this.root = root;
    return (inode) => {
      const node = byInode.get(inode);
      if (node?.kind === 'file') return new MemoryFile(this, node);
      return node?.kind === 'directory' ? new MemoryDirectory(this, node) : undefined;
    };
  }

  files(): ReadonlyMap<string, Uint8Array> {
    const found = new Map<string, Uint8Array>();
    const rest: { readonly node: DirectoryNode; readonly prefix: string; readonly depth: number }[] = [
      { node: this.root, prefix: '', depth: 0 },
    ];
    for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
      for (const [name, node] of next.node.entries) {
        const path = `${next.prefix}${name}`;
        if (node.kind === 'file') found.set(path, node.bytes.slice(0, node.size));
        if (node.kind === 'directory' && next.depth < MAX_LISTED_DEPTH) {
          rest.push({ node, prefix: `${path}/`, depth: next.depth + 1 });
        }
      }
    }
    return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  close(): void {
    // Memory needs nobody to let go of it.
  }

  private build(): DirectoryNode {
    const root = this.newDirectory(undefined);
    for (const [path, bytes] of this.initial) {
      const parts = path.split('/');
      const name = parts.pop() as string;
      let directory = root;
      for (const part of parts) {
        let next = directory.entries.get(part);
        if (next === undefined) {
          this.quota.takeFile();
          next = this.newDirectory(directory);
          directory.entries.set(part, next);
        }
        if (next.kind !== 'directory') throw new FsError('notdir');
        directory = next;
      }
      if (name === '') continue;
      if (directory.entries.has(name)) throw new FsError('exist');
      this.quota.takeFile();
      this.quota.takeBytes(bytes.length);
      const node = this.newFile();
      node.bytes = bytes.slice();
      node.size = bytes.length;
      directory.entries.set(name, node);
    }
    return root;
  }

  now(): bigint {
    return this.time();
  }

  private state<K extends NodeKind>(kind: K): NodeState & { readonly kind: K } {
    const time = this.now();
    this.inodes++;
    const times = { accessed: time, modified: time, changed: time };
    return { kind, inode: this.inodes, links: 1, opened: 0, ...times };
  }

  newFile(): FileNode {
    return { ...this.state('file'), bytes: EMPTY, size: 0 };
  }

  newLink(target: string): LinkNode {
    return { ...this.state('link'), target, size: encodeUtf8(target).length };
  }

  newDirectory(parent: DirectoryNode | undefined): DirectoryNode {
    return { ...this.state('directory'), entries: new Map(), version: 0, parent };
  }

  statOf(node: Node): Stat {
    const { inode, kind, links, accessed, modified, changed } = node;
    const size = node.kind === 'directory' ? 0n : BigInt(node.size);
    return { device: this.device, inode, kind, links: BigInt(links), size, accessed, modified, changed };
  }

  setTimesOf(node: Node, { accessed, modified }: TimeChange): void {
    this.requireWritable();
    node.accessed = accessed ?? node.accessed;
    node.modified = modified ?? node.modified;
    node.changed = this.now();
  }

  /** @throws FsError EROFS */
  requireWritable(): void {
    if (this.readOnly) throw readOnlyError();
  }

  /** What nobody can reach any more takes no room. */
  release(node: Node): void {
    if (node.links > 0 || node.opened > 0) return;
    this.quota.giveFile();
    if (node.kind !== 'directory') this.quota.giveBytes(node.size);
    if (node.kind === 'file') node.bytes = EMPTY;
  }
}

class MemoryFile implements File {
  private readonly fs: MemoryFileSystem;
  readonly node: FileNode;

  get fileSystem(): FileSystem {
    return this.fs;
  }

  constructor(fs: MemoryFileSystem, node: FileNode) {
    this.fs = fs;
    this.node = node;
    node.opened++;
  }

  stat(): Stat {
    return this.fs.statOf(this.node);
  }

  setTimes(times: TimeChange): void {
    this.fs.setTimesOf(this.node, times);
  }

  read(position: number, bytes: Uint8Array): number {
    const { node } = this;
    const end = Math.min(node.size, position + bytes.length);
    if (end <= position) return 0;
    bytes.set(node.bytes.subarray(position, end));
    return end - position;
  }

  write(position: number, bytes: Uint8Array): number {
    this.fs.requireWritable();
    if (bytes.length > 0) {
      this.grow(position + bytes.length);
      this.node.bytes.set(bytes, position);
      this.touch();
    }
    return bytes.length;
  }

  reserve(size: number): void {
    if (size > MAX_FILE_SIZE) throw new FsError('fbig');
    this.fs.quota.checkBytes(Math.max(0, size - this.node.size));
  }

  setSize(size: number): void {
    const { node } = this;
    this.fs.requireWritable();
    if (size > node.size) {
      this.reserve(size);
      this.grow(size);
    } else {
      // Bytes beyond the end stay 0, so that growing again shows nothing. No more are copied than were cut off.
      if (SHRINK_AT * size < node.bytes.length) node.bytes = node.bytes.slice(0, size);
      else node.bytes.fill(0, size, node.size);
      this.fs.quota.giveBytes(node.size - size);
      node.size = size;
    }
    this.touch();
  }

  private grow(size: number): void {
    const { node } = this;
    if (size <= node.size) return;
    this.fs.quota.takeBytes(size - node.size);
    if (size > node.bytes.length) {
      const grown = new Uint8Array(Math.max(size, SMALLEST_BUFFER, Math.floor(1.5 * node.bytes.length)));
      grown.set(node.bytes.subarray(0, node.size));
      node.bytes = grown;
    }
    node.size = size;
  }

  private touch(): void {
    this.node.modified = this.fs.now();
    this.node.changed = this.node.modified;
  }

  sync(): void {
    // Memory is all there is.
  }

  close(): void {
    this.node.opened--;
    this.fs.release(this.node);
  }
}

/** Whether a directory is another node, or below it. */
function isWithin(directory: DirectoryNode, node: Node, onLevel: () => void): boolean {
  if (node.kind !== 'directory') return false;
  for (let above: DirectoryNode | undefined = directory; above !== undefined; above = above.parent) {
    onLevel();
    if (above === node) return true;
  }
  return false;
}

class MemoryDirectory implements Directory {
  private readonly fs: MemoryFileSystem;
  readonly node: DirectoryNode;

  constructor(fs: MemoryFileSystem, node: DirectoryNode) {
    this.fs = fs;
    this.node = node;
    node.opened++;
  }

  get fileSystem(): FileSystem {
    return this.fs;
  }

  stat(): Stat {
    return this.fs.statOf(this.node);
  }

  setTimes(times: TimeChange): void {
    this.fs.setTimesOf(this.node, times);
  }

  get version(): string {
    return `${this.node.version}`;
  }

  *entries(): Iterable<Entry> {
    for (const [name, { kind, inode }] of this.node.entries) yield { name, kind, inode };
  }

  lookup(name: string): Stat | undefined {
    const node = this.node.entries.get(name);
    return node && this.fs.statOf(node);
  }

  private get(name: string): Node {
    const node = this.node.entries.get(name);
    if (node === undefined) throw new FsError('noent');
    return node;
  }

  setTimesOf(name: string, times: TimeChange): void {
    this.fs.setTimesOf(this.get(name), times);
  }

  openDirectory(name: string): Directory {
    const node = this.get(name);
    if (node.kind !== 'directory') throw new FsError(node.kind === 'link' ? 'loop' : 'notdir');
    return new MemoryDirectory(this.fs, node);
  }

  openFile(name: string, { write, create, exclusive }: OpenOptions): File {
    let node = this.node.entries.get(name);
    if (node === undefined) {
      if (!create) throw new FsError('noent');
      node = this.add(name, () => this.fs.newFile());
    } else if (create && exclusive) throw new FsError('exist');
    if (node.kind !== 'file') throw new FsError(node.kind === 'link' ? 'loop' : 'isdir');
    if (write && this.fs.readOnly) throw readOnlyError();
    return new MemoryFile(this.fs, node);
  }

  readLink(name: string): string {
    const node = this.get(name);
    if (node.kind !== 'link') throw new FsError('inval');
    return node.target;
  }

  createDirectory(name: string): void {
    this.add(name, () => this.fs.newDirectory(this.node));
  }

  createLink(name: string, target: string): void {
    this.add(name, () => {
      const node = this.fs.newLink(target);
      this.fs.quota.takeBytes(node.size);
      return node;
    });
  }

  removeFile(name: string): void {
    const node = this.get(name);
    this.requireWritable();
    if (node.kind === 'directory') throw new FsError('isdir');
    this.remove(name, node);
  }

  removeDirectory(name: string): void {
    const node = this.get(name);
    this.requireWritable();
    if (node.kind !== 'directory') throw new FsError('notdir');
    if (node.entries.size > 0) throw new FsError('notempty');
    this.remove(name, node);
  }

  rename(name: string, to: Directory, newName: string, onLevel: () => void = () => undefined): void {
    const node = this.get(name);
    const target = this.sibling(to);
    this.requireWritable();
    target.requireAlive();
    const old = target.node.entries.get(newName);
    if (old === node) return;
    // In Linux's order of checks.
    if (isWithin(target.node, node, onLevel)) throw new FsError('inval');
    if (old !== undefined && isWithin(this.node, old, onLevel)) throw new FsError('notempty');
    if (node.kind === 'directory' && old !== undefined && old.kind !== 'directory') throw new FsError('notdir');
    if (old?.kind === 'directory') {
      if (node.kind !== 'directory') throw new FsError('isdir');
      if (old.entries.size > 0) throw new FsError('notempty');
    }
    if (old !== undefined) target.remove(newName, old);
    this.node.entries.delete(name);
    target.node.entries.set(newName, node);
    if (node.kind === 'directory') node.parent = target.node;
    node.changed = this.fs.now();
    this.touch();
    target.touch();
  }

  link(name: string, to: Directory, newName: string): void {
    const node = this.get(name);
    const target = this.sibling(to);
    this.requireWritable();
    if (node.kind === 'directory') throw new FsError('perm');
    target.requireAlive();
    if (target.node.entries.has(newName)) throw new FsError('exist');
    // A name takes room as well.
    this.fs.quota.takeFile();
    target.node.entries.set(newName, node);
    node.links++;
    node.changed = this.fs.now();
    target.touch();
  }

  again(): Directory {
    return new MemoryDirectory(this.fs, this.node);
  }

  close(): void {
    this.node.opened--;
    this.fs.release(this.node);
  }

  private sibling(other: Directory): MemoryDirectory {
    if (!(other instanceof MemoryDirectory) || other.fs !== this.fs) throw new FsError('xdev');
    return other;
  }

  private requireWritable(): void {
    this.fs.requireWritable();
  }

  /** In a directory that was removed, nothing can be made. */
  private requireAlive(): void {
    if (this.node.links === 0) throw new FsError('noent');
  }

  private add<N extends Node>(name: string, make: () => N): N {
    this.requireWritable();
    this.requireAlive();
    if (this.node.entries.has(name)) throw new FsError('exist');
    this.fs.quota.takeFile();
    let node: N;
    try {
      node = make();
    } catch (error) {
      this.fs.quota.giveFile();
      throw error;
    }
    this.node.entries.set(name, node);
    this.touch();
    return node;
  }

  private remove(name: string, node: Node): void {
    this.node.entries.delete(name);
    node.links--;
    node.changed = this.fs.now();
    if (node.kind === 'directory') node.parent = undefined;
    // Every name was counted; the last one's share is given back when nobody has the file open any more.
    if (node.links > 0) this.fs.quota.giveFile();
    else this.fs.release(node);
    this.touch();
  }

  /** Its entries have changed. */
  private touch(): void {
    this.node.version++;
    this.node.modified = this.fs.now();
    this.node.changed = this.node.modified;
  }
}
