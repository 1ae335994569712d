/** docs/gas.md is the specification: its numbers must be those of the code. */

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import {
  CARRIED_PER_UNIT,
  CLASS_COST,
  CLAUSES_PER_UNIT,
  EVALUATED_BYTES,
  EVALUATED_COST,
  FILE_WORK,
  type FileWork,
  FUNCTION_ENTRY,
  GAS_VERSION,
  GROWTH_COST,
  HEADER_BYTE,
  HOST_CALL,
  HTTP_CALL,
  INSTANCE_ITEM_COST,
  LABELS_PER_UNIT,
  LOOK,
  OTHER_MEMORY_COST,
  PAGE_COST,
  PATH_BYTE,
  PER_UNIT,
  RANDOM_BYTE,
  REFERENCE_LOCAL_COST,
  SEGMENT_ELEMENT_COST,
  STACK_WEIGHT,
  THROWN_VALUE_COST,
  WASI_CALL,
} from '../../wasm/gas.ts';
import { OPCODES } from '../../wasm/opcodes.ts';

const text = readFileSync(new URL('../../docs/gas.md', import.meta.url), 'utf8');
const cells = (line: string) =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
const rows = text
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .map(cells);

it('names the version', () => {
  expect(text).toMatch(new RegExp(`^# Gas, version ${GAS_VERSION}$`, 'm'));
});

it('has the cost of every class', () => {
  const documented = Object.fromEntries(
    rows.filter(([name]) => name !== undefined && name in CLASS_COST).map(([name, cost]) => [name, Number(cost)]),
  );
  expect(documented).toEqual(CLASS_COST);
});

it('names instructions under their class', () => {
  const classOf = new Map<string, string>(OPCODES.map(({ mnemonic, gas }) => [mnemonic, gas]));
  let named = 0;
  for (const [name = '', , instructions = ''] of rows) {
    if (!(name in CLASS_COST)) continue;
    for (const mnemonic of [...instructions.matchAll(/`([^`]+)`/g)].flatMap(([, list]) =>
      (list as string).split(' '),
    )) {
      expect(classOf.get(mnemonic), mnemonic).toBe(name);
      named++;
    }
  }
  expect(named).toBeGreaterThan(20);
});

it.each([
  [
    'entering a function',
    `${FUNCTION_ENTRY.base}, and 1 for every ${FUNCTION_ENTRY.localsPerUnit} declared locals, of which vectors count twice`,
  ],
  ['a function of several results', `1 for every ${FUNCTION_ENTRY.resultsPerUnit} results beyond the first, on entry`],
  ['a branch that carries several values', `1 for every ${CARRIED_PER_UNIT} values beyond the first`],
  ['throwing an exception', `${THROWN_VALUE_COST} for every value`],
  ['an access to a memory other than the first', `${OTHER_MEMORY_COST}`],
  ['writing a reference to a local', `${REFERENCE_LOCAL_COST}`],
  ['entering the body of a `try_table`', `1 for every ${CLAUSES_PER_UNIT} clauses`],
  ['a `br_table`', `1 for every whole ${LABELS_PER_UNIT} labels`],
  ['`memory.grow` and `table.grow`, also where they fail or add nothing', `${GROWTH_COST}`],
  ['`memory.grow`', `${PAGE_COST} for every page`],
  ['`memory.fill`, `memory.copy`, `memory.init`', `1 for every ${PER_UNIT.bytes} bytes`],
  ['`table.grow`, `table.fill`, `table.copy`, `table.init`', `${1 / PER_UNIT.tableElements} for every element`],
  [
    '`array.fill`, `array.copy`, `array.init_data`, `array.init_elem`',
    `1 for every ${PER_UNIT.elements === 1 ? 'element' : `${PER_UNIT.elements} elements`}`,
  ],
  ['a call of a host function that declares nothing else', `${HOST_CALL.base}`],
  ['an HTTP call', `${HTTP_CALL.base}, and 1 for every ${1 / HTTP_CALL.perByte} bytes moved`],
  ['a WASI call', `${WASI_CALL.base}, and 1 for every ${1 / WASI_CALL.perByte} bytes moved`],
  ['`random_get`', `every byte as ${RANDOM_BYTE} that are moved`],
  ['a buffer in a list that a WASI call is given', `${LOOK.buffer}`],
  ['a subscription of `poll_oneoff`', `${LOOK.subscription}`],
  ['an argument, or a variable of the environment, that a guest is given', `${LOOK.string}`],
  ['a byte of a path or of a symbolic link', `as ${PATH_BYTE} that are moved`],
  ['a byte of a URL, or of the name or value of a header', `as ${HEADER_BYTE} that are moved`],
])('has the cost of %s', (work, units) => {
  expect(rows.find(([name]) => name === work)?.[1]).toBe(units);
});

it.each<[work: string, keyof FileWork]>([
  ['a call on a file or directory, and a buffer read or written', 'call'],
  ['a component of a path that is looked up', 'component'],
  ['opening what a path leads to', 'open'],
  ['making, removing or renaming an entry of a directory', 'change'],
  ['an entry of a directory that is listed', 'entry'],
  ['making sure that what was written is on the disk', 'sync'],
  ['a directory on the way up, when one is renamed', 'level'],
])('has the cost of %s', (work, name) => {
  expect(text).toContain(`| ${work} | ${FILE_WORK.memory[name]} | ${FILE_WORK.folder[name]} |`);
});

it('has the price of instantiation', () => {
  const prose = text.replaceAll('\n', ' ');
  expect(prose).toContain(`${INSTANCE_ITEM_COST} for every function, export, table, tag and segment`);
  expect(prose).toContain(`${EVALUATED_COST} for every global`);
  expect(prose).toContain(`${SEGMENT_ELEMENT_COST} for every element of a segment`);
  expect(prose).toContain(`${1 / PER_UNIT.tableElements} for every element of an initial table`);
  expect(prose).toContain(`${PAGE_COST} for every page of initial memory, and for a memory without any`);
  expect(prose).toContain(`costs ${EVALUATED_COST}, and`);
  const { covered, perByte } = EVALUATED_BYTES;
  expect(prose).toContain(`${perByte} more for every byte of it beyond ${covered}`);
});

it('has the weight of a frame', () => {
  expect(text.replaceAll('\n', ' ')).toContain(
    `a frame weighs ${STACK_WEIGHT.frame} bytes, and ${STACK_WEIGHT.slot} bytes for every parameter`,
  );
});
