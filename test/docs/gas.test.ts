/** docs/gas.md is the specification: its numbers must be those of the code. */

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import {
  BETWEEN_TRACES,
  CARRIED_PER_UNIT,
  CLASS_COST,
  CLAUSES_PER_UNIT,
  CODE_PER_THROW_UNIT,
  ENTRY_COST,
  EVALUATED_BYTES,
  EVALUATED_COST,
  FILE_WORK,
  type FileWork,
  FREE_EXCEPTION_VALUES,
  GAS_VERSION,
  GROWTH_COST,
  HEADER_BYTE,
  HIGHEST_GAS,
  HOST_CALL,
  HTTP_CALL,
  INSTANCE_ITEM_COST,
  LABELS_PER_UNIT,
  LOCALS_PER_UNIT,
  LOOK,
  MOST_OBJECT_BYTES,
  NAME_UNITS,
  OBJECT_BYTES,
  OTHER_MEMORY_COST,
  PAGE_COST,
  PATH_BYTE,
  PER_UNIT,
  RANDOM_BYTE,
  REFERENCE_LOCAL_COST,
  SEGMENT_ELEMENT_COST,
  STACK_WEIGHT,
  STRING_CALL,
  TABLE_ELEMENT_BYTES,
  THREADS,
  THROWN_VALUE_COST,
  TRACED_PER_UNIT,
  WASI_CALL,
} from '../../wasm/gas.ts';
import { MAX_NESTED_CALLS, MAX_NESTED_VALUES, PAGE_BYTES } from '../../wasm/limits.ts';
import { OPCODES } from '../../wasm/opcodes.ts';

const MiB = 2 ** 20;

const text = readFileSync(new URL('../../docs/gas.md', import.meta.url), 'utf8');
/** As one line, as sentences are broken anywhere. */
const prose = text.replaceAll('\n', ' ');
const held: string[] = [];

/** The document says so. What it says so has been compared. */
function says(sentence: string): void {
  expect(prose).toContain(sentence);
  held.push(sentence);
}

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

const COSTS: [work: string, units: string][] = [
  [
    'entering a function',
    `${ENTRY_COST}, and 1 for every ${LOCALS_PER_UNIT} declared locals, of which vectors count twice`,
  ],
  [
    'a function of several results',
    `1 for every ${CARRIED_PER_UNIT} results beyond the first, on entry; vectors and references count twice`,
  ],
  [
    'a branch that carries several values, and the end of what a `catch` or `catch_all` does',
    `1 for every ${CARRIED_PER_UNIT} values beyond the first`,
  ],
  ['throwing an exception', `${THROWN_VALUE_COST} for every value`],
  ['`throw`', `1 for every whole ${CODE_PER_THROW_UNIT} bytes of the function's code before it`],
  ['an access to a memory other than the first', `${OTHER_MEMORY_COST}`],
  ['writing a reference to a local', `${REFERENCE_LOCAL_COST}`],
  ['entering the body of a `try_table` or `try`', `1 for every ${CLAUSES_PER_UNIT} clauses`],
  ['a `br_table`', `1 for every whole ${LABELS_PER_UNIT} labels`],
  ['`memory.grow` and `table.grow`, also where they fail or add nothing', `${GROWTH_COST}`],
  ['`memory.grow`', `${PAGE_COST} for every page`],
  ['`memory.fill`, `memory.copy`, `memory.init`', `1 for every ${PER_UNIT.bytes} bytes`],
  ['`table.grow`, `table.fill`, `table.copy`, `table.init`', `${1 / PER_UNIT.tableElements} for every element`],
  [
    '`array.fill`, `array.copy`, `array.init_data`, `array.init_elem`',
    `1 for every ${PER_UNIT.elements === 1 ? 'element' : `${PER_UNIT.elements} elements`}`,
  ],
  ['making a struct or an array', `1 for every ${PER_UNIT.objectBytes} bytes that it counts for (see Memory)`],
  [
    'looking for unused objects because the budget is full',
    `1 for every ${TRACED_PER_UNIT} bytes of objects and of the stack's weight, and for every global and element of tables and segments`,
  ],
  ['a call of a host function that declares nothing else', `${HOST_CALL.base}`],
  ['an HTTP call', `${HTTP_CALL.base}, and 1 for every ${1 / HTTP_CALL.perByte} bytes moved`],
  ['a builtin for strings', `${STRING_CALL.base}, and 1 for every code unit that it copies or compares`],
  ['a WASI call', `${WASI_CALL.base}, and 1 for every ${1 / WASI_CALL.perByte} bytes moved`],
  ['`random_get`', `every byte as ${RANDOM_BYTE} that are moved`],
  ['a buffer in a list that a WASI call is given', `${LOOK.buffer}`],
  ['a subscription of `poll_oneoff`', `${LOOK.subscription}`],
  ['an argument, or a variable of the environment, that a guest is given', `${LOOK.string}`],
  ['a byte of a path or of a symbolic link', `as ${PATH_BYTE} that are moved`],
  ['a byte of a URL, or of the name or value of a header', `as ${HEADER_BYTE} that are moved`],
];

