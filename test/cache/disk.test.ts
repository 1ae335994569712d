import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { DiskStore } from '../../src/cache/disk.node.ts';
import { HEADER_BYTES } from '../../src/cache/entry.ts';
import { Authenticator } from '../../src/crypto/key.ts';
import { UsageError } from '../../src/index.ts';
import { contentOf, filesIn, keyOf, temporaryFolder } from './help.ts';

const WIDE = { maxEntries: 1_000, maxBytes: 1e9 };
const isWindows = process.platform === 'win32';

/** Says when a file was used last, in seconds since 1970. */
function setUsed(folder: string, number: number, seconds: number): void {
  utimesSync(join(folder, `${keyOf(number)}.entry`), seconds, seconds);
}

describe('reading and writing', () => {
  test('what was written is read, by this store and by others', async () => {
    const folder = temporaryFolder();
    const store = await DiskStore.open(folder, WIDE);
    expect(await store.read(keyOf(1))).toBeUndefined();
    await store.write(keyOf(1), contentOf(1));
    expect(await store.read(keyOf(1))).toEqual(contentOf(1));
    const other = await DiskStore.open(pathToFileURL(`${folder}/`), WIDE);
    expect(await other.read(keyOf(1))).toEqual(contentOf(1));
    expect(await other.read(keyOf(2))).toBeUndefined();
    expect(store.getStats()).toMatchObject({ hits: 1, misses: 1, written: 1, corrupt: 0, failures: 0, entries: 1 });
    expect(other.getStats()).toMatchObject({ hits: 1, misses: 1, entries: 1, bytes: HEADER_BYTES + 1_001 });
  });

  test('the folder is made for its owner alone, and so are the files', async () => {
    const folder = join(temporaryFolder(), 'deep', 'down');
    const store = await DiskStore.open(folder, WIDE);
    await store.write(keyOf(1), contentOf(1));
    if (isWindows) return;
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, `${keyOf(1)}.entry`)).mode & 0o777).toBe(0o600);
  });

  test('the last of several writers counts, and none leaves anything else', async () => {
    const folder = temporaryFolder();
    const stores = await Promise.all([1, 2, 3].map(() => DiskStore.open(folder, WIDE)));
    await Promise.all(Array.from({ length: 60 }, (_, i) => stores[i % 3]?.write(keyOf(i % 5), contentOf(i % 5))));
    for (const number of [0, 1, 2, 3, 4]) expect(await stores[0]?.read(keyOf(number))).toEqual(contentOf(number));
    expect(filesIn(folder, '')).toEqual(filesIn(folder, '.entry'));
    expect(stores.map((store) => store.getStats().failures)).toEqual([0, 0, 0]);
  });

  test('clear removes the entries, and nothing else', async () => {
    const folder = temporaryFolder();
    const store = await DiskStore.open(folder, WIDE);
    await store.write(keyOf(1), contentOf(1));
    const others = ['notes.txt', `${'a'.repeat(63)}.entry`, `${'g'.repeat(64)}.entry`];
    for (const name of others) writeFileSync(join(folder, name), 'mine');
    await store.clear();
    expect(filesIn(folder, '')).toEqual([...others].sort());
    expect(store.getStats()).toMatchObject({ entries: 0, bytes: 0 });
  });
});

