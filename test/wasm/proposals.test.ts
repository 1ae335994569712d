/** Modules that need what published proposals add: the error says which, and not that the bytes are wrong. */

import { describe, expect, test } from 'vitest';
import { WasmSandbox, WasmSandboxError } from '../../src/index.ts';
import { parse } from '../../src/text.ts';
import { decode } from '../../wasm/decode.ts';
import { CompileError } from '../../wasm/errors.ts';
import { OPCODES } from '../../wasm/opcodes.ts';
import { proposalOf } from '../../wasm/proposals.ts';
import { concat, encodeModule, unsigned } from '../generate/encode.ts';

const inBody = (...raw: readonly number[]) => encodeModule({ functions: [{ body: [{ raw }] }] });

const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const section = (id: number, ...bytes: readonly number[]) =>
  concat(HEADER, [id], unsigned(bytes.length + 1), [1], bytes);

function failureOf(bytes: Uint8Array): CompileError {
  try {
    decode(bytes);
  } catch (error) {
    return error as CompileError;
  }
  throw new Error('it was decoded');
}

const NEEDED: readonly (readonly [proposal: string, what: string, bytes: Uint8Array])[] = [
  ['shared-everything threads', 'global.atomic.get', inBody(0xfe, 0x4f, 0, 0)],
  ['shared-everything threads', 'a shared table', section(4, 0x70, 2, 1)],
  ['shared-everything threads', 'a shared global', section(6, 0x7f, 2, 0x41, 0, 0x0b)],
  ['shared-everything threads', 'a shared type', section(1, 0x65, 0x5f, 0)],
  ['stack switching', 'cont.new', inBody(0xe0, 0)],
  ['stack switching', 'switch', inBody(0xe6, 0, 0)],
  ['stack switching', 'a type of continuations', section(1, 0x5d, 0)],
  ['stack switching', 'a reference to a continuation', section(1, 0x60, 1, 0x68, 0)],
  ['stack switching', 'a null of one', inBody(0xd0, 0x68, 0x1a)],
  ['wide arithmetic', 'i64.add128', inBody(0xfc, 0x13)],
  ['wide arithmetic', 'i64.mul_wide_u', inBody(0xfc, 0x16)],
  ['memory control', 'memory.discard', inBody(0xfc, 0x12, 0)],
  ['custom page sizes', 'a memory of bytes', section(5, 8, 1, 0)],
  ['custom page sizes', 'a shared one', section(5, 0x0b, 1, 1, 0)],
  ['custom descriptors', 'ref.get_desc', inBody(0xfb, 0x22, 0)],
  ['custom descriptors', 'a type with a descriptor', section(1, 0x4d, 1, 0x5f, 0)],
  ['custom descriptors', 'an exact reference', section(1, 0x60, 1, 0x64, 0x62, 0, 0)],
  ['compact import section', 'imports of one module', section(2, 1, 0x61, 0, 0x7f, 1, 1, 0x62, 0, 0)],
  ['custom descriptors', 'an exact function', section(2, 1, 0x61, 1, 0x62, 0x20, 0)],
  ['half precision', 'f32.load_f16', inBody(0xfc, 0x30, 1, 0)],
  ['half precision', 'f16x8.splat', inBody(0xfd, 0xa0, 0x02)],
  ['reference-typed strings', 'string.const', inBody(0xfb, 0x82, 0x01, 0)],
  ['stack switching', 'a tag with a result', Uint8Array.of(...HEADER, 1, 5, 1, 0x60, 0, 1, 0x7f, 13, 3, 1, 0, 0)],
  ['component model', 'a component', Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0)],
];

test.each(NEEDED)('%s: %s', (proposal, _, bytes) => {
  const failure = failureOf(bytes);
  expect(failure).toBeInstanceOf(CompileError);
  expect(failure.feature).toBe(proposal);
  expect(failure.message).toContain(`the module needs "${proposal}", which is not supported`);
  expect(failure.message).not.toMatch(/illegal|malformed|unknown/);
  expect(failure.offset).toBeGreaterThan(3);
});

