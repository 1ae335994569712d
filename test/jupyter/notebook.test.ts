/** The notebook of examples/notebook, without a kernel: its cells run as they stand. `scripts/notebook.mjs` has Deno run them. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';

const folder = fileURLToPath(new URL('../../examples/notebook', import.meta.url));

interface Cell {
  readonly cell_type: 'code' | 'markdown';
  readonly source: readonly string[];
  readonly outputs?: readonly unknown[];
}

const notebook = JSON.parse(readFileSync(`${folder}/analysis.ipynb`, 'utf8')) as {
  readonly nbformat: number;
  readonly metadata: { readonly kernelspec: { readonly name: string } };
  readonly cells: readonly Cell[];
};
const codes = notebook.cells.filter(({ cell_type: type }) => type === 'code');

afterEach(() => vi.unstubAllGlobals());

test('it is for Deno’s kernel, and kept without outputs', () => {
  expect(notebook).toMatchObject({ nbformat: 4, metadata: { kernelspec: { name: 'deno' } } });
  expect(codes.flatMap(({ outputs }) => outputs)).toEqual([]);
});

test('its cells run, and each ends with something to show', async () => {
  vi.stubGlobal('Deno', { cwd: () => folder });
  const [imports = '', ...others] = codes.map(({ source }) => source.join(''));
  const shown = others.map((code) => {
    const at = Math.max(
      ...['\ndisplay(', '\nawait wasmCell', '\nSandboxWidget('].map((start) => `\n${code}`.lastIndexOf(start)),
    );
    expect(at, code).toBeGreaterThanOrEqual(0);
    return `${code.slice(0, at)}\nshown.push(${code.slice(at).trimEnd().replace(/;$/, '')});\n`;
  });
  const cache = fileURLToPath(new URL('../../node_modules/.cache/notebook', import.meta.url));
  mkdirSync(cache, { recursive: true });
  const file = `${cache}/cells-${process.pid}.ts`;
  writeFileSync(file, `${imports}\nexport const shown: unknown[] = [];\n${shown.join('\n')}`);
  const { shown: values } = (await import(pathToFileURL(file).href)) as { shown: readonly object[] };
  expect(values).toHaveLength(others.length);
  for (const value of values) expect(Symbol.for('Jupyter.display') in value).toBe(true);
});
