import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Backing, LinearMemory, NO_MEMORY } from '../../interpreter/store/memory.ts';
import { sharing } from '../../interpreter/store/parts.ts';
import { SharedBuffer } from '../../interpreter/store/shared-buffer.ts';
import { Waiter } from '../../interpreter/store/waiter.ts';
import { Budget, Growth } from '../../wasm/budget.ts';
import { UsageError } from '../../wasm/errors.ts';
import { MAX_INSTANCE_PAGES, PAGE_BYTES } from '../../wasm/limits.ts';
import { I32, type MemoryType } from '../../wasm/types.ts';

const typeOf = (min: number, max?: number): MemoryType => ({ address: I32, limits: { min, max }, isShared: false });
const plenty = () => new Budget(1_000 * PAGE_BYTES);
const memoryOf = (min: number, max?: number, budget = plenty()) =>
  LinearMemory.create(typeOf(min, max), budget) as LinearMemory;

const sharedOf = (min: number, max: number, budget = plenty()) =>
  LinearMemory.create({ ...typeOf(min, max), isShared: true }, budget) as LinearMemory;

/** From here on the host allocates nothing. */
function exhaustHost(): void {
  vi.stubGlobal('Uint8Array', function refuse() {
    throw new RangeError('Array buffer allocation failed');
  });
}
afterEach(() => {
  vi.unstubAllGlobals();
});

beforeAll(() => sharing.provide({ SharedBuffer }));

/** Whether all shapes are of one buffer. */
const isWhole = ({ bytes, halves, words, doubles, data }: LinearMemory) =>
  [halves, words, doubles, data].every(({ buffer, byteLength }) => {
    return buffer === bytes.buffer && byteLength === bytes.length;
  });

describe('a memory that is made', () => {
  test('is as large as its type says, and zero', () => {
    const budget = plenty();
    const memory = memoryOf(2, 5, budget);
    expect([memory.pages, memory.byteLength, memory.bytes.length]).toEqual([2, 2 * PAGE_BYTES, 2 * PAGE_BYTES]);
    expect(memory.limits).toEqual({ min: 2, max: 5 });
    expect([memory.isLent, memoryOf(0).isLent]).toEqual([false, false]);
    expect(memory.bytes.every((byte) => byte === 0)).toBe(true);
    expect(isWhole(memory)).toBe(true);
    expect(budget.used).toBe(2 * PAGE_BYTES);
  });

  test('is none where the budget, or the host, has no room', () => {
    const budget = new Budget(2 * PAGE_BYTES - 1);
    expect(LinearMemory.create(typeOf(2), budget)).toBeUndefined();
    expect([budget.used, budget.refused]).toEqual([0, true]);
    expect(LinearMemory.create(typeOf(MAX_INSTANCE_PAGES + 1), new Budget(2 ** 40))).toBeUndefined();
    const other = plenty();
    exhaustHost();
    expect(LinearMemory.create(typeOf(2), other)).toBeUndefined();
    expect([other.used, other.refused]).toEqual([0, false]);
  });

  test('takes the place of one of the same type that is not needed any more', () => {
    const type = typeOf(2, 9);
    const old = LinearMemory.create(type, plenty()) as LinearMemory;
    old.grow(1);
    old.bytes.fill(7);
    const budget = plenty();
    expect(LinearMemory.create(type, budget, old)).toBe(old);
    expect([old.pages, budget.used]).toEqual([2, 2 * PAGE_BYTES]);
    expect(old.view(0, 2 * PAGE_BYTES)?.every((byte) => byte === 0)).toBe(true);
    expect(LinearMemory.create(typeOf(2, 9), budget, old)).not.toBe(old);
    expect(LinearMemory.create(type, new Budget(PAGE_BYTES), old)).toBeUndefined();
    old.isLent = true;
    exhaustHost();
    expect(LinearMemory.create(type, plenty(), old)).toBeUndefined();
  });
});

