import { afterEach, expect, test, vi } from 'vitest';
import { showing } from '../../src/cli/io/io.ts';
import { showProgress } from '../../src/cli/io/progress.node.ts';
import { fixture, run, SILENT } from './harness.ts';

afterEach(() => void vi.restoreAllMocks());

/** What is written on a stream for a piece of work of so many milliseconds, told of at its beginning and end. */
async function written(isTTY: boolean, milliseconds: number): Promise<string> {
  let text = '';
  const write = (chunk: string) => void (text += chunk);
  const nothing = () => true;
  const stream = { isTTY, columns: 80, write, cursorTo: nothing, clearLine: nothing, moveCursor: nothing };
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const progress = await showProgress('loading x', stream as never);
  progress.tick();
  now = milliseconds;
  progress.tick();
  progress.end();
  return text;
}

test('what takes long says so on a terminal', async () => {
  expect(await written(true, 3_000)).toContain('loading x (3 s)');
});

test('and nothing is said where it takes less, or nobody looks', async () => {
  expect(await written(true, 900)).toBe('');
  expect(await written(false, 3_000)).toBe('');
});

test('commands tell of the pieces of their work, and of its end', async () => {
  const told: string[] = [];
  let ticks = 0;
  const progress = async (what: string) => {
    told.push(what);
    return { tick: () => void ticks++, end: () => void told.push('end') };
  };
  const work = showing({ ...SILENT, progress }, 'x', async (tick) => {
    tick();
    throw new Error('no');
  });
  await expect(work).rejects.toThrow('no');
  expect({ told, ticks }).toEqual({ told: ['x', 'end'], ticks: 1 });
  expect((await run(['validate', fixture('hello')], '', undefined, false, progress)).status).toBe(0);
  expect(told).toEqual(['x', 'end', expect.stringMatching(/^loading ".*hello\.wasm"$/), 'end']);
});
