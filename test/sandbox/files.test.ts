import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import { Capability, SecurityPolicy, SecurityViolation, UsageError, WasmSandbox } from '../../src/index.ts';

const FILES = loadFixture('files');
const text = (files: ReadonlyMap<string, Uint8Array>) =>
  Object.fromEntries([...files].map(([path, bytes]) => [path, new TextDecoder().decode(bytes)]));

function build(args: readonly string[], ...capabilities: readonly Capability[]): Promise<WasmSandbox> {
  return WasmSandbox.fromBytes(FILES, { args: ['files', ...args], capabilities });
}

describe('files in memory', () => {
  const granted = Capability.filesystemAccess({ memory: { 'in/a': 'one', 'in/b': Uint8Array.of(0x32) }, guest: '/w' });

  test('go in and come out', async () => {
    const sandbox = await build(
      ['cat', '/w/in/a', 'cat', '/w/in/b', 'put', '/w/out', 'new', 'mv', '/w/in/a', '/w/moved', 'rm', '/w/in/b'],
      granted,
    );
    expect(await sandbox.run()).toMatchObject({ exitCode: 0, stdout: 'one2', stderr: '' });
    expect(text(sandbox.files())).toEqual({ '/w/moved': 'one', '/w/out': 'new' });
    sandbox.files().get('/w/out')?.fill(0);
    expect(text(sandbox.files())['/w/out']).toBe('new');
  });

  test('are as they were after a reset, and in another sandbox', async () => {
    const args = ['add', '/w/in/a', '!', 'cat', '/w/in/a', 'ls', '/w/in'];
    const sandbox = await build(args, granted);
    const first = await sandbox.run();
    const { gasUsed } = sandbox.getResourceStats();
    expect(first.stdout).toBe('one!a\nb\n');
    await sandbox.reset();
    expect(text(sandbox.files())).toEqual({ '/w/in/a': 'one', '/w/in/b': '2' });
    expect(await sandbox.run()).toEqual(first);
    expect(sandbox.getResourceStats().gasUsed).toBe(gasUsed);
    expect(await (await build(args, granted)).run()).toEqual(first);
  });

  test('beyond their limits are refused before the sandbox is built', async () => {
    const tooMany = Capability.filesystemAccess({ memory: { a: 'x', b: 'y' } }, { maxFiles: 1 });
    await expect(build([], tooMany)).rejects.toThrow(/^the files in memory cannot be made: the limit of 1 files/);
    const clash = Capability.filesystemAccess({ memory: { a: 'x', 'a/b': 'y' } });
    await expect(build([], clash)).rejects.toBeInstanceOf(UsageError);
  });
});

describe('folders', () => {
  test('are let go of by dispose, reset and a failed start', async () => {
    const host = mkdtempSync(join(tmpdir(), 'wasm-sandbox-folder-'));
    const open = () => (process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0);
    const before = open();
    const sandbox = await build(
      ['put', '/x', 'one'],
      Capability.filesystemAccess([{ host, guest: '/' }], { readOnly: false }),
    );
    await sandbox.run();
    expect(readFileSync(join(host, 'x'), 'utf8')).toBe('one');
    expect(sandbox.files().size).toBe(0);
    await sandbox.reset();
    sandbox.dispose();
    sandbox.dispose();
    expect(open()).toBe(before);
    rmSync(host, { recursive: true });
  });

  test('that are not there are refused by name', async () => {
    await expect(build([], Capability.filesystemAccess('/no/such/folder'))).rejects.toThrow(
      'cannot open the folder "/no/such/folder" that the policy grants: there is none',
    );
  });

  test('permissive has the current one', async () => {
    const sandbox = await WasmSandbox.fromBytes(FILES, {
      args: ['files', 'cat', '/package.json'],
      securityPolicy: SecurityPolicy.permissive(),
    });
    expect((await sandbox.run()).stdout).toBe(readFileSync('package.json', 'utf8'));
    sandbox.dispose();
  });
});

describe('without files', () => {
  test('strict and moderate have none, and asking is a violation', async () => {
    for (const policy of [SecurityPolicy.strict(), SecurityPolicy.moderate()]) {
      const sandbox = await WasmSandbox.fromBytes(FILES, {
        args: ['files', 'cat', '/etc/passwd'],
        securityPolicy: policy,
      });
      expect(await sandbox.run()).toMatchObject({ exitCode: 1, stdout: '' });
      expect(sandbox.files().size).toBe(0);
    }
  });

  test('a policy that traps ends the program on its way out', async () => {
    const securityPolicy = SecurityPolicy.builder().onViolation('trap').build();
    const sandbox = await WasmSandbox.fromBytes(FILES, {
      args: ['files', 'put', '/x', '1', 'put', '/../x', '2'],
      securityPolicy,
      capabilities: [Capability.filesystemAccess({ memory: {} })],
    });
    const error = await sandbox.run().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(SecurityViolation);
    expect((error as Error).message).toMatch(/^Filesystem access denied: .*the path leads above/);
    expect(text(sandbox.files())).toEqual({ '/x': '1' });
  });
});