describe('what is not as it was written', () => {
  test.each<[string, (path: string) => void]>([
    ['cut off', (path) => writeFileSync(path, readFileSync(path).subarray(0, 500))],
    ['empty', (path) => writeFileSync(path, '')],
    ['longer', (path) => writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.of(1)]))],
    ['something else', (path) => writeFileSync(path, 'not an entry')],
    [
      'a flipped bit',
      (path) => {
        const bytes = readFileSync(path);
        bytes.writeUInt8(bytes.readUInt8(700) ^ 4, 700);
        writeFileSync(path, bytes);
      },
    ],
    ['far too long', (path) => writeFileSync(path, new Uint8Array(20_000))],
  ])('%s: a miss, and removed', async (_, spoil) => {
    const folder = temporaryFolder();
    const store = await DiskStore.open(folder, { ...WIDE, maxBytes: 10_000 });
    await store.write(keyOf(1), contentOf(1));
    const path = join(folder, `${keyOf(1)}.entry`);
    spoil(path);
    expect(await store.read(keyOf(1))).toBeUndefined();
    expect(existsSync(path)).toBe(false);
    expect(store.getStats()).toMatchObject({ hits: 0, misses: 1, corrupt: 1, failures: 0 });
    await store.write(keyOf(1), contentOf(1));
    expect(await store.read(keyOf(1))).toEqual(contentOf(1));
  });

  test('another entry under its name', async () => {
    const folder = temporaryFolder();
    const store = await DiskStore.open(folder, WIDE);
    await store.write(keyOf(1), contentOf(1));
    writeFileSync(join(folder, `${keyOf(2)}.entry`), readFileSync(join(folder, `${keyOf(1)}.entry`)));
    expect(await store.read(keyOf(2))).toBeUndefined();
    expect(await store.read(keyOf(1))).toEqual(contentOf(1));
  });

  const becomesOfOthers: [string, boolean, (path: string) => void][] = [
    ['its group', isWindows, (path) => chmodSync(path, 0o620)],
    ['anybody', isWindows, (path) => chmodSync(path, 0o602)],
    ['another user', process.getuid?.() !== 0, (path) => chownSync(path, 12_345, 0)],
  ];
  for (const [who, isSkipped, change] of becomesOfOthers) {
    test.skipIf(isSkipped)(`an entry that ${who} may write to is a miss, and written anew`, async () => {
      const folder = temporaryFolder();
      const store = await DiskStore.open(folder, WIDE);
      await store.write(keyOf(1), contentOf(1));
      change(join(folder, `${keyOf(1)}.entry`));
      expect(await store.read(keyOf(1))).toBeUndefined();
      expect(store.getStats()).toMatchObject({ hits: 0, misses: 1, corrupt: 1, failures: 0 });
      await store.write(keyOf(1), contentOf(1));
      expect(await store.read(keyOf(1))).toEqual(contentOf(1));
    });
  }

  test('an entry that was made without the key, or with another', async () => {
    const folder = temporaryFolder();
    const keys = [undefined, ...[1, 2].map((byte) => Authenticator.of(new Uint8Array(32).fill(byte)))];
    for (const writes of keys) {
      await (await DiskStore.open(folder, WIDE, writes)).write(keyOf(1), contentOf(1));
      for (const reads of keys) {
        const store = await DiskStore.open(folder, WIDE, reads);
        if (reads === writes) expect(await store.read(keyOf(1))).toEqual(contentOf(1));
        else {
          expect(await store.read(keyOf(1))).toBeUndefined();
          await (await DiskStore.open(folder, WIDE, writes)).write(keyOf(1), contentOf(1));
        }
      }
    }
  });

  test('a folder under its name is a failure, and nothing worse', async () => {
    const folder = temporaryFolder();
    const store = await DiskStore.open(folder, WIDE);
    mkdirSync(join(folder, `${keyOf(1)}.entry`));
    expect(await store.read(keyOf(1))).toBeUndefined();
    await store.write(keyOf(1), contentOf(1));
    expect(store.getStats()).toMatchObject({ failures: 2, lastFailure: expect.any(Error) });
    expect(filesIn(folder, '.unfinished')).toEqual([]);
  });
});

