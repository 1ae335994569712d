import { afterEach, describe, expect, it, vi } from 'vitest';
import { Authenticator } from '../../src/crypto/key.ts';
import { SnapshotError } from '../../src/index.ts';
import { type ContentKind, isCutOff, pack, unpack } from '../../src/snapshot/container.ts';
import { sequence } from './programs.ts';

afterEach(() => {
  vi.unstubAllGlobals();
});

const HEADER_BYTES = 52;
const MAGIC: readonly (readonly [ContentKind, string])[] = [
  ['snapshot', '\x89wsnap\r\n'],
  ['recording', '\x89wsrec\r\n'],
  ['item', '\x89wsdur\r\n'],
];
const KIND = { kind: 'snapshot' } as const;
const MAX_BYTES = 2 ** 20;

const next = sequence(7);
/** More than a stream hands on in one piece, and nothing that could be compressed. */
const LONG = Uint8Array.from({ length: 300_000 }, () => next() & 0xff);
const SHORT = Uint8Array.of(5, 6, 7);

type Bytes = Uint8Array<ArrayBuffer>;

/** With something changed, and the checksum that belongs to it then. */
async function forged(bytes: Bytes, change: (view: DataView) => void): Promise<Bytes> {
  const changed = bytes.slice();
  change(new DataView(changed.buffer));
  changed.fill(0, 20, HEADER_BYTES);
  changed.set(new Uint8Array(await crypto.subtle.digest('SHA-256', changed)), 20);
  return changed;
}

const withLength = (bytes: Bytes, length: number) =>
  forged(bytes, (view) => view.setBigUint64(12, BigInt(length), true));

async function refused(bytes: Bytes, message: string, maxBytes = MAX_BYTES): Promise<void> {
  const unpacking = unpack(bytes.slice(), { ...KIND, maxBytes });
  await expect(unpacking).rejects.toThrow(message);
  await expect(unpacking).rejects.toBeInstanceOf(SnapshotError);
}

