/** Programs with threads, as their folder has them. */

import { readFileSync } from 'node:fs';
import { parse } from '../../src/text.ts';

const FOLDER = new URL('../../fixtures/threads/', import.meta.url);
const read = (name: string) => readFileSync(new URL(`${name}.wat`, FOLDER), 'utf8');

export const PROGRAMS = ['mutex', 'condition', 'queue', 'sleep', 'deadlock', 'exit'] as const;

/** A program with what all of them begin with. */
export const withThreads = (body: string, imports = ''): Uint8Array =>
  parse(`(module ${imports} ${read('prelude')} ${body})`);

export const program = (name: (typeof PROGRAMS)[number]): Uint8Array => withThreads(read(name));
