/** The opcode table as the package has it (scripts/rows.mjs), against the one in the sources. */

import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { pack } from '../../scripts/rows.mjs';
import { OPCODES } from '../../wasm/opcodes.ts';

test('says of every instruction what those read who run it', () => {
  const rows: unknown = JSON.parse(runInNewContext(`${pack(OPCODES)}; JSON.stringify(ROWS)`));
  const expected = OPCODES.map(({ index, params, results, special, meaning, traps, flow, ...row }) => {
    const { mnemonic, code, immediates, gas, ...traits } = row;
    const isAccess = immediates === 'memarg';
    const more = flow === 'on' ? traits : { flow, ...traits };
    return [
      mnemonic,
      code,
      immediates,
      special ? '*' : `${params}:${results}`,
      gas,
      ...(meaning === undefined ? [] : [isAccess ? meaning : '']),
      ...(Object.keys(more).length === 0 ? [] : [more]),
    ];
  });
  expect(rows).toEqual(expected);
});
