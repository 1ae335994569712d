import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { replay, SnapshotError, UsageError, WasmSandbox } from '../../src/index.ts';
import { temporaryFolder } from '../cache/help.ts';
import { run } from '../cli/harness.ts';
import { COUNTER } from '../sandbox/modules.ts';

const SECRET = Uint8Array.from({ length: 32 }, (_, i) => i);
const OTHER = SECRET.map((byte) => byte ^ 1);

const cryptoKey = (usages: KeyUsage[], hash = 'SHA-256', secret = SECRET) =>
  crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash }, false, usages);

const counted = async (record = false) => {
  const sandbox = await WasmSandbox.create({ source: COUNTER, record });
  await sandbox.call('count');
  return sandbox;
};

/** What can be made with a key, and how it is read. */
const KINDS = {
  snapshot: {
    make: async (key?: unknown) => (await counted()).snapshot({ key: key as never, compress: false }),
    read: async (bytes: Uint8Array, key?: unknown) => {
      const restored = await WasmSandbox.restore(bytes, { source: COUNTER, key: key as never });
      expect(await restored.call('count')).toBe(2);
    },
  },
  recording: {
    make: async (key?: unknown) => (await counted(true)).recording({ key: key as never }),
    read: async (bytes: Uint8Array, key?: unknown) => {
      expect(await replay(bytes, { key: key as never })).toMatchObject({ same: true });
    },
  },
};

describe.each(Object.entries(KINDS))('a %s with a key', (kind, { make, read }) => {
  it('is read with the same one, whatever form that has', async () => {
    const foreign = runInNewContext('Uint8Array.from({ length: 32 }, (_, i) => i)');
    const forms = [SECRET, Buffer.from(SECRET), SECRET.buffer, new DataView(SECRET.buffer), foreign];
    for (const form of [...forms, await cryptoKey(['sign', 'verify'])]) {
      await read(await make(form), SECRET);
      await read(await make(SECRET), form);
    }
    await read(await make(await cryptoKey(['sign'])), await cryptoKey(['verify']));
  });

  it('is refused without it, with another, and with any bit changed', async () => {
    const bytes = await make(SECRET);
    const refused = async (given: Uint8Array, key: unknown, message: RegExp | string) => {
      await expect(read(given, key)).rejects.toBeInstanceOf(SnapshotError);
      await expect(read(given, key)).rejects.toThrow(message);
    };
    await refused(bytes, undefined, `the ${kind} was made with a key: give the same one`);
    await refused(bytes, OTHER, `the ${kind} was made with another key, or has been changed since`);
    await refused(await make(), SECRET, `the ${kind} was made without a key`);
    for (const at of [8, 10, 11, 12, 20, 51, 52, bytes.length - 1]) {
      const changed = bytes.slice();
      changed[at] = changed[at]! ^ 1;
      await refused(changed, SECRET, /./);
    }
    await refused(bytes.slice(0, -1), SECRET, /./);
  });

  it('needs a key that is one, and may do what it is for', async () => {
    const isRefused = async (key: unknown, message: string) => {
      await expect(make(key)).rejects.toThrow(message);
      await expect(make(key)).rejects.toBeInstanceOf(UsageError);
    };
    await isRefused(new Uint8Array(15), 'the key must have at least 16 bytes, not 15');
    await isRefused('a text of more than sixteen characters', 'the key must be bytes, or a CryptoKey');
    await isRefused(null, 'the key must be bytes, or a CryptoKey');
    await isRefused({ algorithm: { name: 'HMAC' } }, 'the key must be bytes, or a CryptoKey');
    await isRefused(await cryptoKey(['sign'], 'SHA-512'), 'HMAC with SHA-256');
    await isRefused(await cryptoKey(['sign'], 'SHA-256', new Uint8Array(8)), 'at least 128 bits');
    await isRefused(await cryptoKey(['verify']), "import it with the usage 'sign'");
    await expect(read(await make(SECRET), await cryptoKey(['sign']))).rejects.toThrow("the usage 'verify'");
    for (const key of [null, '', 0, false]) {
      await expect(read(await make(), key)).rejects.toThrow('the key must be bytes, or a CryptoKey');
    }
  });
});

it('takes the key as it is at the time of the call', async () => {
  const sandbox = await counted(true);
  const [first, second, third, fourth] = [1, 2, 3, 4].map(() => SECRET.slice());
  const snapshot = sandbox.snapshot({ key: first! });
  const recording = sandbox.recording({ key: second! });
  first!.fill(0);
  second!.fill(0);
  const restored = WasmSandbox.restore(await snapshot, { source: COUNTER, key: third! });
  third!.fill(0);
  expect(await (await restored).call('count')).toBe(2);
  const replayed = replay(await recording, { key: fourth! });
  fourth!.fill(0);
  expect(await replayed).toMatchObject({ same: true });
});

it('what was made as one kind is none of the other, though the key is the same', async () => {
  await expect(KINDS.recording.read(await KINDS.snapshot.make(SECRET), SECRET)).rejects.toThrow('no recording');
  const renamed = await KINDS.snapshot.make(SECRET);
  renamed.set((await KINDS.recording.make(SECRET)).subarray(0, 8));
  await expect(KINDS.recording.read(renamed, SECRET)).rejects.toThrow('has been changed since');
});

it('a key beside the options is one too', async () => {
  const bytes = await KINDS.snapshot.make(SECRET);
  const restored = await WasmSandbox.restore(bytes, { source: COUNTER }, { key: SECRET });
  expect(await restored.call('count')).toBe(2);
  await expect(WasmSandbox.restore(bytes, { source: COUNTER }, { kee: SECRET } as never)).rejects.toThrow(
    'restore() has no option "kee"; did you mean "key"',
  );
});

it('the command records and replays with the secret in a file', async () => {
  const folder = temporaryFolder();
  const [module, recording, secret, short] = ['m.wasm', 'run.rec', 'secret', 'short'].map((name) => join(folder, name));
  writeFileSync(module!, COUNTER);
  writeFileSync(secret!, SECRET);
  writeFileSync(short!, 'too short');
  const record = (...options: string[]) => run(['run', '--invoke', 'count', ...options, module!]);
  expect(await record('--record', recording!, '--key', secret!)).toMatchObject({ status: 0, stderr: '' });
  expect(await run(['replay', '--key', secret!, recording!])).toMatchObject({ status: 0, stderr: '' });
  expect((await run(['replay', recording!])).stderr).toContain('the recording was made with a key');
  expect((await record('--key', secret!)).stderr).toContain('give --record too');
  expect((await record('--record', recording!, '--key', short!)).stderr).toContain('at least 16 bytes');
});