const WRONG: readonly (readonly [message: string, bytes: Uint8Array])[] = [
  ['illegal opcode 0x16', inBody(0x16)],
  ['illegal opcode 0xff', inBody(0xff)],
  ['illegal opcode 0xfc', inBody(0xfc, 0x20)],
  ['illegal opcode 0xfd', inBody(0xfd, 0x9a, 0x01)],
  ['illegal opcode 0xfe', inBody(0xfe, 0x05)],
  ['illegal opcode 0xfe', inBody(0xfe, 0xff, 0xff, 0xff, 0xff, 0x0f)],
  ['malformed limits flags', section(5, 0x10, 1)],
  ['malformed limits flags', section(4, 0x70, 8, 1)],
  ['malformed mutability', section(6, 0x7f, 4, 0x41, 0, 0x0b)],
  ['malformed import or export kind', section(2, 1, 0x61, 1, 0x62, 0x7f, 0)],
  ['malformed import or export kind', section(7, 0, 0x7f, 0)],
  ['malformed type', section(1, 0x40, 0)],
  ['malformed value type 0x50', section(1, 0x60, 1, 0x50, 0)],
  ['malformed section id 15', section(15, 0)],
  ['unknown binary version', Uint8Array.of(0, 0x61, 0x73, 0x6d, 2, 0, 0, 0)],
];

test.each(WRONG)('what nobody has assigned is wrong: %s', (message, bytes) => {
  const failure = failureOf(bytes);
  expect(failure.message).toContain(message);
  expect(failure.feature).toBeUndefined();
});

test('nothing that is here is said to be missing', () => {
  expect(OPCODES.filter(({ code }) => proposalOf('instruction', code) !== undefined)).toEqual([]);
});

describe('the error', () => {
  const [, , bytes] = NEEDED[0] as (typeof NEEDED)[number];

  test('has the function, once, and goes through JSON', () => {
    const failure = failureOf(bytes);
    expect(failure.message).toMatch(/instruction 0xfe004f \(function 0, offset 0x[0-9a-f]+\)$/);
    const again = WasmSandboxError.from(JSON.parse(JSON.stringify(failure)));
    expect(again).toBeInstanceOf(CompileError);
    expect([(again as CompileError).feature, again.message]).toEqual(['shared-everything threads', failure.message]);
  });

  test('is that of the sandbox, and names what the native engine lacks', async () => {
    await expect(WasmSandbox.fromBytes(bytes)).rejects.toMatchObject({
      code: 'COMPILE',
      feature: 'shared-everything threads',
    });
    // i32.const 0; ref.i31; drop.
    const small = inBody(0x41, 0, 0xfb, 0x1c, 0x1a);
    await expect(WasmSandbox.fromBytes(small, { engine: 'native' })).rejects.toMatchObject({ feature: 'gc' });
  });

  test.each([
    ['stack switching', '(func (suspend 0))'],
    ['stack switching', '(type $f (func)) (type (cont $f))'],
    ['stack switching', '(func (param (ref null cont)))'],
    ['wide arithmetic', '(func i64.add128)'],
    ['memory control', '(func memory.discard)'],
    ['custom page sizes', '(memory 0 (pagesize 1))'],
    ['custom page sizes', '(memory 1 2 ( pagesize 1))'],
    ['shared-everything threads', '(type (shared (struct)))'],
    ['shared-everything threads', '(func (global.atomic.get seq_cst 0))'],
    ['custom descriptors', '(rec (type (descriptor 1 (struct))))'],
    ['custom descriptors', '(func (param (ref (exact 0))))'],
    ['custom descriptors', '(func (ref.get_desc 0))'],
    ['reference-typed strings', '(func (param stringref))'],
    ['reference-typed strings', '(func (drop (string.const "x")))'],
    ['half precision', '(func (drop (f16x8.splat (f32.const 0))))'],
    ['compact import section', '(import "m" (item "f" (func)))'],
  ])('of a text names %s: %s', (proposal, field) => {
    const read = () => parse(`(module ${field})`);
    expect(read).toThrow(`the module needs "${proposal}"`);
    expect(read).toThrow(expect.objectContaining({ feature: proposal }));
  });

  test('of a text of a component says so', () => {
    expect(() => parse('(component)')).toThrow('the module needs "component model"');
  });
});
