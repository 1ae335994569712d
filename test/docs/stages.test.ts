import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { decode } from '../../wasm/decode.ts';
import { I32 } from '../../wasm/types.ts';
import { encodeModule, type Instruction } from '../generate/encode.ts';
import { STAGES } from './stages.ts';

/** The function of docs/stages.md. */
const SUM: Instruction[] = [
  'loop',
  ['local.get', 1],
  ['local.get', 0],
  'i32.add',
  ['local.set', 1],
  ['local.get', 0],
  ['i32.const', 1],
  'i32.sub',
  ['local.tee', 0],
  ['br_if', 0],
  'end',
  ['local.get', 1],
];

const functions = [{ params: [I32], results: [I32], locals: [I32], export: 'sum', body: SUM }];
const module = decode(encodeModule({ functions }));
const document = readFileSync(new URL('../../docs/stages.md', import.meta.url), 'utf8');

test.each(Object.entries(STAGES))('docs/stages.md shows the %s', (name, make) => {
  const [, shown] = new RegExp(`\n\`\`\`text ${name}\n(.*?)\n\`\`\`\n`, 's').exec(document) ?? [];
  expect(shown).toBe(make(module, 0).join('\n'));
});

test('docs/stages.md shows nothing else', () => {
  expect([...document.matchAll(/^```text (\w+)$/gm)].map(([, name]) => name)).toEqual(Object.keys(STAGES));
});
