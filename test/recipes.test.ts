/** The recipes of examples/recipes, also where they are cancelled, exceed what they may use, or are restarted. */

import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { isGenuine, Match, type Saved } from '../examples/recipes/game.ts';
import { grade } from '../examples/recipes/grader.ts';
import { start } from '../examples/recipes/page.ts';
import { type Database, Plugin } from '../examples/recipes/plugin.ts';
import { type Ledger, serve } from '../examples/recipes/server.ts';
import { loadFixture } from '../fixtures/load.node.ts';
import { CallAborted, CompileError, CpuTimeoutExceeded, GasBudget, GasExhausted } from '../src/index.ts';
import { assemble, I32 } from './sandbox/modules.ts';

const HELLO = loadFixture('hello');
const program = (code: readonly number[]) =>
  assemble({ memory: 1, functions: [{ name: '_start', type: [[], []], code }] });
const ENDLESS = program([0x03, 0x40, 0x0c, 0, 0x0b]);

describe('the grader', () => {
  const cases = [
    { stdin: 'abc', expected: '0 arguments\nenvironment\n3 bytes of input' },
    { stdin: 'abcd', expected: '0 arguments\nenvironment\n3 bytes of input' },
  ];

  test('runs each case in a fresh state', async () => {
    expect(await grade(HELLO, cases)).toEqual(['accepted', 'wrong answer']);
  });

  test.each([
    ['never ends', [0x03, 0x40, 0x0c, 0, 0x0b], 'too slow'],
    ['traps', [0x00], 'failed'],
    ['takes all memory there is', [0x03, 0x40, 0x41, 16, 0x40, 0, 0x41, 0, 0x4e, 0x0d, 0, 0x0b], 'too much memory'],
  ] as const)('a program that %s', async (_, code, verdict) => {
    expect(await grade(program(code), cases.slice(1))).toEqual([verdict]);
  });

  test('is cancelled, and refuses what is no program', async () => {
    const signal = AbortSignal.timeout(20);
    await expect(
      grade(
        ENDLESS,
        Array.from({ length: 1_000 }, () => cases[0]!),
        signal,
      ),
    ).rejects.toBeInstanceOf(CallAborted);
    await expect(grade(new Uint8Array(8), cases)).rejects.toBeInstanceOf(CompileError);
  });
});

describe('the server', () => {
  const SPIN = assemble({
    functions: [
      { name: 'spin', type: [[], []], code: [0x03, 0x40, 0x0c, 0, 0x0b] },
      { name: 'add', type: [[I32, I32], [I32]], code: [0x20, 0, 0x20, 1, 0x6a] },
      { name: 'fail', type: [[], []], code: [0x00] },
    ],
  });

  async function serving(ledger: Ledger) {
    const service = await serve(SPIN, ledger);
    await new Promise<void>((resolve) => service.server.listen(0, '127.0.0.1', resolve));
    const { port } = service.server.address() as AddressInfo;
    const ask = async (path: string, tenant = 'ada', signal?: AbortSignal) => {
      const options = { headers: { 'x-tenant': tenant, connection: 'close' }, ...(signal && { signal }) };
      const response = await fetch(`http://127.0.0.1:${port}/${path}`, options);
      return [response.status, (await response.text()).trim()] as const;
    };
    return { ...service, ask };
  }

  test('answers, and says whose fault it was', async () => {
    const { ask, close } = await serving({ ada: new GasBudget(1_000_000_000).toJSON() });
    expect(await ask('add?arg=2&arg=3')).toEqual([200, '5']);
    expect((await ask('add?arg=2'))[0]).toBe(400);
    expect((await ask('nothing'))[0]).toBe(400);
    expect((await ask('fail'))[0]).toBe(422);
    expect((await ask('add?arg=2&arg=3', 'nobody'))[0]).toBe(401);
    await close();
  });

  test('bills a tenant for what was run, over a restart, until the month is used up', async () => {
    const first = await serving({ ada: new GasBudget(60_000_000).toJSON(), bob: new GasBudget(1_000).toJSON() });
    expect((await first.ask('spin'))[0]).toBe(422);
    const used = first.budgets.get('ada')!.used;
    expect(used).toBeGreaterThan(50_000_000n);
    await first.close();
    const ledger = JSON.parse(JSON.stringify(Object.fromEntries(first.budgets))) as Ledger;
    const second = await serving(ledger);
    expect(second.budgets.get('ada')!.used).toBe(used);
    expect((await second.ask('spin'))[0]).toBe(402);
    expect((await second.ask('add?arg=2&arg=3'))[0]).toBe(402);
    expect(second.budgets.get('ada')!.remaining).toBeLessThan(1_000n);
    expect(await second.ask('add?arg=2&arg=3', 'bob')).toEqual([200, '5']);
    second.budgets.get('ada')!.grant(1_000_000);
    expect(await second.ask('add?arg=2&arg=3')).toEqual([200, '5']);
    await second.close();
  });

  test('ends the guest of a client that goes away', async () => {
    const { ask, close, budgets } = await serving({ ada: new GasBudget(10_000_000_000).toJSON() });
    const gone = new AbortController();
    const asked = ask('spin', 'ada', gone.signal).catch((error: Error) => error.name);
    const budget = budgets.get('ada')!;
    while (budget.used < 500_000n) await new Promise((resolve) => setImmediate(resolve));
    gone.abort();
    expect(await asked).toBe('AbortError');
    // Closing waits for all leases.
    await close();
    expect(budget.used).toBeLessThan(50_000_000n);
  });
});

