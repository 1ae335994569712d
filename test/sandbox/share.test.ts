import { expect, test } from 'vitest';
import { type EngineName, KiB, WasmSandbox } from '../../src/index.node.ts';
import type { Share } from '../../wasm/budget.ts';
import { assemble, I32 } from './modules.ts';

const PAGE = 64 * KiB;

/** A page; `grow(pages)` grows. */
const GUEST = assemble({
  memory: 1,
  functions: [{ name: 'grow', type: [[I32], [I32]], code: [0x20, 0, 0x40, 0] }],
});

test.each(['interpreter', 'native'] as const)(
  'what is kept for a guest leaves it so much less memory, until a reset, on the %s engine',
  async (engine: EngineName) => {
    const sandbox = await WasmSandbox.create({ source: GUEST, engine, memoryLimit: 3 * PAGE });
    const share = sandbox.guest?.share() as Share;
    expect(share.take(2 * PAGE + 1)).toBe(false);
    expect(share.take(PAGE + 1)).toBe(true);
    expect(sandbox.memoryUsage().usedBytes).toBe(2 * PAGE + 1);
    expect(await sandbox.call('grow', [1])).toBe(-1);
    share.give(1);
    expect(await sandbox.call('grow', [1])).toBe(1);
    expect(share.take(1)).toBe(false);

    await sandbox.reset();
    share.give(PAGE);
    expect(sandbox.memoryUsage().usedBytes).toBe(PAGE);
    expect(await sandbox.call('grow', [2])).toBe(1);
  },
);
