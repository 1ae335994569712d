/** The files of the official suite. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesOf, folderOf, SUITES } from '../suites.ts';
import type { Command } from './script.ts';
import { parseScript } from './script.ts';
import { readTextSexprs } from './text-sexpr.ts';

const FOLDER = folderOf(SUITES.core);
const EXTENSION = SUITES.core.extension;

/** Names of all scripts without their extension, sorted. */
export function suiteFiles(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith(EXTENSION))
    .map((file) => file.slice(0, -EXTENSION.length))
    .toSorted();
}

/** Each is asked for several times: about which are run, and for each implementation. */
const scripts = new Map<string, readonly Command[]>();

/** A script's commands, by its name as {@link suiteFiles} gives it. */
export function loadScript(file: string): readonly Command[] {
  const commands = scripts.get(file) ?? parseScript(readFileSync(join(FOLDER, file + EXTENSION), 'utf8'));
  scripts.set(file, commands);
  return commands;
}

/** What of the published suite looks ahead of release 3.0, apart from what is run of it. */
const OTHER = /^proposals[/\\](?!threads[/\\])/;

/**
 * Paths of the scripts of release 3.0 as they are published, of those about the exceptions that came before it, and about
 * threads, without their extension, sorted.
 */
export function textFiles(): string[] {
  return filesOf(SUITES.text)
    .filter((path) => !OTHER.test(path))
    .map((path) => path.slice(0, -SUITES.text.extension.length).replaceAll('\\', '/'))
    .toSorted();
}

/** The commands of such a script. Their modules are parsed when they are asked for. */
export function loadText(file: string): readonly Command[] {
  return parseScript(readFileSync(join(folderOf(SUITES.text), file + SUITES.text.extension), 'utf8'), readTextSexprs);
}
