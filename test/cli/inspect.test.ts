import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadFixture, manifest } from '../../fixtures/load.node.ts';
import { assemble } from '../sandbox/modules.ts';
import { fixture, run } from './harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'wasm-sandbox-inspect-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const cut = file('cut.wasm', loadFixture('hello').subarray(0, 200));
const nasty = file(
  'nasty.wasm',
  assemble({ functions: [{ name: '\u001b]0;x\u0007\u202e\u009b\n', type: [[], []], code: [] }] }),
);

describe('validate', () => {
  test.each(manifest)('fixture $name is valid', async ({ name }) => {
    const { status, stdout, stderr } = await run(['validate', fixture(name)]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/\.wasm" is a valid module\n$/);
  });

  test('a module that is cut off: what and where', async () => {
    const { status, stdout, stderr } = await run(['validate', cut]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^wasm-sandbox: CompileError: .* \(offset 0x[\da-f]+\)\n$/);
  });

  test('--json', async () => {
    const good = await run(['validate', '--json', fixture('fib')]);
    expect({ ...good, report: JSON.parse(good.stdout) }).toMatchObject({ status: 0, report: { valid: true } });
    const bad = await run(['validate', '--json', cut]);
    expect(bad).toMatchObject({ status: 1, stderr: '' });
    expect(JSON.parse(bad.stdout)).toMatchObject({
      valid: false,
      error: { code: 'COMPILE', offset: expect.any(Number) },
    });
  });

  test('a file that is not there is another matter', async () => {
    expect(await run(['validate', join(folder, 'none')])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('no such file'),
    });
  });
});

describe('inspect', () => {
  test('shows imports, exports and what is declared', async () => {
    const { status, stdout } = await run(['inspect', fixture('hello')]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^size +[\d,]+ bytes/m);
    expect(stdout).toMatch(/^ {2}wasi_snapshot_preview1 +proc_exit +function +\(i32\) -> \(\)$/m);
    expect(stdout).toMatch(/^ {2}_start +function +\(\) -> \(\)$/m);
    expect(stdout).toMatch(/^memory +\d+ pages or more/m);
  });

  test('--json shows no name otherwise than it is, and is JSON', async () => {
    const { stdout } = await run(['inspect', '--json', '--functions', nasty]);
    expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
    expect(JSON.parse(stdout)).toMatchObject({ exports: [{ name: '\u001b]0;x\u0007\u202e\u009b\n' }] });
  });

  test('--json has the same as data', async () => {
    const bytes = loadFixture('traps');
    const report = JSON.parse((await run(['inspect', '--json', '--functions', fixture('traps')])).stdout);
    expect(report).toMatchObject({
      bytes: bytes.length,
      gasVersion: 1,
      memories: [{ minPages: 1, maxPages: 1, imported: false }],
      tables: [{ element: 'funcref', min: 4, max: 4 }],
      imports: [],
    });
    expect(report.exports).toContainEqual({ name: 'outer', kind: 'function', index: 30, type: '(i32) -> (i32)' });
    expect(report.functionList).toHaveLength(report.functions.own);
    expect(report.functionList[0]).toMatchObject({ index: 0, name: 'nothing', type: '() -> ()', bytes: 2 });
  });

  test('--functions lists what each entry costs', async () => {
    const { stdout } = await run(['inspect', '--functions', fixture('recurse')]);
    expect(stdout).toMatch(/^ +index +name +type +bytes +entryGas +frameBytes$/m);
    expect(stdout).toMatch(/^ +0 +run +\(\) -> \(i32\) +\d+ +\d+ +\d+$/m);
    expect((await run(['inspect', fixture('recurse')])).stdout).not.toContain('entryGas');
  });

  test('names cannot write to the terminal', async () => {
    const { stdout } = await run(['inspect', '--functions', nasty]);
    expect(stdout).toContain('\\u001b]0;x\\u0007\\u202e\\u009b\\u000a');
    expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  test('a file that is no module', async () => {
    expect(await run(['inspect', cut])).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining('CompileError'),
    });
  });
});
