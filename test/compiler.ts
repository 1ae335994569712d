/** What the compiler says about a copy of the source in which something has been changed. */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = join(root, 'node_modules/.cache');

export interface CompilerError {
  readonly file: string;
  readonly message: string;
}

/** The errors in these folders, with files changed. */
export function errorsIn(
  folders: readonly string[],
  changes: Readonly<Record<string, (text: string) => string>>,
): CompilerError[] {
  mkdirSync(cache, { recursive: true });
  const copy = mkdtempSync(join(realpathSync(cache), 'compiled-'));
  try {
    for (const folder of folders) cpSync(join(root, folder), join(copy, folder), { recursive: true });
    for (const [file, change] of Object.entries(changes)) {
      const before = readFileSync(join(copy, file), 'utf8');
      const after = change(before);
      expect(after).not.toBe(before);
      writeFileSync(join(copy, file), after);
    }
    const include = folders.map((folder) => `${folder}/**/*.ts`);
    writeFileSync(
      join(copy, 'tsconfig.json'),
      JSON.stringify({ extends: join(root, 'tsconfig.json'), include, exclude: [] }),
    );
    // What more threads do, each does over again for itself.
    const options = ['--noEmit', '--singleThreaded', '--pretty', 'false', '-p', copy];
    const args = [join(root, 'node_modules/typescript/bin/tsc'), ...options];
    // The compiler is written in Go, and ends before there is anything worth collecting: that saves a quarter.
    const env = { ...process.env, GOGC: 'off' };
    const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: copy, env, encoding: 'utf8' });
    expect(stderr).toBe('');
    return stdout.split('\n').flatMap((line) => {
      const [, file, message] = /^(\w\S*\.ts)\(\d+,\d+\): error (.*)$/.exec(line) ?? [];
      return file === undefined || message === undefined ? [] : [{ file, message }];
    });
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