describe('the game', () => {
  const bot = (code: readonly number[]) =>
    assemble({
      imports: [['game', 'move', [[I32], [I32]]]],
      functions: [{ name: 'play', type: [[], []], code }],
    });
  const walks = (by: number) => bot([0x03, 0x40, 0x41, by, 0x10, 0, 0x1a, 0x0c, 0, 0x0b]);
  const PROGRAMS = [walks(1), walks(0x7f), bot([0x41, 1, 0x10, 0, 0x1a]), bot([0x41, 1, 0x10, 0, 0x00])];

  test('gives all bots the same, whatever becomes of the others', async () => {
    const match = await Match.begin([...PROGRAMS, walks(1)]);
    for (let i = 0; i < 10; i++) match.tick();
    const [right, left, once, fell, other] = match.places;
    expect(right).toBe(other);
    expect(right).toBe(-left!);
    expect(right).toBeGreaterThan(20);
    expect([once, fell, match.playing]).toEqual([1, 1, 3]);
  });

  test('goes on elsewhere as if it had not been saved, and can be checked', async () => {
    const whole = await Match.begin(PROGRAMS);
    for (let i = 0; i < 10; i++) whole.tick();
    const parts: Saved[] = [];
    let match = await Match.begin(PROGRAMS);
    for (let i = 0; i < 10; i++) {
      match.tick();
      if (i % 3 !== 2) continue;
      parts.push(await match.save());
      match = await Match.restore(parts.at(-1)!, PROGRAMS);
    }
    expect(match.places).toEqual(whole.places);
    expect(match.playing).toBe(2);
    parts.push(await match.save());
    for (const part of parts) expect(await isGenuine(part)).toBe(true);
    const other = await whole.save();
    expect(await isGenuine(other)).toBe(true);
    expect(parts.at(-1)!.bots.map(({ x }) => x)).toEqual(other.bots.map(({ x }) => x));
  });

  test('of two hundred bots ticks', async () => {
    const match = await Match.begin(Array.from({ length: 200 }, (_, i) => PROGRAMS[i % 2]!));
    for (let i = 0; i < 3; i++) match.tick();
    expect(new Set(match.places).size).toBe(2);
    expect(match.playing).toBe(200);
  });
});

