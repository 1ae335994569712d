/** Walking a guest's path, one component at a time, never above the directory it starts from. */

import { type Directory, FsError, kindError } from './filesystem.ts';

/** Bytes of a path, and of what a symbolic link says; as on Linux. */
export const MAX_PATH_BYTES = 4_096;
/** Bytes of a component. */
const MAX_NAME_BYTES = 255;
/** Symbolic links followed for one path, as on Linux. */
const MAX_LINKS = 40;
/** Directories one path may go down; each is held open until its end. */
const MAX_DEPTH = 64;
/** Components looked at for one path, those of links included. */
const MAX_STEPS = 1_024;

/** Where a path leads: an entry of a directory, or the directory itself. */
export interface Place {
  readonly directory: Directory;
  /** Undefined for the directory itself. There may be nothing of this name. */
  readonly name: string | undefined;
  /** The path ends in a slash. */
  readonly slash: boolean;
}

const encoder = new TextEncoder();

function outside(reason: string): FsError {
  return new FsError('notcapable', { rule: 'path', reason });
}

export function absoluteError(): FsError {
  return outside('the path, or a symbolic link on it, is absolute');
}

/**
 * Walks a path and hands its end to `use`; then closes what was opened on the way.
 * @param path without NUL
 * @param follow whether a symbolic link at the end is followed
 * @param step called before each component is looked up
 * @throws FsError
 */
export function walk<T>(
  start: Directory,
  path: string,
  follow: boolean,
  step: () => void,
  use: (place: Place) => T,
): T {
  const opened: Directory[] = [];
  try {
    return use(findPlace(start, path, follow, step, opened));
  } finally {
    for (const directory of opened) directory.close();
  }
}

function findPlace(start: Directory, path: string, follow: boolean, step: () => void, opened: Directory[]): Place {
  // Components still to go, the next one last.
  const rest: string[] = [];
  const push = (text: string): void => {
    if (text === '') throw new FsError('noent');
    if (text.startsWith('/')) throw absoluteError();
    rest.push(...text.split('/').reverse());
    if (rest.length > MAX_STEPS) throw new FsError('nametoolong');
  };
  push(path);
  let steps = 0;
  let links = 0;
  for (let part = rest.pop(); part !== undefined; part = rest.pop()) {
    if (part === '' || part === '.') continue;
    if (++steps > MAX_STEPS) throw new FsError('nametoolong');
    step();
    if (part === '..') {
      const left = opened.pop();
      if (left === undefined) throw outside('the path leads above the directory it starts from');
      left.close();
      continue;
    }
    if (encoder.encode(part).length > MAX_NAME_BYTES) throw new FsError('nametoolong');
    const directory = opened.at(-1) ?? start;
    const isLast = rest.every((other) => other === '');
    const found = isLast && !follow ? undefined : directory.lookup(part);
    if (found?.kind === 'link') {
      if (++links > MAX_LINKS) throw new FsError('loop');
      push(directory.readLink(part));
      continue;
    }
    if (isLast) return { directory, name: part, slash: rest.length > 0 };
    if (found === undefined) throw new FsError('noent');
    if (found.kind !== 'directory') throw found.kind === 'other' ? kindError() : new FsError('notdir');
    if (opened.length >= MAX_DEPTH) throw new FsError('nametoolong');
    opened.push(directory.openDirectory(part));
  }
  return { directory: opened.at(-1) ?? start, name: undefined, slash: true };
}
