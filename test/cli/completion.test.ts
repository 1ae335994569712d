import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { run } from './harness.ts';

let printed: string[] = [];
beforeEach(() => {
  printed = [];
  // The package that writes them does so by itself.
  vi.spyOn(console, 'log').mockImplementation((text: string) => void printed.push(...text.split('\n')));
});
afterEach(() => void vi.restoreAllMocks());

/** What a shell is told for the words behind the name of the command. */
async function completed(...words: string[]): Promise<(string | undefined)[]> {
  const { status, stdout, stderr } = await run(['complete', '--', ...words]);
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  return printed.filter((line) => !line.startsWith(':')).map((line) => line.split('\t')[0]);
}

describe('a shell completes', () => {
  test('commands, but for the one that it calls itself', async () => {
    expect(await completed('')).toEqual(
      expect.arrayContaining(['run', 'validate', 'inspect', 'parse', 'print', 'instrument', 'replay', 'completion']),
    );
    expect(await completed('comp')).not.toContain('complete');
  });

  test('options of the command that is there', async () => {
    expect(await completed('inspect', '--')).toEqual(['--functions', '--wat', '--function', '--json', '--help']);
    expect(await completed('run', '--ti')).toContain('--timeout');
  });

  test('the choices of an option and of an argument', async () => {
    expect(await completed('run', '--engine', '')).toEqual(['auto', 'interpreter', 'native']);
    printed = [];
    expect(await completed('completion', '')).toEqual(['bash', 'zsh', 'fish']);
  });

  test.each([
    [['run', 'fixtures/build/hell'], ['fixtures/build/hello.wasm']],
    [['run', '--policy', 'package.js'], ['package.json']],
    [['run', 'nowhere/at/al'], []],
    [['run', '--gas', ''], []],
  ])('paths where one is meant: %j', async (words, expected) => {
    expect(await completed(...words)).toEqual(expected);
  });
});

test('a folder that is the only one is looked into, or a shell would take it for all of the argument', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'completion-'));
  try {
    mkdirSync(join(folder, 'modules'));
    for (const name of ['b.wat', 'a.wasm', '.hidden']) writeFileSync(join(folder, 'modules', name), '');
    const found = await completed('validate', `${folder}/mod`);
    expect(found).toEqual(['modules/', 'modules/a.wasm', 'modules/b.wat'].map((path) => `${folder}/${path}`));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe('the script', () => {
  test.each(['bash', 'zsh', 'fish'])('for %s calls the command', async (shell) => {
    expect(await run(['completion', shell])).toMatchObject({ status: 0, stderr: '' });
    expect(printed.join('\n')).toMatch(/wasm-sandbox complete --/);
  });

  test('for bash is one', async () => {
    await run(['completion', 'bash']);
    const { status, stderr } = spawnSync('bash', ['-n'], { input: printed.join('\n'), encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  test('for another shell there is none', async () => {
    expect(await run(['completion', 'tcsh'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('Allowed choices are bash, zsh, fish'),
    });
  });
});
