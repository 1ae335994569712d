/** Walking a path: where it leads, what is looked at and opened on the way, and how far it goes. */

import { describe, expect, test } from 'vitest';
import { type Directory, FsError, type Stat } from '../../../policy/fs/filesystem.ts';
import { walk } from '../../../policy/fs/path.ts';
import { MAX_PATH_BYTES } from '../../../policy/limits.ts';

/** A directory, or what a symbolic link says, or something else. */
type Node = { readonly [name: string]: Node } | string | null | undefined;

const kindOf = (node: Node): Stat['kind'] => {
  if (node === null) return 'other';
  if (node === undefined) return 'file';
  return typeof node === 'string' ? 'link' : 'directory';
};

/** What happened on the way. */
class Walker {
  readonly root: Node;
  open = 0;
  mostOpen = 0;
  steps: string[] = [];
  links: number[] = [];

  constructor(root: Node) {
    this.root = root;
  }

  private directory(path: string, nodes: { readonly [name: string]: Node }): Directory {
    const at = `${path}/`;
    return {
      path,
      lookup: (name: string) => (Object.hasOwn(nodes, name) ? { kind: kindOf(nodes[name]) } : undefined),
      readLink: (name: string) => nodes[name] as string,
      openDirectory: (name: string) => {
        this.mostOpen = Math.max(this.mostOpen, ++this.open);
        return this.directory(at + name, nodes[name] as typeof nodes);
      },
      close: () => {
        this.open--;
      },
    } as unknown as Directory;
  }

  /** Where it ends: the directory, the name, and a slash behind it; or the error. */
  to(path: string, follow = true): string {
    const listener = {
      onStep: (directory: Directory) => this.steps.push((directory as unknown as { path: string }).path),
      onLink: (bytes: number) => this.links.push(bytes),
    };
    try {
      return walk(this.directory('', this.root as { [name: string]: Node }), path, follow, listener, (place) => {
        const { path: held } = place.directory as unknown as { path: string };
        return `${held}:${place.name ?? ''}${place.slash ? '/' : ''}`;
      });
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      return error.refusal === undefined ? error.code : `${error.code}, ${error.refusal.reason}`;
    }
  }
}

const ABSOLUTE = 'notcapable, the path, or a symbolic link on it, is absolute';
const ABOVE = 'notcapable, the path leads above the directory it starts from';

const TREE: Node = {
  file: undefined,
  socket: null,
  a: { b: { c: {}, up: '..', file: undefined }, file: undefined },
  toA: 'a',
  toSlash: 'a/',
  toFile: 'a/file',
  toDots: './a/../a/./b',
  toNothing: 'nothing',
  empty: '',
  absolute: '/a',
  above: '..',
  itself: 'itself',
};

describe('a path', () => {
  test.each<[path: string, place: string]>([
    ['file', ':file'],
    ['nothing', ':nothing'],
    ['nothing/', ':nothing/'],
    ['file/', ':file/'],
    ['a', ':a'],
    ['a/', ':a/'],
    ['a//', ':a/'],
    ['.', ':/'],
    ['./', ':/'],
    ['a/.', '/a:/'],
    ['a//file', '/a:file'],
    ['a///b//', '/a:b/'],
    ['a/./b/../file', '/a:file'],
    ['a/..', ':/'],
    ['a/b/..', '/a:/'],
    ['toA', ':a'],
    ['toA/', ':a/'],
    ['toA/file', '/a:file'],
    ['toSlash', ':a/'],
    ['toSlash/file', '/a:file'],
    ['toFile', '/a:file'],
    ['toFile/', '/a:file/'],
    ['toDots/file', '/a/b:file'],
    ['toDots/up/file', '/a:file'],
    ['a/b/up', '/a:/'],
    ['toNothing', ':nothing'],
    ['', 'noent'],
    ['empty', 'noent'],
    ['nothing/x', 'noent'],
    ['toNothing/x', 'noent'],
    ['file/x', 'notdir'],
    ['file/.', 'notdir'],
    ['socket/x', 'acces, what is there is neither a file, a directory nor a symbolic link'],
    ['/a', ABSOLUTE],
    ['absolute', ABSOLUTE],
    ['..', ABOVE],
    ['a/../..', ABOVE],
    ['above', ABOVE],
    ['itself', 'loop'],
  ])('%j leads to %s', (path, place) => {
    const walker = new Walker(TREE);
    expect(walker.to(path)).toBe(place);
    expect(walker.open).toBe(0);
  });

  test('whose last link is not followed ends at the link', () => {
    const walker = new Walker(TREE);
    expect(['toA', 'toA/', 'toA/file', 'absolute', 'empty', 'a/b/up'].map((path) => walker.to(path, false))).toEqual([
      ':toA',
      ':toA/',
      '/a:file',
      ':absolute',
      ':empty',
      '/a/b:up',
    ]);
  });

  test('tells of each component before it is looked up, and of each link before it is walked', () => {
    const walker = new Walker(TREE);
    walker.to('./a/b/../file');
    expect(walker.steps).toEqual(['', '/a', '/a/b', '/a']);
    expect(walker.links).toEqual([]);
    walker.to('toDots/file');
    expect(walker.links).toEqual([3 * './a/../a/./b'.length]);
  });

  test('holds no more directories than it is deep', () => {
    const walker = new Walker(TREE);
    walker.to('a/../a/../a/b/../b/c/');
    expect(walker.mostOpen).toBe(2);
    expect(walker.open).toBe(0);
  });
});

describe('the limits of a path', () => {
  /** Links that lead to one another, and at last to a file. */
  const chain = (links: number): Node =>
    Object.fromEntries(Array.from({ length: links }, (_, i) => [`l${i}`, i + 1 < links ? `l${i + 1}` : 'file']));
  const deep = (depth: number): Node => (depth === 0 ? {} : { d: deep(depth - 1) });

  test.each<[what: string, Node, path: string, place: string]>([
    ['40 symbolic links', chain(40), 'l0', ':file'],
    ['41 symbolic links', chain(41), 'l0', 'loop'],
    ['64 directories', deep(64), `${'d/'.repeat(64)}x`, `${'/d'.repeat(64)}:x`],
    ['65 directories', deep(65), `${'d/'.repeat(65)}x`, 'nametoolong'],
    ['1,024 components', {}, `${'./'.repeat(1_023)}x`, ':x'],
    ['1,025 components', {}, `${'./'.repeat(1_024)}x`, 'nametoolong'],
    ['a name of 255 bytes', {}, 'x'.repeat(255), `:${'x'.repeat(255)}`],
    ['a name of 256 bytes', {}, 'x'.repeat(256), 'nametoolong'],
    ['a name of 85 characters of three bytes', {}, '€'.repeat(85), `:${'€'.repeat(85)}`],
    ['a name of 86 characters of three bytes', {}, '€'.repeat(86), 'nametoolong'],
    ['a directory of a name of 256 bytes', {}, `${'x'.repeat(256)}/y`, 'nametoolong'],
  ])('%s', (_, tree, path, place) => {
    expect(path.length).toBeLessThanOrEqual(MAX_PATH_BYTES);
    const walker = new Walker(tree);
    expect(walker.to(path)).toBe(place);
    expect(walker.open).toBe(0);
  });

  test('hold for what links say, too', () => {
    const links = { more: './'.repeat(1_000), long: 'x'.repeat(256) };
    expect(new Walker(links).to(`${'./'.repeat(22)}more/x`)).toBe(':x');
    expect(new Walker(links).to(`${'./'.repeat(23)}more/x`)).toBe('nametoolong');
    expect(new Walker(links).to('long')).toBe('nametoolong');
  });
});
