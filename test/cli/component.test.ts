import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { Component, type ComponentCode } from '../../src/component.node.ts';
import { HOST, type Values } from '../component/components.ts';
import { fixture, run } from './harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'wasm-sandbox-component-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const component = (name: string) => fileURLToPath(new URL(`../../fixtures/components/${name}.wasm`, import.meta.url));
// Without a package around it, Node takes a file of this name for an ES module by what is in it, later than in 20.
writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');

describe('component writes', () => {
  const output = join(folder, 'typed');

  test('a program, core modules and declarations, which run elsewhere', async () => {
    const { status, stdout, stderr } = await run(['component', component('typed'), '-o', output]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/typed\/typed\.js +[\d,]+ bytes/);
    expect(readdirSync(output).sort()).toEqual(
      expect.arrayContaining(['interfaces', 'typed.core.wasm', 'typed.d.ts', 'typed.js']),
    );
    const code = (await import(pathToFileURL(join(output, 'typed.js')).href)) as ComponentCode;
    for (const engine of ['interpreter', 'native'] as const) {
      const made = await Component.from<{ values: Values }>(code, { engine, imports: HOST });
      expect(made.exports.values.loud('hey')).toBe('HEY!');
    }
    const modules = { 'typed.core.wasm': new Uint8Array([0]) };
    await expect(Component.from(code, { imports: HOST, modules })).rejects.toMatchObject({ code: 'COMPILE' });
  });

  test('one whose exports give promises', async () => {
    const { status } = await run(['component', component('waiting'), '-o', output, '--async']);
    expect(status).toBe(0);
    const code = (await import(pathToFileURL(join(output, 'waiting.js')).href)) as ComponentCode;
    const imports = { 'test:waiting/host': { later: async (value: number) => 2 * value, attempt: () => 0 } };
    const made = await Component.from<{ work: { twice(value: number): Promise<number> } }>(code, { imports });
    const promise = made.exports.work.twice(3);
    expect(promise).toBeInstanceOf(Promise);
    expect(await promise).toBe(14);
    expect(readFileSync(join(output, 'interfaces/test-waiting-work.d.ts'), 'utf8')).toContain(
      'twice(value: number): Promise<number>',
    );
    await expect(Component.from(code, { imports, async: true } as never)).rejects.toThrow(
      /no option of Component.from/,
    );
  });

  test('what says what it exports, and nothing of how it was made', () => {
    const declared = readFileSync(join(output, 'typed.d.ts'), 'utf8');
    expect(declared).toContain('export interface Root');
    expect(declared).toContain('export default program;');
    expect(declared).not.toContain('instantiateCore');
  });

  test('as JSON, what there is', async () => {
    const { status, stdout } = await run([
      'component',
      component('program'),
      '-o',
      join(folder, 'p'),
      '--name',
      'x',
      '--json',
    ]);
    expect(status).toBe(0);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ name: 'x', imports: expect.arrayContaining(['wasi:cli/stdout']) });
    expect(report.exports).toContain('wasi:cli/run@0.2.0');
    const [first] = report.files;
    expect(first).toEqual({ path: 'x.js', bytes: readFileSync(join(folder, 'p/x.js')).length });
  });
});

test('component refuses what is none', async () => {
  const { status, stderr } = await run(['component', fixture('fib'), '-o', join(folder, 'none')]);
  expect(stderr).toContain('a core module');
  expect(status).toBe(1);
  const named = await run(['component', component('typed'), '-o', join(folder, 'none'), '--name', '../x']);
  expect(named).toMatchObject({ status: 2, stderr: expect.stringContaining('--name must be of letters') });
  expect(readdirSync(folder)).not.toContain('none');
});

test('what was not written by component is not run', async () => {
  await expect(Component.from({} as never)).rejects.toThrow(/no transpiled component/);
  const code = {
    component: { format: 0, isAsync: false, modules: [], imports: [], exports: [] },
    default: () => undefined,
  };
  await expect(Component.from(code)).rejects.toThrow(/transpile it again/);
  const nowhere = { ...code, component: { ...code.component, format: 1, modules: ['x.core.wasm'] } };
  await expect(Component.from(nowhere)).rejects.toThrow(/give it in modules/);
});