test.each([
  [0, 0, true],
  [0, PAGE_BYTES, true],
  [PAGE_BYTES, 0, true],
  [PAGE_BYTES - 1, 1, true],
  [PAGE_BYTES - 1, 2, false],
  [PAGE_BYTES, 1, false],
  [PAGE_BYTES + 1, 0, false],
  [-1, 1, false],
  [1, -1, false],
])('a view at %i of %i bytes', (pointer, length, isThere) => {
  const view = memoryOf(1).view(pointer, length);
  expect(view && [view.byteOffset, view.length]).toEqual(isThere ? [pointer, length] : undefined);
});

describe('growing', () => {
  test('gives the size before, keeps what is there, and adds zeros', () => {
    const budget = plenty();
    const memory = memoryOf(1, 10, budget);
    memory.bytes.fill(7);
    expect([memory.grow(1), memory.grow(0), memory.grow(3)]).toEqual([1, 2, 2]);
    expect([memory.pages, budget.used]).toEqual([5, 5 * PAGE_BYTES]);
    expect(memory.view(0, PAGE_BYTES)?.every((byte) => byte === 7)).toBe(true);
    expect(memory.view(PAGE_BYTES, 4 * PAGE_BYTES)?.every((byte) => byte === 0)).toBe(true);
    expect(isWhole(memory)).toBe(true);
  });

  test('ends at the maximum and at the budget, and then changes nothing', () => {
    const budget = new Budget(6 * PAGE_BYTES);
    const memory = memoryOf(1, 5, budget);
    expect([memory.mayGrow(4), memory.mayGrow(5), budget.refused]).toEqual([true, false, false]);
    expect(memory.grow(5)).toBe(-1);
    const other = memoryOf(1, undefined, budget);
    expect([other.mayGrow(5), other.grow(5), budget.refused]).toEqual([false, -1, true]);
    expect([memory.pages, other.pages, budget.used]).toEqual([1, 1, 2 * PAGE_BYTES]);
    expect([memory.grow(4), other.grow(1)]).toEqual([1, -1]);
  });

  test('ends where the host has no room, and takes nothing then', () => {
    const budget = plenty();
    const memory = memoryOf(1, undefined, budget);
    const { bytes } = memory;
    exhaustHost();
    expect(memory.grow(3)).toBe(-1);
    expect([memory.pages, budget.used, budget.refused]).toEqual([1, PAGE_BYTES, false]);
    expect(memory.bytes).toBe(bytes);
  });

  test('page by page moves a memory few times, and never beyond its maximum', () => {
    const memory = memoryOf(1, 100);
    const buffers = new Set<unknown>();
    while (memory.grow(1) !== -1) {
      buffers.add(memory.bytes.buffer);
      expect(memory.bytes.length).toBeLessThanOrEqual(100 * PAGE_BYTES);
    }
    expect(memory.pages).toBe(100);
    // At 2, 4, 8, 16, 32, 64 and 100 pages.
    expect(buffers.size).toBe(7);
  });

  test('of an empty memory reserves nothing', () => {
    const memory = memoryOf(0);
    memory.grow(3);
    expect(memory.bytes.length).toBe(3 * PAGE_BYTES);
  });
});

describe('the buffer that is shown', () => {
  test('is exactly the memory, the same every time, and detached by a growth', () => {
    const memory = memoryOf(1);
    memory.grow(1);
    memory.grow(1);
    memory.bytes[3 * PAGE_BYTES - 1] = 7;
    const buffer = memory.expose();
    expect(buffer.byteLength).toBe(3 * PAGE_BYTES);
    expect(memory.expose()).toBe(buffer);
    expect(new Uint8Array(buffer).at(-1)).toBe(7);
    for (const delta of [0, 2]) {
      const shown = memory.expose();
      memory.grow(delta);
      expect(shown.byteLength).toBe(0);
      expect(memory.expose().byteLength).toBe(memory.pages * PAGE_BYTES);
    }
    expect(memory.bytes[3 * PAGE_BYTES - 1]).toBe(7);
    expect(isWhole(memory)).toBe(true);
  });

  test('is no longer once the memory has grown: it then grows in the room that it has', () => {
    const memory = memoryOf(1);
    memory.expose();
    memory.grow(1);
    expect(memory.bytes.length).toBe(2 * PAGE_BYTES);
    memory.grow(1);
    const { bytes } = memory;
    memory.grow(1);
    expect(memory.bytes).toBe(bytes);
  });

  test('of an empty memory is its own', () => {
    const [one, other] = [memoryOf(0), memoryOf(0)];
    const buffer = one.expose();
    expect([buffer.byteLength, other.expose() === buffer]).toEqual([0, false]);
    one.grow(1);
    expect([one.pages, one.bytes.length]).toEqual([1, PAGE_BYTES]);
    expect(() => new Uint8Array(NO_MEMORY.bytes.buffer)).not.toThrow();
  });
});

