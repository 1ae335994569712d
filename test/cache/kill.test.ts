import { spawn } from 'node:child_process';
import { readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DiskStore } from '../../src/cache/disk.node.ts';
import { decodeEntry } from '../../src/cache/entry.ts';
import { SandboxCache, WasmSandbox } from '../../src/index.ts';
import { oneFile } from '../one-file.ts';
import { filesIn, keyOf, temporaryFolder } from './help.ts';
import { BULKY, bulkyContent, moduleOf, STORE_BOUNDS, WORK } from './work.ts';

const ROUNDS = 10;
/** Processes that write to the same folder at once. */
const WRITERS = 3;

/** Kills a process that writes to the folder while it is at its so-manieth file, or just behind it. */
function killedWriter(script: string, folder: string, files: number, first: number): Promise<string | null> {
  const child = spawn(process.execPath, [script, folder, String(first)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const seen = new Set<string>();
  const watcher = watch(folder, (_, name) => {
    if (name?.includes(`.${child.pid}-`)) seen.add(name);
    if (seen.size >= files) child.kill('SIGKILL');
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (_, signal) => {
      watcher.close();
      resolve(signal);
    });
  });
}

/** Different every time, as the places at which processes are killed are. */
const upTo = (count: number) => Math.floor(Math.random() * count);

test('a process killed while it writes never leaves an entry that loads wrong', async () => {
  const script = await oneFile('test/cache/writer.ts');
  const folder = temporaryFolder();
  const contents = BULKY.map(bulkyContent);
  let whole = 0;
  let unfinished = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const writers = Array.from({ length: WRITERS }, () => killedWriter(script, folder, 1 + upTo(12), upTo(100)));
    expect(await Promise.all(writers)).toEqual(writers.map(() => 'SIGKILL'));
    unfinished += filesIn(folder, '.unfinished').length;
    // No name stands for half an entry: whatever was cut short never got one.
    for (const name of filesIn(folder, '.entry')) {
      const entry = new Uint8Array(readFileSync(join(folder, name)));
      expect(await decodeEntry(name.slice(0, 64), entry), name).toBeDefined();
      whole++;
    }
    const store = await DiskStore.open(folder, STORE_BOUNDS);
    for (const number of BULKY) {
      const content = await store.read(keyOf(number));
      if (content !== undefined) expect(Buffer.compare(content, contents[number] as Uint8Array)).toBe(0);
    }
    expect(store.getStats()).toMatchObject({ corrupt: 0, failures: 0 });
    const { entries, bytes } = store.getStats();
    expect(entries).toBeLessThanOrEqual(STORE_BOUNDS.maxEntries);
    expect(bytes).toBeLessThanOrEqual(STORE_BOUNDS.maxBytes);
  }
  // Else nobody was killed at the right time, and nothing has been shown.
  expect(whole).toBeGreaterThan(0);
  expect(unfinished).toBeGreaterThan(0);

  const cache = await SandboxCache.onDisk(folder);
  for (const number of WORK) {
    const source = moduleOf(number);
    const [cached, fresh] = await Promise.all([
      WasmSandbox.create({ source, engine: 'native', cache }),
      WasmSandbox.create({ source, engine: 'native' }),
    ]);
    expect(await cached.call('value')).toBe(number);
    expect(await cached.call('f7', [1])).toBe(await fresh.call('f7', [1]));
    await fresh.call('value');
    expect(cached.getResourceStats().gasUsed).toBe(fresh.getResourceStats().gasUsed);
  }
  expect(cache.getStats().disk).toMatchObject({ corrupt: 0, failures: 0 });
});
