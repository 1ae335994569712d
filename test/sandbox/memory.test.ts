import { describe, expect, expectTypeOf, test } from 'vitest';
import { type EngineName, KiB, SandboxDisposed, SandboxPool, UsageError, WasmSandbox } from '../../src/index.ts';
import { WasmSandbox as SyncSandbox } from '../../src/sync.ts';
import { everythingOf, KINDS_OF_BYTES } from '../wasm/kinds-of-bytes.ts';
import { ADD, assemble, I32 } from './modules.ts';

const PAGE = 64 * KiB;
const GROW = [0x20, 0, 0x40, 0];

/** A page; `get(at)` loads a byte, `put(at, byte)` stores one, `grow(pages)` grows. */
const GUEST = assemble({
  memory: 1,
  functions: [
    { name: 'get', type: [[I32], [I32]], code: [0x20, 0, 0x2d, 0, 0] },
    { name: 'put', type: [[I32, I32], []], code: [0x20, 0, 0x20, 1, 0x3a, 0, 0] },
    { name: 'grow', type: [[I32], [I32]], code: GROW },
  ],
});

describe.each(['interpreter', 'native'] as const)('on the %s engine', (engine: EngineName) => {
  const create = () => WasmSandbox.create({ source: GUEST, engine });

  test('the host writes what the guest reads, and reads what it wrote', async () => {
    const sandbox = await create();
    const { memory } = sandbox;
    memory.write(10, Uint8Array.of(1, 2, 3));
    expect(await sandbox.call('get', [12])).toBe(3);
    await sandbox.call('put', [11, 200]);
    expect(memory.read(10, 3)).toEqual(Uint8Array.of(1, 200, 3));
    expect(memory.read(10n, 0)).toEqual(new Uint8Array(0));
    expect(memory.byteLength).toBe(PAGE);
  });

  test('what was read is a copy, a view is the memory itself', async () => {
    const { memory } = await create();
    const copy = memory.read(0, 4);
    const view = memory.view(0, 4);
    memory.write(0, Uint8Array.of(9));
    expect(copy[0]).toBe(0);
    expect(view[0]).toBe(9);
    view[1] = 7;
    expect(memory.read(0, 2)).toEqual(Uint8Array.of(9, 7));
  });

  test('after a growth and a reset the same object shows what is there then', async () => {
    const sandbox = await create();
    const { memory } = sandbox;
    memory.write(5, Uint8Array.of(5));
    const view = memory.view(5, 1);
    await sandbox.call('grow', [2]);
    expect(memory.byteLength).toBe(3 * PAGE);
    expect(memory.read(5, 1)).toEqual(Uint8Array.of(5));
    await sandbox.reset();
    expect(sandbox.memory).toBe(memory);
    expect(memory.byteLength).toBe(PAGE);
    expect(memory.read(5, 1)).toEqual(Uint8Array.of(0));
    if (view.length > 0) view[0] = 99;
    expect(await sandbox.call('get', [5])).toBe(0);
    // Nor may the next one's bytes be seen through a view that was kept over a reset alone.
    const kept = memory.view(6, 1);
    await sandbox.reset();
    await sandbox.call('put', [6, 77]);
    expect(kept[0]).toBe(0);
  });

  test.each([
    ['read beyond the end', (m: WasmSandbox['memory']) => m.read(PAGE - 1, 2), '2 bytes at 65535 would reach outside'],
    ['read far outside', (m) => m.read(2 ** 40, 1), '65536 bytes'],
    ['write beyond the end', (m) => m.write(PAGE - 1, new Uint8Array(2)), '2 bytes at 65535 would reach outside'],
    ['view outside', (m) => m.view(PAGE + 1, 0), '0 bytes at 65537 would reach outside'],
    ['string outside', (m) => m.readString(PAGE + 1), 'a string at 65537 would reach outside'],
    ['negative', (m) => m.read(-1, 1), 'a pointer must be an unsigned integer, not -1'],
    ['no number', (m) => m.read('0' as never, 1), 'a pointer must be an unsigned integer'],
    ['fraction', (m) => m.read(0.5, 1), 'a pointer must be an unsigned integer'],
    ['huge bigint', (m) => m.read(2n ** 64n, 1), 'a pointer must be an unsigned integer'],
    ['no length', (m) => m.read(0, undefined as never), 'a length must be an unsigned integer'],
    ['negative length', (m) => m.view(0, -1), 'a length must be an unsigned integer'],
    ['no bytes', (m) => m.write(0, [1, 2] as never), 'what is written must be bytes'],
    ['no text', (m) => m.writeString(0, 5 as never), 'what is written must be a string'],
  ] as [string, (memory: WasmSandbox['memory']) => unknown, string][])('%s is refused', async (_, act, message) => {
    const { memory } = await create();
    expect(() => act(memory)).toThrow(UsageError);
    expect(() => act(memory)).toThrow(message);
    expect(memory.read(0, PAGE).every((byte) => byte === 0)).toBe(true);
  });

  test('text', async () => {
    const { memory } = await create();
    expect(memory.writeString(8, 'Grüße, 🌍')).toBe(13);
    expect(memory.readString(8, 13)).toBe('Grüße, 🌍');
    expect(memory.readString(8)).toBe('Grüße, 🌍');
    expect(memory.readString(100)).toBe('');
    memory.write(8, Uint8Array.of(0xef, 0xbb, 0xbf, 0x61, 0xff, 0));
    expect(memory.readString(8)).toBe('\uFEFFa\uFFFD');
    memory.write(0, new Uint8Array(PAGE).fill(0x61));
    expect(() => memory.readString(PAGE - 4)).toThrow('a string that ends with a zero byte');
    expect(memory.readString(PAGE - 4, 4)).toBe('aaaa');
  });

  test('bytes of every kind are written, and stay their owner’s', async () => {
    const { memory } = await create();
    for (const { make } of KINDS_OF_BYTES) {
      const bytes = make(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
      const before = everythingOf(bytes);
      memory.write(32, bytes);
      expect(everythingOf(bytes)).toBe(before);
      expect(memory.read(32, 8)).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
      memory.write(32, new Uint8Array(8));
    }
  });

  test('of a sandbox that is disposed of, nothing is reached', async () => {
    const sandbox = await create();
    const { memory } = sandbox;
    sandbox.dispose();
    expect(() => memory.read(0, 1)).toThrow(SandboxDisposed);
    expect(() => memory.byteLength).toThrow(SandboxDisposed);
    expect(() => sandbox.memory).toThrow(SandboxDisposed);
  });

  test('in a pool, a released lease reaches nothing of the next one', async () => {
    await using pool = await SandboxPool.create({ sandbox: { source: GUEST, engine }, max: 1 });
    const first = await pool.acquire();
    const { memory } = first.sandbox;
    memory.writeString(0, 'secret');
    const view = memory.view(0, 6);
    await first.release();
    await pool.use(async (next) => {
      expect(next.memory.readString(0, 6)).toBe('\0'.repeat(6));
      next.memory.writeString(0, 'theirs');
      expect(() => memory.read(0, 6)).toThrow(SandboxDisposed);
      expect(new TextDecoder().decode(view)).not.toBe('theirs');
    });
  });
});

test('a module without a memory has none', async () => {
  const sandbox = await WasmSandbox.create({ source: ADD });
  expect(() => sandbox.memory).toThrow('the module has no memory');
});

test('what the host writes into a sandbox that records could not be replayed', async () => {
  const { memory } = await WasmSandbox.create({ source: GUEST, record: true });
  expect(() => memory.write(0, Uint8Array.of(1))).toThrow('could not be replayed');
  expect(() => memory.view(0, 1)).toThrow('could not be replayed');
  expect(memory.read(0, 1)).toEqual(Uint8Array.of(0));
});

test('the synchronous sandbox has it too', () => {
  const sandbox = SyncSandbox.fromBytes(GUEST);
  sandbox.memory.writeString(0, 'hi');
  expect(sandbox.call('get', [1])).toBe('i'.charCodeAt(0));
});

describe('functions', () => {
  interface Exports {
    get(at: number): number;
    put(at: number, byte: number): void;
  }

  test('are methods, of the guest that is there when they are called', async () => {
    const sandbox = await WasmSandbox.create({ source: GUEST });
    const { get, put } = sandbox.functions<Exports>();
    expectTypeOf(get).toEqualTypeOf<(at: number) => Promise<number>>();
    await put(3, 4);
    expect(await get(3)).toBe(4);
    await sandbox.reset();
    expect(await get(3)).toBe(0);
    await expect(get(...([] as unknown as [number]))).rejects.toThrow(UsageError);
  });

  test('are those that the module exports, whatever their names', async () => {
    const names = ['__proto__', 'constructor', 'then', 'toString', 'a b'];
    const source = assemble({
      memory: 1,
      functions: names.map((name, i) => ({ name, type: [[], [I32]], code: [0x41, i] }) as const),
    });
    const functions = (await WasmSandbox.create({ source })).functions();
    expect(Object.keys(functions)).toEqual(names);
    expect(await functions[names[0] as string]?.()).toBe(0);
    expect(functions['memory']).toBeUndefined();
    expect(functions['hasOwnProperty']).toBeUndefined();
  });

  test('return at once where nothing is waited for', () => {
    const { get, put } = SyncSandbox.fromBytes(GUEST).functions<Exports>();
    put(1, 2);
    expectTypeOf(get).returns.toEqualTypeOf<number>();
    expect(get(1)).toBe(2);
  });
});