describe('a memory that is replaced', () => {
  const runs = [{ at: 5, bytes: Uint8Array.of(1, 2) }];
  const isReplaced = (memory: LinearMemory, pages: number) => {
    const expected = new Uint8Array(pages * PAGE_BYTES);
    expected.set([1, 2], 5);
    expect(memory.pages).toBe(pages);
    expect(Buffer.compare(memory.bytes.subarray(0, memory.byteLength), expected)).toBe(0);
    expect(isWhole(memory)).toBe(true);
  };

  test.each([
    ['as large', 2, 2, true],
    ['smaller', 5, 2, true],
    ['larger', 2, 3, false],
    ['so much smaller that room would be wasted', 6, 2, false],
  ])('by one that is %s: in its place where that fits', (_, before, after, isKept) => {
    const budget = plenty();
    const memory = memoryOf(before, undefined, budget);
    memory.bytes.fill(7);
    const { bytes } = memory;
    expect(memory.replace(after * PAGE_BYTES, runs)).toBe(true);
    isReplaced(memory, after);
    expect(memory.bytes === bytes).toBe(isKept);
    // What it was before does not come back with a growth.
    expect(memory.grow(1)).toBe(after);
    expect(memory.view(after * PAGE_BYTES, PAGE_BYTES)?.every((byte) => byte === 0)).toBe(true);
    expect(budget.used).toBe((before + 1) * PAGE_BYTES);
  });

  test.each(['shown', 'lent'] as const)('leaves the buffer to those whom it was %s', (how) => {
    const memory = memoryOf(2);
    memory.bytes.fill(7);
    if (how === 'shown') memory.expose();
    else memory.isLent = true;
    const { bytes } = memory;
    expect(memory.replace(2 * PAGE_BYTES, runs)).toBe(true);
    isReplaced(memory, 2);
    expect([memory.bytes === bytes, bytes[0], memory.isLent]).toEqual([false, 7, false]);
    // Nobody has seen this one.
    const own = memory.bytes;
    expect(memory.replace(2 * PAGE_BYTES, runs)).toBe(true);
    expect(memory.bytes).toBe(own);
  });

  test('is not lent any more once a growth has moved it', () => {
    const memory = memoryOf(1);
    memory.isLent = true;
    memory.grow(1);
    expect(memory.isLent).toBe(false);
    memory.isLent = true;
    memory.grow(0);
    expect(memory.isLent).toBe(true);
  });

  test('stays where the host has no room', () => {
    const memory = memoryOf(1);
    memory.bytes.fill(7);
    exhaustHost();
    expect(memory.replace(2 * PAGE_BYTES, [])).toBe(false);
    expect([memory.pages, memory.bytes[0], memory.bytes.length]).toEqual([1, 7, PAGE_BYTES]);
  });
});

