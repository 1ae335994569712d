/** Descriptors in a snapshot. */

import { SnapshotError } from '../../wasm/errors.ts';
import { quote } from '../../wasm/quote.ts';
import { decodeLossy, encodeUtf8 } from '../../wasm/utf8.ts';
import { damaged, type WireReader, type WireWriter } from '../../wasm/wire.ts';
import type { Directory, File, FileSystem, NodeKind, Reopen, Stat } from '../fs/filesystem.ts';
import { MAX_PATH_BYTES } from '../limits.ts';
import { normalPath } from '../normal-path.ts';
import type { InputStream, OutputStream } from '../streams.ts';
import { ALL_FLAGS, ALL_RIGHTS, MAX_POSITION, RIGHTS } from './abi.ts';
import type { Descriptor, Preopen } from './descriptor.ts';
import { Listing } from './listing.ts';

const KINDS = ['input', 'output', 'file', 'directory'] as const;
const NODE_KINDS: readonly NodeKind[] = ['file', 'directory', 'link', 'other'];
/** The least that a descriptor takes. */
const DESCRIPTOR_BYTES = 25;

/** A file system that has been loaded, and where the guest has it. */
export interface Reopened {
  readonly path: string;
  readonly readOnly: boolean;
  /** The inode of the directory that is open from the start. */
  readonly root: bigint;
  readonly reopen: Reopen;
}

/** By the number of the device. */
export type ReopenOn = (device: bigint) => Reopened | undefined;

/** @throws SnapshotError where one of them cannot be saved */
export function saveFileSystems(
  to: WireWriter,
  preopens: readonly Preopen[],
  descriptors: ReadonlyMap<number, Descriptor>,
): void {
  to.u32(preopens.length);
  for (const { path, fileSystem } of preopens) {
    if (fileSystem.save === undefined) throw new SnapshotError(FOLDER(path));
    const { device } = rootOf(fileSystem);
    const open = [...descriptors.values()].flatMap((descriptor): (File | Directory)[] => {
      if (descriptor.kind === 'file') return [descriptor.file];
      return descriptor.kind === 'directory' ? [descriptor.directory] : [];
    });
    to.text(path);
    fileSystem.save(
      to,
      open.filter((node) => node.stat().device === device),
    );
  }
}

/** By device. @throws SnapshotError where the policy grants other folders */
export function loadFileSystems(from: WireReader, preopens: readonly Preopen[]): ReadonlyMap<bigint, Reopened> {
  const paths = preopens.map(({ path }) => quote(path)).join(', ') || 'none';
  const differ = (found: string): never => {
    throw new SnapshotError(`the snapshot has ${found}, and the policy grants these folders: ${paths}`);
  };
  const count = from.count(4, 'folders');
  if (count !== preopens.length) differ(`${count} folders`);
  return new Map(
    preopens.map(({ path, fileSystem }) => {
      const saved = from.text();
      if (saved !== path) differ(`the folder ${quote(saved)}`);
      if (fileSystem.load === undefined) throw new SnapshotError(FOLDER(path));
      const reopen = fileSystem.load(from);
      const { device, inode } = rootOf(fileSystem);
      return [device, { path, readOnly: fileSystem.readOnly, root: inode, reopen }] as const;
    }),
  );
}

const FOLDER = (path: string) =>
  `the policy grants a folder of the host's as ${quote(path)}, which no snapshot can hold: grant files in memory instead`;

function rootOf(fileSystem: FileSystem): Stat {
  const root = fileSystem.openRoot();
  const stat = root.stat();
  root.close();
  return stat;
}

export function writeDescriptors(to: WireWriter, descriptors: ReadonlyMap<number, Descriptor>): void {
  to.u32(descriptors.size);
  for (const [number, descriptor] of descriptors) {
    to.u32(number);
    to.u8(KINDS.indexOf(descriptor.kind));
    to.u32(descriptor.flags);
    to.u64(descriptor.rights);
    to.u64(descriptor.inheriting);
    if (descriptor.kind === 'output') to.flag(descriptor.name === 'stderr');
    else if (descriptor.kind === 'file') {
      writeNode(to, descriptor.file, descriptor.path);
      to.u64(descriptor.position);
    } else if (descriptor.kind === 'directory') {
      writeNode(to, descriptor.directory, descriptor.path);
      to.flag(descriptor.preopen !== undefined);
      if (descriptor.preopen !== undefined) to.bytesOf(descriptor.preopen);
      writeListing(to, descriptor.listing);
    }
  }
}

function writeNode(to: WireWriter, node: File | Directory, path: string): void {
  const { device, inode } = node.stat();
  to.u64(device);
  to.u64(inode);
  to.text(path);
}

