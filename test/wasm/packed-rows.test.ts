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
    const mayTrap = traps.length > 0 ? { traps: [[]] } : {};
    const more = { ...(flow === 'on' ? {} : { flow }), ...mayTrap, ...traits };
    const bits = meaning?.startsWith('bits ') ? 'bits ' : '';
    return [
      mnemonic,
      code,
      immediates,
      special ? '*' : `${params}:${results}`,
      gas,
      ...(meaning === undefined ? [] : [isAccess ? meaning : bits]),
      more,
    ];
  });
  expect(rows).toEqual(expected);
});

test('leaves the instrumenter what it asks of them', () => {
  const rows = runInNewContext(`${pack(OPCODES)}; ROWS`) as [string, ...unknown[]][];
  const packed = new Map(rows.map((row) => [row[0], row]));
  for (const { mnemonic, meaning, traps } of OPCODES) {
    const row = packed.get(mnemonic) as readonly unknown[];
    const traits = row.find((part): part is { traps?: unknown[] } => typeof part === 'object') ?? {};
    expect([mnemonic, (traits.traps?.length ?? 0) > 0]).toEqual([mnemonic, traps.length > 0]);
    expect([mnemonic, row[5] === 'bits ']).toEqual([mnemonic, meaning?.startsWith('bits ') === true]);
  }
});
