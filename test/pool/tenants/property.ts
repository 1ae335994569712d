/** Nobody finds what tenants before have left, or do with what they have kept. */

import type { EngineName } from '../../../src/index.ts';
import type { Property } from '../../property/runner.ts';
import { anyHistory, type Ground, type History, type Turn, turnsOf } from './history.ts';
import { World } from './world.ts';

/** All that every tenant has seen, by its number. */
async function run(ground: Ground, turns: readonly Turn[], max: number): Promise<Map<number, readonly string[]>> {
  const world = await World.create(ground, max);
  for (const turn of turns) await world.take(turn);
  await world.close();
  return new Map([...world.tenants].map(([number, { trace }]) => [number, trace]));
}

/** The turns of a tenant, as if there were no other. */
function partOf(turns: readonly Turn[], tenant: number): Turn[] {
  return turns.filter(({ tenants }) => tenants.includes(tenant)).map(({ action }) => ({ tenants: [tenant], action }));
}

/** @throws Error where a tenant has seen anything else than it sees alone, in a sandbox that nobody had before */
export async function checkTenants(history: History): Promise<void> {
  const { ground } = history;
  const turns = turnsOf(history);
  const together = await run(ground, turns, ground.slots + ground.spare);
  const alone = await Promise.all(
    [...together.keys()].map((tenant) => run({ ...ground, made: 'function' }, partOf(turns, tenant), 1)),
  );
  for (const [i, [tenant, found]] of [...together].entries()) {
    const expected = alone[i]?.get(tenant) ?? [];
    const line = found.findIndex((text, at) => text !== expected[at]);
    if (line < 0 && found.length === expected.length) continue;
    const at = line < 0 ? found.length : line;
    throw new Error(
      [
        `tenant ${tenant} is not alone:`,
        ...found.slice(Math.max(0, at - 2), at),
        found[at],
        '--- alone:',
        expected[at],
      ].join('\n'),
    );
  }
}

export function tenants(...engines: readonly EngineName[]): Property<History> {
  return {
    name: `tenants, one after another (${engines.join(', ')})`,
    runs: 60,
    arbitrary: anyHistory(engines),
    check: checkTenants,
    keep: (history, note) => ({ history, note }),
  };
}