function writeListing(to: WireWriter, listing: Listing | undefined): void {
  to.flag(listing !== undefined);
  if (listing === undefined) return;
  to.u32(listing.length);
  for (const { name, kind, inode } of listing) {
    to.text(name);
    to.u8(NODE_KINDS.indexOf(kind));
    to.u64(inode);
  }
}

interface Around {
  readonly streams: { readonly stdin: InputStream; readonly stdout: OutputStream; readonly stderr: OutputStream };
  readonly maxDescriptors: number;
  /** Entries that listings may still have. */
  readonly maxListed: () => number;
  readonly reopen: ReopenOn;
}

/** What a descriptor may have, by its kind. */
const MOST_RIGHTS = {
  input: [ALL_RIGHTS.input, 0n],
  output: [ALL_RIGHTS.output, 0n],
  file: [ALL_RIGHTS.file, 0n],
  directory: [ALL_RIGHTS.directory, ALL_RIGHTS.directory | ALL_RIGHTS.file],
} as const;
/** Rights that no file has which was granted for reading. */
const WRITING = RIGHTS.write | RIGHTS.allocate | RIGHTS.setSize;

/** Opens them one after another. @throws SnapshotError */
export function* readDescriptors(
  from: WireReader,
  around: Around,
): Generator<readonly [number: number, descriptor: Descriptor]> {
  const count = from.count(DESCRIPTOR_BYTES, 'descriptors', around.maxDescriptors);
  const seen = new Set<number>();
  for (let i = 0; i < count; i++) {
    const number = from.u32();
    if (number >= around.maxDescriptors) damaged('the number of a descriptor is out of range');
    if (seen.has(number)) damaged('a descriptor is open twice');
    seen.add(number);
    yield [number, readDescriptor(from, around)];
  }
}

function readDescriptor(from: WireReader, { streams, reopen, maxListed }: Around): Descriptor {
  const kind = KINDS[from.u8()] ?? damaged('a descriptor is of no known kind');
  const state = { flags: from.u32(), rights: from.u64(), inheriting: from.u64() };
  const [rights, inheriting] = MOST_RIGHTS[kind];
  if ((state.rights & ~rights) !== 0n || (state.inheriting & ~inheriting) !== 0n || (state.flags & ~ALL_FLAGS) !== 0) {
    damaged('a descriptor has rights or flags that none of its kind has');
  }
  switch (kind) {
    case 'input':
      return { ...state, kind, name: 'stdin', stream: streams.stdin };
    case 'output': {
      const name = from.flag() ? 'stderr' : 'stdout';
      return { ...state, kind, name, stream: streams[name] };
    }
    case 'file': {
      const { node: file, path, on } = readNode(from, reopen);
      if (!('read' in file)) return damaged('a descriptor is open on another kind of node');
      if (on.readOnly && (state.rights & WRITING) !== 0n)
        damaged('a file that was granted for reading is open to write');
      const position = from.u64();
      if (position > MAX_POSITION) damaged('the position in a file is out of range');
      return { ...state, kind, file, path, position };
    }
    case 'directory': {
      const { node: directory, path, inode, on } = readNode(from, reopen);
      if (!('lookup' in directory)) return damaged('a descriptor is open on another kind of node');
      const preopen = from.flag() ? encodeUtf8(from.text()) : undefined;
      const isRoot = path === on.path && inode === on.root;
      if (preopen !== undefined && !(isRoot && decodeLossy(preopen) === path)) {
        damaged('a directory is not the one that was granted');
      }
      return { ...state, kind, directory, path, preopen, listing: readListing(from, maxListed()) };
    }
  }
}

function readNode(from: WireReader, reopen: ReopenOn) {
  const on = reopen(from.u64()) ?? damaged('a descriptor is open on nothing');
  const inode = from.u64();
  const path = from.text(Math.max(3 * MAX_PATH_BYTES, 3 * on.path.length));
  const isBelow = path === on.path || path.startsWith(on.path === '/' ? '/' : `${on.path}/`);
  if (!isBelow || normalPath(path) !== path) damaged('a descriptor is open outside of its folder');
  return { node: on.reopen(inode) ?? damaged('a descriptor is open on nothing'), inode, path, on };
}

/** Of an entry: what a directory can have, and those that stand for itself and the one above. */
function readName(from: WireReader): string {
  const name = from.text(MAX_PATH_BYTES);
  return name !== '' && !/[/\0]/.test(name) ? name : damaged('a listing has a name that is none');
}

function readListing(from: WireReader, max: number): Listing | undefined {
  if (!from.flag()) return undefined;
  const entries = Array.from({ length: from.count(13, 'entries of a listing', max) }, () => ({
    name: readName(from),
    kind: NODE_KINDS[from.u8()] ?? damaged('an entry of a listing is of no known kind'),
    inode: from.u64(),
  }));
  return new Listing(entries, undefined);
}