it.each(COSTS)('has the cost of %s', (work, units) => {
  expect(rows.find(([name]) => name === work)?.[1]).toBe(units);
});

const WORKS: [work: string, keyof FileWork][] = [
  ['a call on a file or directory, and a buffer read or written', 'call'],
  ['a component of a path that is looked up', 'component'],
  ['opening what a path leads to', 'open'],
  ['making, removing or renaming an entry of a directory', 'change'],
  ['an entry of a directory that is listed', 'entry'],
  ['making sure that what was written is on the disk', 'sync'],
  ['a directory on the way up, when one is renamed', 'level'],
];

it.each(WORKS)('has the cost of %s', (work, name) => {
  expect(text).toContain(`| ${work} | ${FILE_WORK.memory[name]} | ${FILE_WORK.folder[name]} |`);
});

it('has the price of instantiation', () => {
  says(`${INSTANCE_ITEM_COST} for every function, export, table, tag and segment`);
  says(`${EVALUATED_COST} for every global`);
  says(`${SEGMENT_ELEMENT_COST} for every element of a segment`);
  says(`${1 / PER_UNIT.tableElements} for every element of an initial table`);
  says(`${PAGE_COST} for every page of initial memory, and for a memory without any`);
  says(`1 for every ${PER_UNIT.bytes} bytes of a data segment`);
  says(`costs ${EVALUATED_COST}, and`);
  says(`${NAME_UNITS.each} for every UTF-16 code unit of the name of an import or export beyond ${NAME_UNITS.covered}`);
  const { covered, each } = EVALUATED_BYTES;
  says(`${each} more for every byte of it beyond ${covered}`);
});

it('has what threads cost', () => {
  const { turn, spawn, wait } = THREADS;
  says(`Spawning one costs ${spawn.base} units`);
  says(`costs ${wait.base} units, and ${wait.perThread} for every thread`);
  says(`One thread runs for ${turn} units`);
  says(`An atomic access costs ${CLASS_COST.atomic / CLASS_COST.memory === 8 ? 'eight' : '?'} times`);
});

it('has the limit on the count', () => {
  expect(HIGHEST_GAS).toBe(2n ** 63n - 1n);
  says('a 64-bit count');
  says('2⁶³ − 1 is the limit');
});

it('has what calls weigh', () => {
  const { frame, slot, params, results, hostCall } = STACK_WEIGHT;
  says(`a frame weighs ${frame} bytes, and ${slot} bytes for every parameter`);
  expect(results).toBe(1);
  says(`Parameters beyond the first ${params} and results beyond the first weigh ${slot} bytes more`);
  says(`each of those weighs ${hostCall.toLocaleString('en')} bytes more`);
  says(`At most ${MAX_NESTED_CALLS} calls into guests may stand inside one another`);
  says(`may have ${MAX_NESTED_VALUES.toLocaleString('en')} parameters and results together`);
});

it('has what counts as memory', () => {
  const { struct, kind, field, array, exception, value, string, codeUnit } = OBJECT_BYTES;
  says(`${PAGE_BYTES} bytes a page, ${TABLE_ELEMENT_BYTES} bytes a table element`);
  says(`a struct counts for ${struct} bytes, ${kind} where it has numbers and ${kind} where it has references`);
  says(`and ${field} for every reference and every 32 bits of a number`);
  says(`an array for ${array} bytes and its elements, rounded up to ${field} bytes (a reference takes ${field})`);
  says(`an exception for ${exception} bytes and ${value} for every value`);
  says(`Exceptions of at most ${FREE_EXCEPTION_VALUES} values count for nothing where`);
  says(`string that a builtin has made for ${string} bytes and ${codeUnit} for every code unit`);
  says('A growth beyond it gives −1');
  says(`globals and elements taken for ${TRACED_PER_UNIT} bytes`);
  says(`and at least ${BETWEEN_TRACES / MiB} MiB`);
  says(`where that was more than ${BETWEEN_TRACES / MiB} MiB`);
  says(`an object that would count for more than ${MOST_OBJECT_BYTES / MiB} MiB`);
});

it('has no number that is not compared, but for what was measured', () => {
  const [schedule = ''] = text.split('## What a unit takes');
  let rest = schedule
    .split('\n')
    // Rows of tables are compared above.
    .filter((line) => !line.startsWith('|') && !line.startsWith('# '))
    .join(' ');
  for (const sentence of held) rest = rest.replace(sentence, '');
  expect(rest.replaceAll(/`[^`]*`|i32|i64/g, '').match(/[^.]*\d[^.]*/g)).toBe(null);
});

it('has no row whose number is not compared', () => {
  const known = new Set([...Object.keys(CLASS_COST), ...COSTS.map(([work]) => work), ...WORKS.map(([work]) => work)]);
  const [schedule = ''] = text.split('## What a unit takes');
  const works = schedule
    .split('\n')
    .filter((line) => /^\|.*\d/.test(line))
    .map((line) => cells(line)[0] ?? '');
  expect(works.filter((work) => !known.has(work))).toEqual([]);
});
