// Makes the components of fixtures/components, each from the text of its core module and the world that it is for:
// npx tsx scripts/components.ts
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { componentEmbed, componentNew } from '@bytecodealliance/jco-transpile/wasm-tools';
import { parse } from '../src/text.ts';

const folder = fileURLToPath(new URL('../fixtures/components', import.meta.url));

/** By the names of their files; the worlds have the same. */
export const COMPONENTS = ['typed', 'program', 'waiting'] as const;

export async function buildComponent(name: string, wat: string = read(`${name}.wat`)): Promise<Uint8Array> {
  const embedded = await componentEmbed({ binary: parse(wat), witSource: read(`${name}.wit`), world: name });
  return componentNew(embedded, []);
}

/** As it is committed. */
export function readComponent(name: string): Uint8Array {
  return new Uint8Array(readFileSync(`${folder}/${name}.wasm`));
}

function read(file: string): string {
  return readFileSync(`${folder}/${file}`, 'utf8');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of COMPONENTS) writeFileSync(`${folder}/${name}.wasm`, await buildComponent(name));
}