describe('the shape of 64-bit integers', () => {
  test('is made once for a buffer', () => {
    const memory = memoryOf(1);
    const { longs } = memory;
    expect([longs.buffer, longs.length]).toEqual([memory.bytes.buffer, PAGE_BYTES / 8]);
    expect(memory.longs).toBe(longs);
  });

  test('is made again where the memory has moved, to less room too', () => {
    const memory = memoryOf(6);
    const { longs } = memory;
    expect(memory.replace(PAGE_BYTES, [])).toBe(true);
    expect(memory.longs).not.toBe(longs);
    expect([memory.longs.buffer, memory.longs.length]).toEqual([memory.bytes.buffer, PAGE_BYTES / 8]);
  });

  test('is made again where the buffer itself has grown', () => {
    const memory = sharedOf(1, 3);
    memory.share();
    const { longs } = memory;
    memory.grow(1);
    expect([memory.longs.buffer, memory.longs.length]).toEqual([longs.buffer, (2 * PAGE_BYTES) / 8]);
  });
});

describe('a buffer that somebody has transferred', () => {
  const transfer = (buffer: ArrayBuffer) => structuredClone(buffer, { transfer: [buffer] });

  test('has taken the bytes of the memory with it, which is found out', () => {
    const memory = memoryOf(1);
    transfer(memory.expose() as ArrayBuffer);
    expect(() => memory.check()).toThrow(UsageError);
    expect(() => memory.limits).toThrow(/the buffer of a memory has been transferred/);
    expect(() => memory.grow(1)).toThrow(UsageError);
  });

  test('is not missed where it was empty', () => {
    const memory = memoryOf(0);
    const buffer = memory.expose() as ArrayBuffer;
    memory.check();
    expect(memory.expose()).toBe(buffer);
    transfer(buffer);
    memory.check();
    expect([memory.bytes.subarray().length, memory.grow(1), memory.pages]).toEqual([0, 0, 1]);
  });

  test('is not looked for where none was shown, or it is there', () => {
    const memory = memoryOf(1);
    memory.check();
    const shown = memory.expose();
    memory.check();
    expect(memory.expose()).toBe(shown);
  });
});

/** A memory of the host's, which can be told to refuse. */
class HostMemory implements Backing {
  readonly raw = this;
  buffer: ArrayBufferLike;
  mayGrow = true;
  isShown = false;

  constructor(pages: number, make: (bytes: number) => ArrayBufferLike = (bytes) => new ArrayBuffer(bytes)) {
    this.buffer = make(pages * PAGE_BYTES);
  }

  grow(pages: number): void {
    if (!this.mayGrow) throw new RangeError('no room');
    const { buffer } = this;
    const Bytes = buffer.constructor as new (bytes: number) => ArrayBufferLike;
    this.buffer = new Bytes(buffer.byteLength + pages * PAGE_BYTES);
    new Uint8Array(this.buffer).set(new Uint8Array(buffer));
  }

  shown(): void {
    this.isShown = true;
  }
}

describe('a memory of the host', () => {
  const over = (host: HostMemory, budget: Budget, isShared = false) =>
    LinearMemory.over(host, { ...typeOf(1, 9), isShared }, Growth.ofMemory(budget, 9));

  test('has its bytes, which stay where they are as long as its buffer does', () => {
    const host = new HostMemory(2);
    const memory = over(host, plenty());
    const { bytes } = memory;
    expect([bytes.buffer, memory.pages, isWhole(memory)]).toEqual([host.buffer, 2, true]);
    memory.check();
    expect(memory.bytes).toBe(bytes);
    expect([memory.expose(), host.isShown]).toEqual([host.buffer, true]);
  });

  test('is followed where it has grown elsewhere', () => {
    const host = new HostMemory(1);
    const memory = over(host, plenty());
    host.grow(2);
    memory.check();
    expect([memory.bytes.buffer, memory.pages]).toEqual([host.buffer, 3]);
  });

  test('grows by what the host has, and takes nothing where it refuses', () => {
    const host = new HostMemory(1);
    const budget = plenty();
    const memory = over(host, budget);
    expect([memory.grow(2), memory.pages, budget.used]).toEqual([1, 3, 2 * PAGE_BYTES]);
    host.mayGrow = false;
    expect([memory.grow(1), memory.pages, budget.used]).toEqual([-1, 3, 2 * PAGE_BYTES]);
  });

  test('is looked at again where it is shared, and says whether it has grown', () => {
    const host = new HostMemory(1, (bytes) => new SharedArrayBuffer(bytes));
    const memory = over(host, plenty(), true);
    expect(memory.refresh()).toBe(false);
    host.grow(1);
    expect([memory.refresh(), memory.pages, memory.refresh()]).toEqual([true, 2, false]);
  });
});

