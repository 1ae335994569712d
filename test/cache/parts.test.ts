import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { decodeEntry, encodeEntry, HEADER_BYTES } from '../../src/cache/entry.ts';
import { cacheKey } from '../../src/cache/key.ts';
import { LruMap } from '../../src/cache/lru.ts';
import { hexDigestOf } from '../../src/crypto/digest.ts';
import { Capability, SecurityPolicy } from '../../src/index.ts';
import { settle } from '../../src/sandbox/options.ts';
import { contentOf, keyOf } from './help.ts';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.doUnmock('../../wasm/gas.ts');
  vi.resetModules();
});

describe('the digest', () => {
  test('is the same with and without the runtime’s own code', async () => {
    const bytes = contentOf(3, 1_000);
    const own = await hexDigestOf(bytes);
    expect(await hexDigestOf(new TextEncoder().encode('abc'))).toMatch(/^ba7816bf8f01cfea414140de5dae2223/);
    vi.stubGlobal('crypto', undefined);
    expect(await hexDigestOf(bytes)).toBe(own);
  });
});

describe('the key', () => {
  const DIGEST = 'a'.repeat(64);
  const source = new Uint8Array(8);
  const key = (options: Omit<Parameters<typeof settle>[0], 'source'> = {}, moduleDigest = DIGEST) =>
    cacheKey(moduleDigest, settle({ source, ...options }));
  const granting = (...capabilities: Capability[]) => key({ capabilities });
  const host = (name: string, price?: { gas?: number; perByte?: number }) =>
    Capability.hostFunctions('env', { [name]: () => 0 }, price);

  test('is a SHA-256, and the same for the same', () => {
    expect(key()).toMatch(/^[\da-f]{64}$/);
    expect(key()).toBe(key());
    expect(granting(host('f'))).toBe(granting(host('f')));
  });

  test('is another one for every module, option and grant that matters', () => {
    const variants = [
      key(),
      key({}, 'b'.repeat(64)),
      key({ engine: 'native' }),
      key({ engine: 'auto' }),
      key({ moduleLimit: 1_000 }),
      key({ yieldEvery: 5 }),
      key({ securityPolicy: SecurityPolicy.moderate() }),
      key({ securityPolicy: SecurityPolicy.permissive() }),
      key({ securityPolicy: SecurityPolicy.builder().onViolation('trap').build() }),
      granting(host('f')),
      granting(host('g')),
      granting(host('f', { gas: 7 })),
      granting(host('f', { gas: 7, perByte: 0.5 })),
      granting(Capability.hostFunctions('env', { f: { params: ['i32'], call: () => 0 } })),
      granting(Capability.hostFunctions('other', { f: () => 0 })),
      granting(Capability.networkAccess(['a.example'])),
      granting(Capability.networkAccess(['b.example'])),
      granting(Capability.random({ seed: 1 })),
      granting(Capability.random({ seed: 2 })),
      granting(Capability.environmentAccess({ A: '1' })),
      granting(Capability.environmentAccess({ B: '1' })),
      granting(Capability.filesystemAccess({ memory: { a: '' } })),
      granting(Capability.filesystemAccess({ memory: { b: '' } })),
      key({ stdin: 'text' }),
      key({ onStdout: () => undefined }),
    ];
    expect(new Set(variants).size).toBe(variants.length);
  });

  test('knows no secrets, nothing of a single sandbox, and no limits that are kept at run time', () => {
    expect(key({ env: { TOKEN: 'one' } })).toBe(key({ env: { TOKEN: 'two' } }));
    expect(key({ stdin: 'one' })).toBe(key({ stdin: 'two' }));
    const same = [{ instanceId: 'x' }, { args: ['a'] }, { gasLimit: 5 }, { memoryLimit: 65_536 }, { cpuTimeout: 9 }];
    for (const options of same) expect(key(options)).toBe(key());
    expect(key({ yieldEvery: 5 })).toBe(key({ yieldEvery: 6 }));
  });

  test('tells every value from every other, and knows no order of names', () => {
    const holding = (values: unknown) => {
      const settings = settle({ source, capabilities: [Capability.custom('x')] });
      const capabilities = [{ kind: 'custom', name: 'x', values } as never];
      const policy = Object.defineProperty(Object.create(settings.policy), 'capabilities', { value: capabilities });
      return cacheKey(DIGEST, { ...settings, policy });
    };
    const values = [undefined, null, 'null', '1', 1, 1n, true, [], {}, ['a'], { 0: 'a' }, { a: 0, b: 1 }];
    expect(new Set(values.map(holding)).size).toBe(values.length);
    expect(holding({ b: 1, a: 0 })).toBe(holding({ a: 0, b: 1 }));
  });

  test('is another one for a module that is linked to others, and the same for one that is not', () => {
    const linked = (isLinked: boolean | undefined, moduleDigest = DIGEST) =>
      cacheKey(moduleDigest, { ...settle({ source }), isLinked });
    expect(linked(true)).not.toBe(key());
    expect(linked(true)).not.toBe(linked(true, 'b'.repeat(64)));
    expect(linked(false)).toBe(key());
    expect(linked(undefined)).toBe(key());
  });

  test('is another one for another version of the gas schedule', async () => {
    vi.resetModules();
    vi.doMock('../../wasm/gas.ts', async (original) => ({ ...(await original<object>()), GAS_VERSION: 999 }));
    const later = await import('../../src/cache/key.ts');
    expect(later.cacheKey(DIGEST, settle({ source }))).not.toBe(key());
  });
});

