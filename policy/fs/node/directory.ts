/**
 * A folder of the host's. Every operation names one entry of an open directory, never a path of the guest's, and
 * never follows a symbolic link; how the entry is found without a race is anchor.ts's concern.
 */

import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  futimesSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  opendirSync,
  openSync,
  readlinkSync,
  readSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { FILE_WORK } from '../../../wasm/gas.ts';
import { encodeUtf8 } from '../../../wasm/utf8.ts';
import {
  type Directory,
  type Entry,
  type File,
  type FileSystem,
  FsError,
  kindError,
  MAX_FILE_SIZE,
  type OpenOptions,
  readOnlyError,
  type Stat,
  type TimeChange,
} from '../filesystem.ts';
import { type FileLimits, Quota } from '../quota.ts';
import { type Anchor, type AnchorKind, type HostStat, lookAt, openRootAnchor } from './anchor.ts';
import { translate } from './errors.ts';
import { Held } from './held.ts';
import { identity, KnownTimes, kindOf } from './stat.ts';

export interface FolderOptions {
  readonly readOnly: boolean;
  readonly limits: FileLimits;
  /** Tells folders of one guest apart; a safe integer below 2³¹. */
  readonly device: number;
  /** For tests: how directories are held; the safest there is unless given. */
  readonly anchor?: AnchorKind | undefined;
  /** For tests: called between a check and the use that relies on it. */
  readonly onGap?: (() => void) | undefined;
}

/** Devices told apart below one folder; the rest count as one. */
const MAX_DEVICES = 1_024;
/** Longer than a tick of any clock that file systems set times by. */
const TICK_NANOSECONDS = 3_000_000_000n;
/** How often an entry may change under an open before that counts as an error. */
const MAX_TRIES = 4;

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL } = constants;
/** Not on Windows, which opens neither links nor devices by names that have been checked. */
const O_NOFOLLOW = constants.O_NOFOLLOW ?? 0;
const SAFE = O_NOFOLLOW | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

export class HostFileSystem implements FileSystem {
  readonly readOnly: boolean;
  readonly work = FILE_WORK.folder;
  readonly quota: Quota;
  readonly times = new KnownTimes();
  /** Open files, by identity. */
  readonly opened = new Map<string, number>();
  readonly options: FolderOptions;
  private readonly root: Anchor;
  private readonly devices = new Map<bigint, bigint>();

  /** @throws FsError where the path is no directory */
  constructor(path: string, options: FolderOptions) {
    this.readOnly = options.readOnly;
    this.options = options;
    this.quota = new Quota(options.limits);
    this.root = translate(() => openRootAnchor(path, options.anchor));
  }

  openRoot(): Directory {
    return new HostDirectory(
      this,
      translate(() => this.root.again()),
    );
  }

  reset(): void {
    this.quota.reset();
  }

  files(): undefined {
    return undefined;
  }

  close(): void {
    translate(() => this.root.close());
  }

  stat(stat: HostStat): Stat {
    const { accessed, modified } = this.times.of(stat);
    const { ino: inode, nlink: links, size, ctimeNs: changed } = stat;
    return { device: this.device(stat.dev), inode, kind: kindOf(stat), links, size, accessed, modified, changed };
  }

  /** The host's number is nobody's business. */
  private device(dev: bigint): bigint {
    const known = this.devices.get(dev);
    if (known !== undefined) return known;
    const number = (BigInt(this.options.device) << 32n) | BigInt(this.devices.size);
    if (this.devices.size < MAX_DEVICES) this.devices.set(dev, number);
    return number;
  }
}

class HostFile implements File {
  private readonly fs: HostFileSystem;
  private readonly held: Held;
  private readonly key: string;

  constructor(fs: HostFileSystem, fd: number, stat: HostStat) {
    this.fs = fs;
    this.held = new Held(fd);
    this.key = identity(stat);
    fs.opened.set(this.key, (fs.opened.get(this.key) ?? 0) + 1);
  }

  get fileSystem(): FileSystem {
    return this.fs;
  }

  private hostStat(): HostStat {
    return translate(() => fstatSync(this.held.fd, { bigint: true }));
  }

  private get size(): number {
    return Number(this.hostStat().size);
  }

  stat(): Stat {
    return this.fs.stat(this.hostStat());
  }

  setTimes(times: TimeChange): void {
    if (this.fs.readOnly) throw readOnlyError();
    this.fs.times.set(
      times,
      () => this.hostStat(),
      (accessed, modified) => translate(() => futimesSync(this.held.fd, accessed, modified)),
    );
  }

