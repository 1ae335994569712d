import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseFolder } from '../../src/cli/arguments/folders.ts';
import { UsageError } from '../../wasm/errors.ts';
import { fixture, run } from './harness.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wasm-sandbox-dir-'));
  mkdirSync(join(folder, 'data'));
  writeFileSync(join(folder, 'data', 'in'), 'hello\n');
  writeFileSync(join(folder, 'secret'), 'secret');
});
afterEach(() => rmSync(folder, { recursive: true }));

const files = (dir: string, ...commands: readonly string[]) =>
  run(['run', '--dir', dir, fixture('files'), ...commands]);

describe('--dir', () => {
  test('lets the program read, write and list', async () => {
    const dir = `${join(folder, 'data')}::/d`;
    const { status, stdout, stderr } = await files(
      dir,
      ...['cat', '/d/in', 'put', '/d/out', 'one', 'add', '/d/out', 'two', 'dir', '/d/sub', 'ls', '/d'],
    );
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'hello\nin\nout\nsub/\n', stderr: '' });
    expect(readFileSync(join(folder, 'data', 'out'), 'utf8')).toBe('onetwo');
  });

  test('with :ro the program reads, and writes nothing', async () => {
    const dir = `${join(folder, 'data')}::/:ro`;
    expect(await files(dir, 'cat', '/in')).toMatchObject({ status: 0, stdout: 'hello\n' });
    expect(await files(dir, 'put', '/in', 'x')).toMatchObject({ status: 1, stderr: 'put /in: error 69\n' });
    expect(await files(dir, 'rm', '/in')).toMatchObject({ status: 1, stderr: 'rm /in: error 69\n' });
    expect(readFileSync(join(folder, 'data', 'in'), 'utf8')).toBe('hello\n');
    expect(existsSync(join(folder, 'data', 'out'))).toBe(false);
  });

  test('without a path for the guest, it is the host’s', async () => {
    const data = join(folder, 'data');
    expect(await files(data, 'cat', join(data, 'in'))).toMatchObject({ status: 0, stdout: 'hello\n' });
  });

  test('may be repeated; the program gets no further', async () => {
    symlinkSync(join(folder, 'secret'), join(folder, 'data', 'link'));
    const args = ['--dir', `${join(folder, 'data')}::/a:ro`, '--dir', `${folder}::/b:ro`];
    expect(await run(['run', ...args, fixture('files'), 'cat', '/a/in', 'cat', '/b/secret'])).toMatchObject({
      status: 0,
      stdout: 'hello\nsecret',
    });
    for (const path of ['/a/link', '/a/../secret', '/secret']) {
      expect(await run(['run', ...args, fixture('files'), 'cat', path])).toMatchObject({
        status: 1,
        stderr: `cat ${path}: error 76\n`,
      });
    }
  });

  test('.. goes no further than the folder, and relative paths lead into what is /', async () => {
    const data = join(folder, 'data');
    mkdirSync(join(data, 'sub'));
    const found = { status: 0, stdout: 'hello\n' };
    for (const [guest, path] of [
      ['/d', '/d/sub/../in'],
      ['/', 'in'],
      ['.', 'in'],
      ['/', '/sub/../in'],
    ] as const) {
      expect(await files(`${data}::${guest}`, 'cat', path), path).toMatchObject(found);
    }
    for (const [guest, path] of [
      ['/d', '/d/../d/in'],
      ['/', '/../in'],
      ['/d', 'in'],
    ] as const) {
      expect(await files(`${data}::${guest}`, 'cat', path), path).toMatchObject({ stderr: `cat ${path}: error 76\n` });
    }
  });

  test('a folder above the current one has no path of its own for the guest', () => {
    expect(() => parseFolder('../data')).toThrow(/say where it sees it, as \.\.\/data::\/data/);
    expect(parseFolder('../data::/data')).toMatchObject({ mounts: [{ host: '../data', guest: '/data' }] });
  });

  test('a folder that is not there is a mistake on the command line', async () => {
    const { status, stderr } = await files(join(folder, 'none'), 'ls', '/');
    expect(status).toBe(2);
    expect(stderr).toMatch(/cannot open the folder .*none.* there is none/);
  });

  test.each(['', '::', '::/x', 'a::', 'a::b::c', ':ro'])('%j is refused', (text) => {
    expect(() => parseFolder(text)).toThrow(UsageError);
  });
});
