/** Walking a guest's path, one component at a time, never above the directory it starts from. */

import { encodeUtf8 } from '../../wasm/utf8.ts';
import { type Directory, FsError, kindError } from './filesystem.ts';

/** Bytes of a component. */
const MAX_NAME_BYTES = 255;
/** Symbolic links followed for one path, as on Linux. */
const MAX_LINKS = 40;
/** Directories one path may go down; each is held open until its end. */
const MAX_DEPTH = 64;
/** Components looked at for one path, those of links included. */
const MAX_STEPS = 1_024;

/** Where a path leads: an entry of a directory, or the directory itself. */
export interface ResolvedPath {
  readonly directory: Directory;
  /** Undefined for the directory itself. There may be nothing of this name. */
  readonly name: string | undefined;
  /** The path ends in a slash. */
  readonly slash: boolean;
}

function outside(reason: string): FsError {
  return new FsError('notcapable', { rule: 'path', reason });
}

export function absoluteError(): FsError {
  return outside('the path, or a symbolic link on it, is absolute');
}

/** Told of the work that walking a path takes. */
export interface WalkListener {
  /** Before a component is looked up in the directory. */
  onStep(directory: Directory): void;
  /** Before what a symbolic link says is walked, of so many bytes at most. */
  onLink(bytes: number): void;
}

/**
 * Walks a path and hands its end to `use`; then closes what was opened on the way.
 * @param path without NUL
 * @param follow whether a symbolic link at the end is followed
 * @throws FsError
 */
export function walk<T>(
  start: Directory,
  path: string,
  follow: boolean,
  listener: WalkListener,
  use: (place: ResolvedPath) => T,
): T {
  const opened: Directory[] = [];
  try {
    return use(findPlace(start, path, follow, listener, opened));
  } finally {
    for (const directory of opened) directory.close();
  }
}

/** A path, or what a symbolic link on it says, and where the next component begins: beyond the end if no slash does. */
interface Stretch {
  readonly text: string;
  at: number;
}

/** The components that are still to go: those of the last stretch first. */
class Way {
  private readonly stretches: Stretch[] = [];

  /** @throws FsError */
  add(text: string): void {
    if (text === '') throw new FsError('noent');
    if (text.startsWith('/')) throw absoluteError();
    this.stretches.push({ text, at: 0 });
  }

  /** Undefined where none is left. */
  next(): string | undefined {
    for (let last = this.stretches.at(-1); last !== undefined; last = this.stretches.at(-1)) {
      const { text, at } = last;
      if (at >= text.length) {
        this.stretches.pop();
        continue;
      }
      const slash = text.indexOf('/', at);
      const end = slash < 0 ? text.length : slash;
      last.at = end + 1;
      while (text[last.at] === '/') last.at++;
      return text.slice(at, end);
    }
    return undefined;
  }

  /** Whether nothing but slashes is left. */
  get isAtEnd(): boolean {
    return this.stretches.every(({ text, at }) => at >= text.length);
  }

  /** Whether slashes are left. */
  get hasSlash(): boolean {
    return this.stretches.some(({ text, at }) => at === text.length);
  }
}

function findPlace(
  start: Directory,
  path: string,
  follow: boolean,
  { onStep, onLink }: WalkListener,
  opened: Directory[],
): ResolvedPath {
  const way = new Way();
  way.add(path);
  let steps = 0;
  let links = 0;
  for (let part = way.next(); part !== undefined; part = way.next()) {
    if (++steps > MAX_STEPS) throw new FsError('nametoolong');
    if (part === '.') continue;
    const directory = opened.at(-1) ?? start;
    onStep(directory);
    if (part === '..') {
      const left = opened.pop();
      if (left === undefined) throw outside('the path leads above the directory it starts from');
      left.close();
      continue;
    }
    if (isTooLong(part)) throw new FsError('nametoolong');
    const isLast = way.isAtEnd;
    const found = isLast && !follow ? undefined : directory.lookup(part);
    if (found?.kind === 'link') {
      if (++links > MAX_LINKS) throw new FsError('loop');
      const target = directory.readLink(part);
      onLink(3 * target.length);
      way.add(target);
      continue;
    }
    if (isLast) return { directory, name: part, slash: way.hasSlash };
    if (found === undefined) throw new FsError('noent');
    if (found.kind !== 'directory') throw found.kind === 'other' ? kindError() : new FsError('notdir');
    if (opened.length >= MAX_DEPTH) throw new FsError('nametoolong');
    opened.push(directory.openDirectory(part));
  }
  return { directory: opened.at(-1) ?? start, name: undefined, slash: true };
}

/** A unit of UTF-16 is at most three bytes of UTF-8. */
function isTooLong(name: string): boolean {
  return 3 * name.length > MAX_NAME_BYTES && encodeUtf8(name).length > MAX_NAME_BYTES;
}
