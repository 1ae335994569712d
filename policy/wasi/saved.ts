/** Descriptors in a snapshot. */

import { SnapshotError } from '../../wasm/errors.ts';
import { quote } from '../../wasm/quote.ts';
import { damaged, type WireReader, type WireWriter } from '../../wasm/wire.ts';
import type { Directory, File, FileSystem, NodeKind, Reopen } from '../fs/filesystem.ts';
import type { InputStream, OutputStream } from '../streams.ts';
import type { Descriptor, Listing, Preopen } from './state.ts';

const KINDS = ['input', 'output', 'file', 'directory'] as const;
const NODE_KINDS: readonly NodeKind[] = ['file', 'directory', 'link', 'other'];
/** The least that a descriptor takes. */
const DESCRIPTOR_BYTES = 25;

/** Opens by the number of the device, and of the inode there. */
export type ReopenOn = (device: bigint) => Reopen | undefined;

/** @throws SnapshotError where one of them cannot be saved */
export function saveFileSystems(
  to: WireWriter,
  preopens: readonly Preopen[],
  descriptors: ReadonlyMap<number, Descriptor>,
): void {
  to.u32(preopens.length);
  for (const { path, fileSystem } of preopens) {
    if (fileSystem.save === undefined) throw new SnapshotError(FOLDER(path));
    const device = deviceOf(fileSystem);
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
export function loadFileSystems(from: WireReader, preopens: readonly Preopen[]): ReadonlyMap<bigint, Reopen> {
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
      return [deviceOf(fileSystem), fileSystem.load(from)] as const;
    }),
  );
}

const FOLDER = (path: string) =>
  `the policy grants a folder of the host's as ${quote(path)}, which no snapshot can hold: grant files in memory instead`;

function deviceOf(fileSystem: FileSystem): bigint {
  const root = fileSystem.openRoot();
  const { device } = root.stat();
  root.close();
  return device;
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
    to.bytesOf(name);
    to.u8(NODE_KINDS.indexOf(kind));
    to.u64(inode);
  }
}

interface Around {
  readonly streams: { readonly stdin: InputStream; readonly stdout: OutputStream; readonly stderr: OutputStream };
  readonly maxDescriptors: number;
  readonly reopen: ReopenOn;
}

/** Opens them one after another. @throws SnapshotError */
export function* readDescriptors(
  from: WireReader,
  around: Around,
): Generator<readonly [number: number, descriptor: Descriptor]> {
  const count = from.count(DESCRIPTOR_BYTES, 'descriptors', around.maxDescriptors);
  const seen = new Set<number>();
  for (let i = 0; i < count; i++) {
    const number = from.u32();
    if (seen.has(number)) damaged('a descriptor is open twice');
    seen.add(number);
    yield [number, readDescriptor(from, around)];
  }
}

function readDescriptor(from: WireReader, { streams, reopen }: Around): Descriptor {
  const kind = KINDS[from.u8()];
  const state = { flags: from.u32(), rights: from.u64(), inheriting: from.u64() };
  switch (kind) {
    case 'input':
      return { ...state, kind, name: 'stdin', stream: streams.stdin };
    case 'output': {
      const name = from.flag() ? 'stderr' : 'stdout';
      return { ...state, kind, name, stream: streams[name] };
    }
    case 'file': {
      const { node: file, path } = readNode(from, reopen);
      if (!('read' in file)) return damaged('a descriptor is open on another kind of node');
      return { ...state, kind, file, path, position: from.u64() };
    }
    case 'directory': {
      const { node: directory, path } = readNode(from, reopen);
      if (!('lookup' in directory)) return damaged('a descriptor is open on another kind of node');
      const preopen = from.flag() ? from.bytesOf().slice() : undefined;
      return { ...state, kind, directory, path, preopen, listing: readListing(from) };
    }
    default:
      return damaged('a descriptor is of no known kind');
  }
}

function readNode(from: WireReader, reopen: ReopenOn): { node: File | Directory; path: string } {
  const device = from.u64();
  const inode = from.u64();
  const path = from.text();
  return { node: reopen(device)?.(inode) ?? damaged('a descriptor is open on nothing'), path };
}

function readListing(from: WireReader): Listing | undefined {
  if (!from.flag()) return undefined;
  return Array.from({ length: from.count(13, 'entries of a listing') }, () => ({
    name: from.bytesOf().slice(),
    kind: NODE_KINDS[from.u8()] ?? damaged('an entry of a listing is of no known kind'),
    inode: from.u64(),
  }));
}