describe.each(MAGIC)('the container of a %s', (kind, magic) => {
  it('begins as documented', async () => {
    const bytes = await pack(SHORT, false, { kind });
    expect(String.fromCharCode(...bytes.subarray(0, 8))).toBe(magic);
    expect([...bytes.subarray(8, 20)]).toEqual([1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
    expect(bytes.subarray(HEADER_BYTES)).toEqual(SHORT);
    const key = Authenticator.of(new Uint8Array(32));
    const compressed = await pack(SHORT, true, { kind, key });
    expect([...compressed.subarray(8, 20)]).toEqual([1, 0, 1, 1, 3, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('shows whether its end is missing, unless it was compressed', async () => {
    for (const contents of [new Uint8Array(0), SHORT]) {
      const bytes = await pack(contents, false, { kind });
      expect(isCutOff(bytes)).toBe(false);
      expect(isCutOff(Uint8Array.of(...bytes, 0))).toBe(false);
      for (let length = 0; length < bytes.length; length++) {
        expect(isCutOff(bytes.slice(0, length)), `${length} bytes`).toBe(true);
      }
    }
  });

  it('gives back what was put in, up to as much as may be in it', async () => {
    for (const contents of [new Uint8Array(0), SHORT, LONG, new Uint8Array(300_000)]) {
      for (const compress of [false, true]) {
        const bytes = await pack(contents, compress, { kind });
        const unpacked = await unpack(bytes, { kind, maxBytes: contents.length });
        expect(Buffer.compare(unpacked, contents)).toBe(0);
      }
    }
  });
});

describe('a container is refused', () => {
  it.each([
    ['without a header', (bytes: Bytes) => bytes.slice(0, HEADER_BYTES - 1), 'no snapshot of wasm-sandbox'],
    ['of another kind', (bytes: Bytes) => forged(bytes, (view) => view.setUint8(3, 0x72)), 'no snapshot'],
    ['of a later version', (bytes: Bytes) => forged(bytes, (view) => view.setUint16(8, 0x102, true)), 'version 258'],
    ['compressed in no known way', (bytes: Bytes) => forged(bytes, (view) => view.setUint8(10, 2)), 'its compression'],
    ['sealed in no known way', (bytes: Bytes) => forged(bytes, (view) => view.setUint8(11, 2)), 'its seal is of no'],
    ['with another checksum', (bytes: Bytes) => bytes.fill(0, 20, 21), 'its checksum is wrong'],
    ['with the last byte changed', (bytes: Bytes) => bytes.fill(0, -1), 'its checksum is wrong'],
  ])('%s', async (_, change, message) => {
    await refused(await change(await pack(LONG, false, KIND)), message);
  });

  it.each([
    ['plain', false],
    ['compressed', true],
  ])('%s, of another length than it says', async (_, compress) => {
    const bytes = await pack(LONG, compress, KIND);
    await refused(await withLength(bytes, LONG.length + 1), 'its length is wrong');
    const less = await withLength(bytes, LONG.length - 1);
    await refused(less, compress ? 'it holds more than it says' : 'its length is wrong');
  });

  it('that cannot be decompressed, in part or at all', async () => {
    const bytes = await pack(LONG, true, KIND);
    const damaged = await forged(bytes, (view) => view.setUint8(HEADER_BYTES, 0));
    await refused(damaged, 'it cannot be decompressed');
    await expect(unpack(damaged, { ...KIND, maxBytes: MAX_BYTES })).rejects.toHaveProperty('cause.code');
    await refused(await forged(bytes.slice(0, -10_000), () => undefined), 'it cannot be decompressed');
  });

  it('of more than the limits allow, by what it says and by what it is', async () => {
    await refused(await pack(LONG, false, KIND), 'has 300000 bytes; the limits allow 299999', 299_999);
    // What cannot be compressed gets longer by a thousandth and a little.
    for (const [says, most] of [
      [0, 1_024],
      [50_000, 50_000 + 1_024 + 50],
      [50_001, 50_001 + 1_024 + 51],
    ] as const) {
      const holding = async (stored: number) => withLength(await pack(LONG.slice(0, stored), false, KIND), says);
      await refused(await holding(most), 'its length is wrong', says);
      await refused(await holding(most + 1), `has ${most + 1} bytes; the limits allow ${says}`, says);
    }
  });

  it('of more than the host can allocate', async () => {
    const bytes = await withLength(await pack(SHORT, true, KIND), 2 ** 52);
    const maxBytes = Number.POSITIVE_INFINITY;
    await refused(bytes, 'the host cannot allocate the 4503599627370496 bytes', maxBytes);
    await expect(unpack(bytes, { ...KIND, maxBytes })).rejects.toHaveProperty('cause', expect.any(RangeError));
  });
});

describe('a container is looked into', () => {
  it('between pieces of work, and no further than it says', async () => {
    const bomb = await pack(new Uint8Array(60 * 2 ** 20), true, KIND);
    const looks = async (bytes: Bytes) => {
      const look = vi.fn();
      const outcome = await unpack(bytes.slice(), { ...KIND, maxBytes: 2 ** 30, look }).catch(String);
      return { outcome, count: look.mock.calls.length };
    };
    expect((await looks(bomb)).count).toBeGreaterThan(500);
    const { outcome, count } = await looks(await withLength(bomb, 100_000));
    expect(outcome).toContain('it holds more than it says');
    expect(count).toBeLessThan(100);
    expect((await looks(await pack(LONG, false, KIND))).count).toBe(1);
  });

  it('until a look throws, which is told as it is', async () => {
    const bytes = await pack(LONG, true, KIND);
    for (const last of [1, 2]) {
      let looks = 0;
      const look = () => {
        if (++looks === last) throw new SnapshotError('time is over');
      };
      await expect(unpack(bytes.slice(), { ...KIND, maxBytes: MAX_BYTES, look })).rejects.toThrow(/^time is over$/);
      expect(looks).toBe(last);
    }
  });
});

it('is not compressed, or not read, where the runtime cannot', async () => {
  const compressed = await pack(SHORT, true, KIND);
  vi.stubGlobal('CompressionStream', undefined);
  vi.stubGlobal('DecompressionStream', undefined);
  expect(await pack(SHORT, true, KIND)).toEqual(await pack(SHORT, false, KIND));
  await refused(compressed, 'this runtime has no DecompressionStream: make it with { compress: false }');
});
