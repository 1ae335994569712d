/**
 * Directories held open on a host whose runtime has no `openat`. On Linux, `/proc/self/fd/N/name` means the entry
 * `name` of the directory that descriptor N holds, wherever that directory has been moved since: the kernel resolves
 * one component, below the very directory that was checked. Elsewhere a directory is held by its real path, and its
 * identity is checked before and after every use; docs/security.md says what remains.
 */

import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync, realpathSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { FsError } from '../filesystem.ts';
import { Held } from './held.ts';
import { identity } from './stat.ts';

export type HostStat = BigIntStats;
export type AnchorKind = 'descriptor' | 'path';

/** A directory that stays the same one. Throws the host's errors, and FsError. */
export interface Anchor {
  /** The directory, as a path for one immediate use. */
  readonly path: string;
  /** An entry of it, likewise. */
  at(name: string): string;
  stat(): HostStat;
  /** @throws FsError where the path no longer leads to the directory */
  check(): void;
  /** The directory of this name below. */
  down(name: string): Anchor;
  /** The same directory, held once more. */
  again(): Anchor;
  close(): void;
}

const { O_RDONLY } = constants;
const DIRECTORY = O_RDONLY | (constants.O_DIRECTORY ?? 0) | (constants.O_NOFOLLOW ?? 0);

/** What is there, without following a link; undefined where there is nothing. */
export function lookAt(path: string): HostStat | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

/** @param kind the safest the host has, unless given */
export function openRootAnchor(path: string, kind?: AnchorKind): Anchor {
  const real = realpathSync.native(path);
  if (kind !== 'path' && hasDescriptorPaths(real)) return new DescriptorAnchor(openSync(real, DIRECTORY));
  if (kind === 'descriptor') throw new FsError('notsup');
  return new PathAnchor(real);
}

/** Whether `/proc/self/fd` is there and leads where it should. */
function hasDescriptorPaths(path: string): boolean {
  if (constants.O_NOFOLLOW === undefined || constants.O_DIRECTORY === undefined) return false;
  const fd = openSync(path, DIRECTORY);
  try {
    const through = lstatSync(`/proc/self/fd/${fd}/.`, { bigint: true });
    return through.isDirectory() && identity(through) === identity(fstatSync(fd, { bigint: true }));
  } catch {
    return false;
  } finally {
    closeSync(fd);
  }
}

class DescriptorAnchor implements Anchor {
  readonly path: string;
  private readonly held: Held;

  constructor(fd: number) {
    this.held = new Held(fd);
    this.path = this.at('.');
  }

  at(name: string): string {
    return `/proc/self/fd/${this.held.fd}/${name}`;
  }

  stat(): HostStat {
    return fstatSync(this.held.fd, { bigint: true });
  }

  check(): void {
    // The descriptor is the directory.
  }

  down(name: string): Anchor {
    return new DescriptorAnchor(openSync(this.at(name), DIRECTORY));
  }

  again(): Anchor {
    return new DescriptorAnchor(openSync(this.path, DIRECTORY));
  }

  close(): void {
    this.held.close();
  }
}

class PathAnchor implements Anchor {
  readonly path: string;
  private readonly id: string;

  constructor(path: string) {
    this.path = path;
    const stat = lstatSync(path, { bigint: true });
    if (!stat.isDirectory()) throw new FsError('notdir');
    this.id = identity(stat);
    this.check();
  }

  at(name: string): string {
    if (isSpecial(name)) throw new FsError('ilseq');
    return join(this.path, name);
  }

  stat(): HostStat {
    const stat = lstatSync(this.path, { bigint: true });
    this.check();
    return stat;
  }

  check(): void {
    const stat = lookAt(this.path);
    const isSame = stat?.isDirectory() === true && identity(stat) === this.id;
    if (!isSame || realPath(this.path) !== this.path) throw new FsError('stale');
  }

  down(name: string): Anchor {
    this.check();
    const path = this.at(name);
    const found = lookAt(path);
    if (found === undefined) throw new FsError('noent');
    if (!found.isDirectory()) throw new FsError(found.isSymbolicLink() ? 'loop' : 'notdir');
    // On a system that folds case or Unicode, the real path may be spelt otherwise; it must still be one step down.
    const real = realpathSync.native(path);
    if (dirname(real) !== this.path) throw new FsError('stale');
    const below = new PathAnchor(real);
    if (below.id !== identity(found)) throw new FsError('stale');
    this.check();
    return below;
  }

  again(): Anchor {
    return this;
  }

  close(): void {
    // Nothing is held.
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync.native(path);
  } catch {
    return undefined;
  }
}

/** Names that a system takes for another: characters that some ignore; streams, devices and endings on Windows. */
function isSpecial(name: string): boolean {
  if (/^\.{0,2}$/.test(name.replace(/\p{Default_Ignorable_Code_Point}/gu, ''))) return true;
  return sep === '\\' && (WINDOWS_CHARACTERS.test(name) || WINDOWS_DEVICES.test(name));
}

const WINDOWS_CHARACTERS = /[\\/:*?"<>|]|[. ]$/;
const WINDOWS_DEVICES = /^(?:con|prn|aux|nul|conin\$|conout\$|com.|lpt.)(?:\.|$)/i;
