/** Operands are asked for by the names and kinds that isa.ts gives them: the compiler sees to that. */

import { expect, test } from 'vitest';
import { errorsIn } from '../compiler.ts';

const SYSTEM = 'interpreter/machine/system.ts';
const THREAD = 'interpreter/machine/thread.ts';
const LOOP = 'interpreter/generate/loop.ts';

test('names that an instruction does not have, operands of other kinds, and a missing handler do not compile', () => {
  const errors = errorsIn(['wasm', 'interpreter'], {
    [SYSTEM]: (text) =>
      text
        .replace("'table.get': (it, { table,", "'table.get': (it, { tabel: table,")
        .replace('it.reference(reference) === null', 'it.signed(reference) === null')
        .replace('it.set(result, it.memory(memory).pages)', 'it.set(memory, 0)')
        .replace(/ {2}'data.drop': .*\n/, ''),
    [THREAD]: (text) => text.replace('at.table]', 'at.func]'),
    [LOOP]: (text) => text.replace("c.placeOf('weight')", "c.placeOf('wait')"),
  });
  const found = errors.map(({ file, message }) => `${file}: ${message}`).sort();
  const expected: readonly (readonly [file: string, saying: RegExp])[] = [
    [LOOP, /'"wait"' is not assignable to parameter of type '"weight"'/],
    [SYSTEM, /Property 'tabel' does not exist/],
    [SYSTEM, /'Place<"memory">' is not assignable to parameter of type 'Target<"i32">'/],
    [SYSTEM, /'Place<"reference">' is not assignable to parameter of type 'Place<"i32">'/],
    [SYSTEM, /Property '"data.drop"' is missing/],
    [THREAD, /Property 'func' does not exist/],
  ];
  for (const [file, saying] of expected) expect(found.filter((error) => error.startsWith(file)).join()).toMatch(saying);
  expect(found).toHaveLength(expected.length);
});