describe('an entry', () => {
  const key = keyOf(7);

  test('gives back what was put in', async () => {
    for (const length of [0, 1, 1_000]) {
      const content = contentOf(1, length);
      const entry = await encodeEntry(key, content);
      expect(entry.length).toBe(HEADER_BYTES + length);
      expect(await decodeEntry(key, entry)).toEqual(content);
    }
  });

  test('nothing of it can be changed, missing or added', async () => {
    const entry = await encodeEntry(key, contentOf(1, 40));
    for (let at = 0; at < entry.length; at++) {
      const changed = entry.slice();
      changed[at] = (changed[at] as number) ^ (1 << (at % 8));
      expect(await decodeEntry(key, changed), `byte ${at}`).toBeUndefined();
      expect(await decodeEntry(key, entry.subarray(0, at)), `the first ${at}`).toBeUndefined();
    }
    expect(await decodeEntry(key, Uint8Array.of(...entry, 0))).toBeUndefined();
    expect(await decodeEntry(keyOf(8), entry)).toBeUndefined();
  });

  test('of another version of the gas schedule is none', async () => {
    vi.resetModules();
    vi.doMock('../../wasm/gas.ts', async (original) => ({ ...(await original<object>()), GAS_VERSION: 999 }));
    const later = await import('../../src/cache/entry.ts');
    const entry = await later.encodeEntry(key, contentOf(1));
    expect(await later.decodeEntry(key, entry)).toEqual(contentOf(1));
    expect(await decodeEntry(key, entry)).toBeUndefined();
  });
});

describe('what was used last stays', () => {
  test('for any sequence of reads and writes', () => {
    const step = fc.record({
      key: fc.integer({ min: 0, max: 9 }),
      bytes: fc.integer({ min: 0, max: 12 }),
      reads: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 5 }), (steps, maxEntries) => {
        const maxBytes = 20;
        const map = new LruMap<number>({ maxEntries, maxBytes });
        // The last used at the end.
        let model: { key: number; bytes: number; value: number }[] = [];
        let evictions = 0;
        steps.forEach(({ key, bytes, reads }, value) => {
          const found = model.find((entry) => entry.key === key);
          if (reads) {
            expect(map.get(String(key))).toBe(found?.value);
            if (found) model = [...model.filter((entry) => entry !== found), found];
            return;
          }
          map.set(String(key), value, bytes);
          model = model.filter((entry) => entry !== found);
          if (bytes <= maxBytes && maxEntries > 0) model.push({ key, bytes, value });
          while (model.length > maxEntries || model.reduce((sum, entry) => sum + entry.bytes, 0) > maxBytes) {
            model.shift();
            evictions++;
          }
        });
        const bytes = model.reduce((sum, entry) => sum + entry.bytes, 0);
        expect([map.size, map.bytes, map.evictions]).toEqual([model.length, bytes, evictions]);
      }),
    );
  });
});
