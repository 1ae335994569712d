import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { examplesIn } from '../scripts/examples.mjs';
import { oneFile } from './one-file.ts';

// Examples in the documents that carry the word "run" after the language are run as they stand, from the project's
// root folder: ```ts run against the source under the package's public names, ```sh run with the command of this
// source on the path.

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/[\\/]$/, '');
/** Every line starts a process. */
const SHELL_TIMEOUT = 60_000;
const cache = `${root}/node_modules/.cache/examples`;

function documents(): string[] {
  const docs = existsSync(`${root}/docs`) ? readdirSync(`${root}/docs`) : [];
  return ['README.md', ...docs.map((name) => `docs/${name}`)].filter(
    (path) => path.endsWith('.md') && existsSync(`${root}/${path}`),
  );
}

/** Runs shell lines; every line must succeed. */
function runShell(code: string) {
  const env = { ...process.env, PATH: `${cache}/bin${delimiter}${process.env['PATH'] ?? ''}` };
  return spawnSync('sh', ['-eu', '-c', code], { cwd: root, env, encoding: 'utf8', timeout: SHELL_TIMEOUT });
}

async function runTypeScript(name: string, code: string): Promise<void> {
  const file = `${cache}/${name}.ts`;
  writeFileSync(file, code);
  await import(pathToFileURL(file).href);
}

beforeAll(async () => {
  rmSync(cache, { recursive: true, force: true });
  mkdirSync(`${cache}/bin`, { recursive: true });
  const command = `#!/bin/sh\nexec '${process.execPath}' '${await oneFile('src/cli/main.node.ts')}' "$@"\n`;
  writeFileSync(`${cache}/bin/wasm-sandbox`, command);
  chmodSync(`${cache}/bin/wasm-sandbox`, 0o755);
});

describe('examples in the documents run', () => {
  const examples = documents().flatMap((document) =>
    examplesIn(readFileSync(`${root}/${document}`, 'utf8')).map((example) => ({ document, ...example })),
  );

  for (const { document, line, language, code } of examples) {
    const title = `${document}:${line}`;
    if (language === 'ts') {
      test(title, async () => {
        await runTypeScript(title.replace(/\W/g, '-'), code);
      });
    } else {
      // The commands are written for a POSIX shell.
      test.skipIf(process.platform === 'win32')(title, () => {
        const { status, stdout, stderr } = runShell(code);
        expect(status, `${stdout}\n${stderr}`).toBe(0);
      });
    }
  }

  test('only marked examples are found', () => {
    const text = 'a\n```ts\nno\n```\n\n```ts run\nyes\n```\n```sh run\nwasm-sandbox x\n```\n';
    expect(examplesIn(text)).toEqual([
      { line: 6, language: 'ts', code: 'yes\n' },
      { line: 9, language: 'sh', code: 'wasm-sandbox x\n' },
    ]);
  });

  test('an example that throws is a failure', async () => {
    await runTypeScript('ok', 'const one: number = 1;\nif (one !== 1) throw new Error();\nexport {};\n');
    await expect(runTypeScript('bad', "throw new Error('as written');\nexport {};\n")).rejects.toThrow('as written');
  });

  test.skipIf(process.platform === 'win32')('a line that fails is a failure', () => {
    expect(runShell('true\ntrue').status).toBe(0);
    expect(runShell('false\ntrue').status).not.toBe(0);
  });
});
