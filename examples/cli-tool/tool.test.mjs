/** The command as a shell runs it. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('./bin.mjs', import.meta.url));

const plug = (args, input = '') => spawnSync(process.execPath, [BIN, ...args], { input, encoding: 'utf8' });

test('a plug-in has arguments, and its output is the command’s', () => {
  const { status, stdout, stderr } = plug(['primes', '1000']);
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '168 primes below 1000\n', stderr: '' });
});

test('a plug-in reads what the command does', () => {
  assert.equal(plug(['count'], 'one two\nthree\n').stdout, '2 lines, 3 words, 14 bytes\n');
});

test('a plug-in is granted the files of its policy alone', () => {
  assert.equal(plug(['show', '/notes/hello.txt']).stdout, 'Hello from a file in memory.\n');
  const { status, stdout } = plug(['show', '/etc/passwd']);
  assert.deepEqual({ status, stdout }, { status: 1, stdout: '' });
});

test('a plug-in ends with its gas', () => {
  const { status, stderr } = plug(['primes', '10000000']);
  assert.equal(status, 125);
  assert.match(stderr, /Gas limit exceeded/);
});
