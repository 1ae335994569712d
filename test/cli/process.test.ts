import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { oneFile } from '../one-file.ts';
import { fixture } from './harness.ts';

// The command as a process of its own; everything that does not need one is in the other files.

const root = fileURLToPath(new URL('../..', import.meta.url));
const command = [await oneFile('src/cli/main.node.ts')];

test('version, from the manifest', () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const { status, stdout } = spawnSync(process.execPath, [...command, '--version'], { cwd: root, encoding: 'utf8' });
  expect({ status, stdout }).toEqual({ status: 0, stdout: `${version}\n` });
});

test('standard streams and status through pipes', () => {
  const args = [...command, 'run', '--env', 'EXIT_STATUS=9', fixture('hello'), 'a'];
  const input = 'x'.repeat(300_000);
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', input });
  expect(stdout).toBe('1 arguments\n  a\nenvironment\n  EXIT_STATUS=9\n300000 bytes of input\n');
  expect({ status, stderr }).toEqual({ status: 9, stderr: 'hello, standard error\n' });
});

test.skipIf(!existsSync('/usr/bin/script'))('the terminal that there is, is told to the program', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wasm-sandbox-terminal-'));
  try {
    const module = join(folder, 'output.wat');
    writeFileSync(module, OUTPUT_TYPE);
    const args = [...command, 'run', module];
    const options = { cwd: root, encoding: 'utf8' as const, input: '' };
    expect(spawnSync(process.execPath, args, options).status).toBe(0);
    const onTerminal = [process.execPath, ...args].map((word) => `'${word}'`).join(' ');
    // CHARACTER_DEVICE
    expect(spawnSync('/usr/bin/script', ['-qec', onTerminal, '/dev/null'], options).status).toBe(2);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** Exits with the type of standard output. */
const OUTPUT_TYPE = `(module
  (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $stat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $stat (i32.const 1) (i32.const 0)))
    (call $exit (i32.load8_u (i32.const 0)))))`;

test('an output that is closed early ends the program quietly', async () => {
  const child = spawn(process.execPath, [...command, 'run', fixture('primes')], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const status = await new Promise((resolve) => child.on('close', resolve));
  expect({ status, stderr }).toEqual({ status: 141, stderr: '' });
});

test.skipIf(!existsSync('/dev/full'))('output that is lost is a failure', () => {
  const full = openSync('/dev/full', 'w');
  try {
    const options = { cwd: root, encoding: 'utf8' as const, stdio: ['ignore' as const, full, 'pipe' as const] };
    for (const args of [['run', fixture('hello')], ['inspect', fixture('hello')], ['--help']]) {
      const { status, stderr } = spawnSync(process.execPath, [...command, ...args], options);
      expect({ status, stderr }, args[0]).toEqual({
        status: 2,
        stderr: expect.stringMatching(/wasm-sandbox: standard output cannot be written: ENOSPC/),
      });
    }
  } finally {
    closeSync(full);
  }
});

test.each([
  [{}, false],
  [{ FORCE_COLOR: '1' }, true],
  [{ FORCE_COLOR: '0' }, false],
  [{ NO_COLOR: '1', FORCE_COLOR: '1' }, true],
  [{ NO_COLOR: '1' }, false],
])('with %j an error that no terminal shows is coloured: %j', (variables, isColoured) => {
  const { FORCE_COLOR: _, NO_COLOR: __, ...rest } = process.env;
  const env = { ...rest, ...variables };
  for (const args of [
    ['validate', 'package.json'],
    ['run', 'nowhere.wasm'],
  ]) {
    const { stderr } = spawnSync(process.execPath, [...command, ...args], { cwd: root, encoding: 'utf8', env });
    expect(stderr.includes('\u001b['), stderr).toBe(isColoured);
    expect(stripVTControlCharacters(stderr)).toMatch(/^wasm-sandbox: \w+Error: /m);
  }
});