describe('a shared memory', () => {
  test('has one buffer for whoever asks, which grows', () => {
    const memory = sharedOf(1, 3);
    const buffer = memory.expose();
    expect([buffer instanceof SharedArrayBuffer, memory.share().buffer === buffer]).toEqual([true, true]);
    expect([memory.grow(1), buffer.byteLength, memory.grow(2)]).toEqual([1, 2 * PAGE_BYTES, -1]);
  });

  test('reserves as much as its maximum and the budget allow', () => {
    expect(sharedOf(1, 3).share()).toMatchObject({ maxByteLength: 3 * PAGE_BYTES });
    expect(sharedOf(1, 300, new Budget(5 * PAGE_BYTES)).share()).toMatchObject({ maxByteLength: 5 * PAGE_BYTES });
  });

  test('takes nothing of the budget where the host cannot grow it', () => {
    const budget = plenty();
    const memory = sharedOf(1, 3, budget);
    memory.share();
    const refuse = vi
      .spyOn(SharedArrayBuffer.prototype as unknown as { grow(): void }, 'grow')
      .mockImplementation(() => {
        throw new RangeError('no room');
      });
    expect([memory.grow(1), budget.used]).toEqual([-1, PAGE_BYTES]);
    refuse.mockRestore();
    expect([memory.grow(1), budget.used]).toEqual([1, 2 * PAGE_BYTES]);
  });

  test('is had by another thread within its budget and its maximum', () => {
    const parts = sharedOf(2, 5).share();
    const budget = new Budget(2 * PAGE_BYTES);
    const memory = LinearMemory.from(parts, I32, 2, budget) as LinearMemory;
    expect([memory.pages, memory.limits, memory.isShared, memory.address]).toEqual([2, { min: 2, max: 2 }, true, I32]);
    expect([memory.bytes.buffer === parts.buffer, budget.used, memory.grow(1)]).toEqual([true, 2 * PAGE_BYTES, -1]);
    expect(LinearMemory.from(parts, I32, 5, new Budget(2 * PAGE_BYTES - 1))).toBeUndefined();
    for (const max of [1, 2.5, Number.NaN])
      expect(() => LinearMemory.from(parts, I32, max, plenty())).toThrow(/what Memory.toTransferable gives/);
  });

  test('is none where it is larger than a memory may be', () => {
    const bytes = (MAX_INSTANCE_PAGES + 1) * PAGE_BYTES;
    const Growing = SharedArrayBuffer as new (length: number, options: object) => SharedArrayBuffer;
    const parts = { buffer: new Growing(bytes, { maxByteLength: bytes }), lock: new SharedArrayBuffer(4) };
    const budget = new Budget(2 * bytes);
    expect(LinearMemory.from(parts, I32, 65_536, budget)).toBeUndefined();
    expect(budget.used).toBe(0);
  });

  test('lets so many go on as it is asked to, here and in other threads', async () => {
    const memory = sharedOf(1, 1);
    const waiter = () => memory.waiters.add(new Waiter(8, undefined));
    const waiting = [waiter(), waiter()];
    expect([memory.notify(8, 1), memory.notify(16, 9), memory.notify(8, 9)]).toEqual([1, 0, 1]);
    const { buffer } = memory.share();
    const { waitAsync } = Atomics as unknown as {
      waitAsync(words: Int32Array, index: number, value: number): { value: Promise<string> };
    };
    const elsewhere = waitAsync(new Int32Array(buffer), 2, 0);
    waiting.push(waiter());
    expect([memory.notify(8, 1), memory.notify(8, 9)]).toEqual([1, 1]);
    expect(await elsewhere.value).toBe('ok');
    expect(waiting.map(({ value }) => value)).toEqual([0, 0, 0]);
  });
});
