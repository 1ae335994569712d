/** The files of the official suite. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { folderOf, SUITES } from '../suites.ts';
import type { Command } from './script.ts';
import { parseScript } from './script.ts';

const FOLDER = folderOf(SUITES.core);
const EXTENSION = SUITES.core.extension;

/** Names of all scripts without their extension, sorted. */
export function suiteFiles(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith(EXTENSION))
    .map((file) => file.slice(0, -EXTENSION.length))
    .toSorted();
}

/** A script's commands, by its name as {@link suiteFiles} gives it. */
export function loadScript(file: string): readonly Command[] {
  return parseScript(readFileSync(join(FOLDER, file + EXTENSION), 'utf8'));
}
