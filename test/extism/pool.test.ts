/** Plug-ins in sandboxes that a pool lends. */

import { expect, test } from 'vitest';
import { CompiledPlugin, Plugin } from '../../src/extism.node.ts';
import { SandboxDisposed, SandboxPool } from '../../src/index.node.ts';
import { ENGINES, PLUGIN, SHOUT } from './plugins.ts';

test.each(ENGINES)('who borrows one finds no variable of the one before, on the %s engine', async (engine) => {
  const compiled = await CompiledPlugin.create(PLUGIN, { functions: SHOUT, engine });
  const pool = await SandboxPool.create({ sandbox: compiled.sandbox, max: 1 });
  let kept: Plugin | undefined;
  for (let i = 0; i < 3; i++) {
    await pool.use(async (sandbox) => {
      const plugin = await Plugin.in(sandbox, compiled);
      expect(await plugin.call('count', '', { as: 'text' })).toBe('1');
      expect(await plugin.call('count', '', { as: 'text' })).toBe('2');
      expect(plugin.sandbox.memoryUsage().usedBytes).toBeLessThan(18 * 65_536);
      kept = plugin;
    });
  }
  await expect(kept?.call('count')).rejects.toBeInstanceOf(SandboxDisposed);
  expect(pool.getStats().acquired).toBe(3);
  await pool.drain();
});

test('plug-ins beside one another have variables of their own', async () => {
  const compiled = await CompiledPlugin.create(PLUGIN, { functions: SHOUT });
  const pool = await SandboxPool.create({ sandbox: compiled.sandbox, max: 4 });
  const counts = await Promise.all(
    [1, 2, 3, 4].map((times) =>
      pool.use(async (sandbox) => {
        const plugin = await Plugin.in(sandbox, compiled);
        let last = '';
        for (let i = 0; i < times; i++) last = await plugin.call('count', '', { as: 'text' });
        return last;
      }),
    ),
  );
  expect(counts).toEqual(['1', '2', '3', '4']);
  await pool.drain();
});

test('a lease that comes back in the middle of a call leaves nothing taken', async () => {
  const shout = () => new Promise<bigint>(() => undefined);
  const compiled = await CompiledPlugin.create(PLUGIN, { functions: { 'extism:host/user': { shout } } });
  const pool = await SandboxPool.create({ sandbox: compiled.sandbox, max: 1 });
  const lease = await pool.acquire();
  const before = lease.sandbox.memoryUsage().usedBytes;
  const waiting = (await Plugin.in(lease.sandbox, compiled)).call('ask', 'x'.repeat(1_000));
  waiting.catch(() => undefined);
  await Promise.resolve();
  await lease.release();
  await expect(waiting).rejects.toThrow();
  await pool.use((sandbox) => expect(sandbox.memoryUsage().usedBytes).toBe(before));
  await pool.drain();
});
