/** The program of widgets' pages, of the files in which the built package has it. */

import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { linkPage } from './page-program.ts';

/** The build lists there, from this folder's parent on, which files the page runs. */
const LIST = new URL('../page.json', import.meta.url);

/** @returns it gzipped, as base64; undefined in the sources */
export async function readPageProgram(): Promise<string | undefined> {
  const list = await readFile(LIST, 'utf8').catch(() => undefined);
  if (list === undefined) return undefined;
  const names: string[] = JSON.parse(list);
  const files = names.map(
    async (name) => [name.split('/').at(-1)!, await readFile(new URL(name, LIST), 'utf8')] as const,
  );
  return gzipSync(linkPage(await Promise.all(files)), { level: 9 }).toString('base64');
}
