/** Lines of source code for the frames of errors. */

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CompileError, Trap, UsageError, WasmSandbox, type WasmSandboxError } from '../../src/index.ts';
import { locateAll } from '../../src/symbols/dwarf-line.ts';
import { symbolize } from '../../src/symbols.ts';
import { decode } from '../../wasm/decode.ts';
import { SEED } from '../property/runner.ts';
import { assemble, I32 } from '../sandbox/modules.ts';

const read = (version: number) => new Uint8Array(readFileSync(new URL(`nested-${version}.wasm`, import.meta.url)));

async function failing(bytes: Uint8Array, n: number): Promise<WasmSandboxError> {
  const error: unknown = await (await WasmSandbox.fromBytes(bytes)).call('run', [n]).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(Trap);
  return error as WasmSandboxError;
}

describe.each([4, 5])('DWARF %i', (version) => {
  const bytes = read(version);

  // What llvm-symbolizer 14 says of the same addresses.
  test('has the lines of the calls on the stack', async () => {
    const lines = async (n: number) =>
      (await symbolize(await failing(bytes, n), bytes)).map(
        ({ functionName, source }) => `${functionName} ${source?.file}:${source?.line}:${source?.column}`,
      );
    const file = version === 5 ? './nested.c' : 'nested.c';
    expect(await lines(1)).toEqual([`inner ${file}:3:14`, `middle ${file}:7:15`, `run ${file}:12:10`]);
    expect(await lines(0)).toEqual([`inner ${file}:3:14`, `middle ${file}:7:15`, `run ${file}:13:10`]);
  });

  test('that is damaged gives less, or something else, and nothing worse', () => {
    const { customSections } = decode(bytes);
    const [line] = customSections.named('.debug_line');
    const section = bytes.slice(line!.bytes.start, line!.bytes.end);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(section.length - 1), fc.nat(255)), { maxLength: 4 }), (changes) => {
        const changed = section.slice();
        for (const [at, byte] of changes) changed[at] = byte;
        const found = locateAll((name) => (name === '.debug_line' ? changed : undefined), [6, 0x20, 0x30]);
        expect(found).toHaveLength(3);
      }),
      { numRuns: 2_000, seed: SEED },
    );
  });
});

test('a module without debug information has no lines', async () => {
  const bytes = assemble({ functions: [{ name: 'run', type: [[I32], []], code: [0x00] }] });
  const frames = await symbolize(await failing(bytes, 1), bytes);
  expect(frames).toMatchObject([{ functionName: 'run', source: undefined }]);
});

test('a source map says where the instruction came from', async () => {
  const bytes = read(4);
  const error = await failing(bytes, 1);
  const { offset } = error.frames[0]!;
  // One segment: column `offset` of line 1 is line 3, column 15 of the only source.
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const vlq = (value: number) => {
    let text = '';
    for (let rest = value << 1; ; ) {
      const digit = rest & 31;
      rest >>>= 5;
      text += digits[rest > 0 ? digit | 32 : digit];
      if (rest === 0) return text;
    }
  };
  const map = { version: 3, names: [], sources: ['divide.ts'], mappings: `${vlq(offset)}${vlq(0)}${vlq(2)}${vlq(14)}` };
  for (const sourceMap of [map, JSON.stringify(map)]) {
    const [inner] = await symbolize(error, bytes, { sourceMap });
    expect(inner).toMatchObject({ functionName: 'inner', offset, source: { file: 'divide.ts', line: 3, column: 15 } });
  }
});

test('wrong arguments are refused in words', async () => {
  const bytes = read(4);
  const error = await failing(bytes, 1);
  await expect(symbolize({} as never, bytes)).rejects.toThrow('the error must be one that a call has thrown, not');
  await expect(symbolize(null as never, bytes)).rejects.toBeInstanceOf(UsageError);
  await expect(symbolize(error, 'module' as never)).rejects.toThrow('the module must be bytes');
  await expect(symbolize(error, new Uint8Array(3))).rejects.toBeInstanceOf(CompileError);
  await expect(symbolize(error, bytes, { sourceMap: 'nonsense' })).rejects.toThrow('the source map is none');
  await expect(symbolize(error, bytes, { map: {} } as never)).rejects.toThrow('has no option "map"');
});