  read(position: number, bytes: Uint8Array): number {
    let done = 0;
    while (done < bytes.length) {
      const count = translate(() => readSync(this.held.fd, bytes, done, bytes.length - done, position + done));
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  write(position: number, bytes: Uint8Array): number {
    if (this.fs.readOnly) throw readOnlyError();
    const before = this.size;
    const growth = Math.max(0, position + bytes.length - before);
    this.fs.quota.takeBytes(growth);
    let done = 0;
    try {
      while (done < bytes.length) {
        done += translate(() => writeSync(this.held.fd, bytes, done, bytes.length - done, position + done));
      }
    } catch (error) {
      this.fs.quota.giveBytes(Math.max(0, growth - Math.max(0, position + done - before)));
      if (done === 0) throw error;
    }
    return done;
  }

  reserve(size: number): void {
    if (size > MAX_FILE_SIZE) throw new FsError('fbig');
    this.fs.quota.checkBytes(Math.max(0, size - this.size));
  }

  setSize(size: number): void {
    if (this.fs.readOnly) throw readOnlyError();
    const before = this.size;
    this.fs.quota.takeBytes(Math.max(0, size - before));
    try {
      translate(() => ftruncateSync(this.held.fd, size));
    } catch (error) {
      this.fs.quota.giveBytes(Math.max(0, size - before));
      throw error;
    }
    this.fs.quota.giveBytes(Math.max(0, before - size));
  }

  sync(): void {
    translate(() => fdatasyncSync(this.held.fd));
  }

  close(): void {
    const { opened, quota } = this.fs;
    const count = (opened.get(this.key) ?? 1) - 1;
    if (count > 0) opened.set(this.key, count);
    else opened.delete(this.key);
    try {
      const stat = this.hostStat();
      if (count === 0 && stat.nlink === 0n) quota.giveBytes(Number(stat.size));
    } finally {
      translate(() => this.held.close());
    }
  }
}

class HostDirectory implements Directory {
  private readonly fs: HostFileSystem;
  private readonly anchor: Anchor;

  constructor(fs: HostFileSystem, anchor: Anchor) {
    this.fs = fs;
    this.anchor = anchor;
  }

  get fileSystem(): FileSystem {
    return this.fs;
  }

  stat(): Stat {
    return this.fs.stat(translate(() => this.anchor.stat()));
  }

  setTimes(times: TimeChange): void {
    this.requireWritable();
    this.fs.times.set(
      times,
      () => translate(() => this.anchor.stat()),
      (accessed, modified) => this.change(() => lutimesSync(this.anchor.path, accessed, modified)),
    );
  }

  /** Two changes within a tick of the host's clock give one time, so a young one tells nothing. */
  get version(): string | undefined {
    const { mtimeNs, ctimeNs } = translate(() => this.anchor.stat());
    const last = mtimeNs > ctimeNs ? mtimeNs : ctimeNs;
    const isSettled = BigInt(Date.now()) * 1_000_000n - last > TICK_NANOSECONDS;
    return isSettled ? `${mtimeNs}.${ctimeNs}` : undefined;
  }

  *entries(): Iterable<Entry> {
    this.anchor.check();
    const listing = translate(() => opendirSync(this.anchor.path));
    try {
      for (;;) {
        const found = translate(() => listing.readSync());
        if (found === null) break;
        const stat = this.look(found.name);
        // Removed since, or not a name in UTF-8: the guest could not name it.
        if (stat !== undefined) yield { name: found.name, kind: kindOf(stat), inode: stat.ino };
      }
    } finally {
      listing.closeSync();
    }
    this.anchor.check();
  }

  private look(name: string): HostStat | undefined {
    return translate(() => lookAt(this.anchor.at(name)));
  }

  private get(name: string): HostStat {
    this.anchor.check();
    const stat = this.look(name);
    if (stat === undefined) throw new FsError('noent');
    return stat;
  }

  lookup(name: string): Stat | undefined {
    this.anchor.check();
    const stat = this.look(name);
    return stat && this.fs.stat(stat);
  }

  setTimesOf(name: string, times: TimeChange): void {
    this.requireWritable();
    this.fs.times.set(
      times,
      () => this.get(name),
      (accessed, modified) => this.change(() => lutimesSync(this.anchor.at(name), accessed, modified)),
    );
  }

  openDirectory(name: string): Directory {
    this.gap();
    return new HostDirectory(
      this.fs,
      translate(() => this.anchor.down(name)),
    );
  }

  openFile(name: string, { write, create, exclusive }: OpenOptions): File {
    if (write) this.requireWritable();
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      this.anchor.check();
      const known = this.look(name);
      if (known === undefined) {
        if (!create) throw new FsError('noent');
        this.requireWritable();
        const file = this.create(name, write);
        if (file !== undefined) return file;
        continue;
      }
      if (create && exclusive) throw new FsError('exist');
      const kind = kindOf(known);
      if (kind === 'link') throw new FsError('loop');
      if (kind === 'directory') throw new FsError('isdir');
      // Opening a device can do something, and opening a pipe can wait for ever.
      if (kind === 'other') throw kindError();
      this.gap();
      const file = this.openExisting(name, write, known);
      if (file !== undefined) return file;
    }
    throw new FsError('again');
  }

  /** Undefined where there is something by now. */
  private create(name: string, write: boolean): File | undefined {
    this.fs.quota.takeFile();
    this.gap();
    let fd: number;
    try {
      fd = translate(() =>
        openSync(this.anchor.at(name), (write ? O_RDWR : O_RDONLY) | O_CREAT | O_EXCL | SAFE, 0o666),
      );
    } catch (error) {
      this.fs.quota.giveFile();
      if (error instanceof FsError && error.code === 'exist') return undefined;
      throw error;
    }
    return this.take(fd, undefined);
  }

  /** Undefined where it is not what it was. */
  private openExisting(name: string, write: boolean, known: HostStat): File | undefined {
    const fd = translate(() => openSync(this.anchor.at(name), (write ? O_RDWR : O_RDONLY) | SAFE));
    return this.take(fd, known);
  }

  private take(fd: number, known: HostStat | undefined): File | undefined {
    try {
      const stat = fstatSync(fd, { bigint: true });
      const isKnown = known === undefined || identity(known) === identity(stat);
      this.anchor.check();
      if (isKnown && kindOf(stat) === 'file') return new HostFile(this.fs, fd, stat);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    closeSync(fd);
    return undefined;
  }

  readLink(name: string): string {
    this.anchor.check();
    return translate(() => readlinkSync(this.anchor.at(name)));
  }

  createDirectory(name: string): void {
    this.add(this, name, 0, () => mkdirSync(this.anchor.at(name)));
  }

  createLink(name: string, target: string): void {
    const size = encodeUtf8(target).length;
    this.add(this, name, size, () => symlinkSync(target, this.anchor.at(name)));
  }

  removeFile(name: string): void {
    const stat = this.get(name);
    this.requireWritable();
    if (kindOf(stat) === 'directory') throw new FsError('isdir');
    this.change(() => unlinkSync(this.anchor.at(name)));
    this.removed(stat);
  }

  removeDirectory(name: string): void {
    const stat = this.get(name);
    this.requireWritable();
    if (kindOf(stat) !== 'directory') throw new FsError('notdir');
    this.change(() => rmdirSync(this.anchor.at(name)));
    this.removed(stat);
  }

  rename(name: string, to: Directory, newName: string): void {
    const stat = this.get(name);
    const target = this.sibling(to);
    this.requireWritable();
    target.anchor.check();
    const old = target.look(newName);
    const isSame = old !== undefined && identity(old) === identity(stat);
    // Where POSIX says nothing happens, some systems remove one name. Others spell one name in two ways.
    if (isSame && stat.nlink > 1n && kindOf(stat) !== 'directory') return;
    this.change(() => renameSync(this.anchor.at(name), target.anchor.at(newName)));
    if (old !== undefined && !isSame) this.removed(old);
  }

  link(name: string, to: Directory, newName: string): void {
    const stat = this.get(name);
    const target = this.sibling(to);
    target.anchor.check();
    const kind = kindOf(stat);
    if (kind === 'directory') throw new FsError('perm');
    if (kind === 'other') throw kindError();
    this.add(target, newName, 0, () => linkSync(this.anchor.at(name), target.anchor.at(newName)));
  }

  again(): Directory {
    return new HostDirectory(
      this.fs,
      translate(() => this.anchor.again()),
    );
  }

  close(): void {
    translate(() => this.anchor.close());
  }

  private sibling(other: Directory): HostDirectory {
    if (!(other instanceof HostDirectory) || other.fs !== this.fs) throw new FsError('xdev');
    return other;
  }

  private requireWritable(): void {
    if (this.fs.readOnly) throw readOnlyError();
  }

  private gap(): void {
    this.fs.options.onGap?.();
  }

  /** Carries out what changes the folder, and makes sure that it was this one. */
  private change(action: () => void): void {
    this.requireWritable();
    this.anchor.check();
    this.gap();
    translate(action);
    this.anchor.check();
  }

  /** Carries out what makes an entry of so many bytes. */
  private add(directory: HostDirectory, name: string, bytes: number, action: () => void): void {
    const { quota } = this.fs;
    this.requireWritable();
    directory.anchor.check();
    if (directory.look(name) !== undefined) throw new FsError('exist');
    quota.takeFile();
    try {
      quota.takeBytes(bytes);
      try {
        this.change(action);
      } catch (error) {
        quota.giveBytes(bytes);
        throw error;
      }
    } catch (error) {
      quota.giveFile();
      throw error;
    }
  }

  /** A file that is still open gives its bytes back when it is closed. */
  private removed(stat: HostStat): void {
    this.fs.quota.giveFile();
    const isGone = stat.nlink === 1n && !this.fs.opened.has(identity(stat));
    if (isGone && kindOf(stat) !== 'directory') this.fs.quota.giveBytes(Number(stat.size));
  }
}
