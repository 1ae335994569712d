/** Where the official suite lies, and its files. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from './script.ts';
import { parseScript } from './script.ts';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const EXTENSION = '.bin.wast';

/** `WASM_SPEC_DIR`, or the folder beside the repository. It need not exist. */
export const specDirectory = process.env.WASM_SPEC_DIR
  ? resolve(process.env.WASM_SPEC_DIR)
  : resolve(REPOSITORY, '../shared/spec');

const coreDirectory = join(specDirectory, 'core');

/** Whether the suite is there at all. Without it nothing can be run, which is no failure. */
export const suiteFound = existsSync(coreDirectory);

/** One line that says where the suite was looked for. */
export const suiteMissing = `official suite not found in ${coreDirectory} (set WASM_SPEC_DIR): skipped`;

/** Names of all scripts without their extension, sorted. */
export function suiteFiles(): string[] {
  return readdirSync(coreDirectory)
    .filter((file) => file.endsWith(EXTENSION))
    .map((file) => file.slice(0, -EXTENSION.length))
    .toSorted();
}

/** A script's commands, by its name as {@link suiteFiles} gives it. */
export function loadScript(file: string): readonly Command[] {
  return parseScript(readFileSync(join(coreDirectory, file + EXTENSION), 'utf8'));
}