describe('bounds', () => {
  test('entries used longest ago go first', async () => {
    const folder = temporaryFolder();
    const store = await DiskStore.open(folder, { ...WIDE, maxEntries: 3 });
    for (const number of [1, 2, 3]) {
      await store.write(keyOf(number), contentOf(number));
      setUsed(folder, number, 1_000 + number);
    }
    await store.read(keyOf(1));
    await store.write(keyOf(4), contentOf(4));
    expect(filesIn(folder, '.entry')).toEqual([1, 3, 4].map((number) => `${keyOf(number)}.entry`));
    expect(store.getStats()).toMatchObject({ evictions: 1, entries: 3 });
  });

  test('bytes', async () => {
    const folder = temporaryFolder();
    const store = await DiskStore.open(folder, { ...WIDE, maxBytes: 3_500 });
    for (const number of [1, 2, 3]) {
      await store.write(keyOf(number), contentOf(number, 1_000));
      setUsed(folder, number, 1_000 + number);
    }
    await store.write(keyOf(4), contentOf(4, 2_000));
    expect(filesIn(folder, '.entry')).toEqual([3, 4].map((number) => `${keyOf(number)}.entry`));
    await store.write(keyOf(5), contentOf(5, 5_000));
    expect(await store.read(keyOf(5))).toBeUndefined();
    expect(store.getStats()).toMatchObject({ written: 4, evictions: 2, bytes: 3_000 + 2 * HEADER_BYTES });
  });

  test('hold for what is there when the store is opened', async () => {
    const folder = temporaryFolder();
    const wide = await DiskStore.open(folder, WIDE);
    for (const number of [1, 2, 3]) {
      await wide.write(keyOf(number), contentOf(number));
      setUsed(folder, number, 1_000 + number);
    }
    await DiskStore.open(folder, { ...WIDE, maxEntries: 1 });
    expect(filesIn(folder, '.entry')).toEqual([`${keyOf(3)}.entry`]);
    await DiskStore.open(folder, { ...WIDE, maxEntries: 0 });
    expect(filesIn(folder, '.entry')).toEqual([]);
  });

  test('what a killed process left unfinished is removed once it is old, or in the way', async () => {
    const folder = temporaryFolder();
    const [old, recent] = [1, 2].map((n) => join(folder, `${keyOf(n)}.123-abcdef.unfinished`)) as [string, string];
    writeFileSync(old, contentOf(1));
    utimesSync(old, 1_000, 1_000);
    writeFileSync(recent, contentOf(2));
    await DiskStore.open(folder, WIDE);
    expect([existsSync(old), existsSync(recent)]).toEqual([false, true]);
    const store = await DiskStore.open(folder, { ...WIDE, maxEntries: 1 });
    utimesSync(recent, 2_000_000_000, 2_000_000_000);
    await store.write(keyOf(3), contentOf(3));
    utimesSync(recent, Date.now() / 1_000 - 60, Date.now() / 1_000 - 60);
    await store.write(keyOf(3), contentOf(3));
    expect(filesIn(folder, '.unfinished')).toEqual([]);
    expect(store.getStats().entries).toBe(1);
  });
});

describe('where it cannot be used', () => {
  test.skipIf(isWindows)('a folder that anybody may write to is refused', async () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o777);
    await expect(DiskStore.open(folder, WIDE)).rejects.toBeInstanceOf(UsageError);
    await expect(DiskStore.open(folder, WIDE)).rejects.toThrow('anybody may write to');
  });

  test.skipIf(isWindows)('so is one that its group may write to', async () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o770);
    await expect(DiskStore.open(folder, WIDE)).rejects.toThrow('its group may write to');
    chmodSync(folder, 0o755);
    await DiskStore.open(folder, WIDE);
  });

  // Only the superuser can give a folder away.
  test.skipIf(process.getuid?.() !== 0)('so is one of another user', async () => {
    const folder = temporaryFolder();
    chownSync(folder, 12_345, 0);
    await expect(DiskStore.open(folder, WIDE)).rejects.toThrow('another user owns');
  });

  test('so is a file', async () => {
    const path = join(temporaryFolder(), 'file');
    writeFileSync(path, '');
    await expect(DiskStore.open(path, WIDE)).rejects.toThrow('cannot be used for a cache');
  });

  test('a folder that is gone loses entries, and nothing else', async () => {
    const folder = temporaryFolder();
    const store = await DiskStore.open(folder, WIDE);
    await store.write(keyOf(1), contentOf(1));
    rmSync(folder, { recursive: true });
    expect(await store.read(keyOf(1))).toBeUndefined();
    await store.write(keyOf(2), contentOf(2));
    await store.clear();
    const { failures, lastFailure } = store.getStats();
    expect(failures).toBeGreaterThan(0);
    expect(lastFailure).toMatchObject({ code: 'ENOENT' });
  });

  test.skipIf(isWindows)('a link to a file is read, and removed, but not what it leads to', async () => {
    const folder = temporaryFolder();
    const target = join(temporaryFolder(), 'precious');
    writeFileSync(target, 'mine');
    const store = await DiskStore.open(folder, WIDE);
    symlinkSync(target, join(folder, `${keyOf(1)}.entry`));
    expect(await store.read(keyOf(1))).toBeUndefined();
    expect(readFileSync(target, 'utf8')).toBe('mine');
    symlinkSync(target, join(folder, `${keyOf(1)}.entry`));
    await store.write(keyOf(1), contentOf(1));
    expect(readFileSync(target, 'utf8')).toBe('mine');
    expect(await store.read(keyOf(1))).toEqual(contentOf(1));
  });
});