describe('the plug-in', () => {
  /** Its memory: input at 1024, the answer at 4096. `handle` asks the database for its input, and answers what it found. */
  const PLUGIN = assemble({
    imports: [['db', 'get', [[I32, I32, I32], [I32]]]],
    memory: 1,
    functions: [
      { name: 'alloc', type: [[I32], [I32]], code: [0x41, 0x80, 0x08] },
      {
        name: 'handle',
        type: [[I32, I32], [I32]],
        code: [
          ...[0x20, 0, 0x20, 1, 0x41, 0x80, 0x20, 0x10, 0, 0x22, 1], // length = get(pointer, length, 4096)
          ...[0x41, 0, 0x48, 0x04, 0x40, 0x00, 0x0b], // below 0: trap
          ...[0x20, 1, 0x41, 0x80, 0x20, 0x6a, 0x41, 0, 0x3a, 0, 0], // a zero byte behind it
          ...[0x41, 0x80, 0x20],
        ],
      },
    ],
  });
  const database = (found: Record<string, string>): Database & { signals: AbortSignal[] } => {
    const signals: AbortSignal[] = [];
    return {
      signals,
      query: (key, { signal }) => {
        signals.push(signal);
        return key === 'never' ? new Promise(() => undefined) : Promise.resolve(found[key]);
      },
    };
  };

  test('is given text, awaits the database, and answers, one request after another', async () => {
    const plugin = await Plugin.load(PLUGIN, database({ a: 'Ada', 'ü🙂': 'Grüße' }));
    expect(await Promise.all([plugin.handle('a'), plugin.handle('ü🙂'), plugin.handle('a')])).toEqual([
      'Ada',
      'Grüße',
      'Ada',
    ]);
    await expect(plugin.handle('nobody')).rejects.toThrow('unreachable');
    expect(await plugin.handle('a')).toBe('Ada');
    plugin.close();
  });

  test('ends its query when its call is over, and goes on', async () => {
    const db = database({ a: 'Ada' });
    const plugin = await Plugin.load(PLUGIN, db);
    await expect(plugin.handle('never', { timeout: 5 })).rejects.toBeInstanceOf(CpuTimeoutExceeded);
    await expect(plugin.handle('never', { signal: AbortSignal.timeout(5) })).rejects.toBeInstanceOf(CallAborted);
    expect(db.signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(await plugin.handle('a')).toBe('Ada');
  });

  test('pays for what it is given', async () => {
    const plugin = await Plugin.load(PLUGIN, database({ big: 'x'.repeat(20_000_000) }));
    await expect(plugin.handle('big')).rejects.toBeInstanceOf(GasExhausted);
  });
});

describe('the page', () => {
  const page = () => ({ output: { textContent: '' as string | null }, stop: new EventTarget() });

  test('shows what the program wrote, or what went wrong', async () => {
    const shown = page();
    await start(loadFixture('primes'), ['primes', '100'], shown);
    expect(shown.output.textContent).toContain('25 primes');
    await start(new Uint8Array(3), [], shown);
    expect(shown.output.textContent).toContain('magic header not detected');
  });

  test('stops a program', async () => {
    const shown = page();
    setTimeout(() => shown.stop.dispatchEvent(new Event('click')), 10);
    await start(ENDLESS, [], shown);
    expect(shown.output.textContent).toContain('Call aborted');
  });
});

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

test.each(['grader', 'server', 'game', 'plugin', 'page'])(
  'the page of recipes has the %s as it is tested here',
  (name) => {
    expect(read('docs/recipes.md')).toContain(`\`\`\`ts\n${read(`examples/recipes/${name}.ts`)}\`\`\``);
  },
);

/** Lines without imports, types, comments and what is empty: what somebody has to write around a guest. */
function glueOf(text: string): number {
  const code = text
    .replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
    .replaceAll(/^(export )?(interface|type) [^;{]*(\{[\s\S]*?^\}|;)$/gm, '');
  return code.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('import ')).length;
}

test.each([
  ['grader', 33],
  ['server', 50],
  ['game', 79],
  ['plugin', 51],
  ['page', 13],
])('the %s takes fewer lines than without its part of the library: %i', (name, before) => {
  const lines = glueOf(read(`examples/recipes/${name}.ts`));
  console.log(`${name}: ${lines} lines, ${before} before`);
  expect(lines).toBeLessThanOrEqual(before);
});
