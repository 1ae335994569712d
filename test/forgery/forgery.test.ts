import { describe, expect, it } from 'vitest';
import { PlaceFinder } from '../../interpreter/snapshot/places.ts';
import { GasExhausted, MemoryLimitExceeded, SnapshotError, WasmSandbox } from '../../src/index.ts';
import { pack } from '../../src/snapshot/container.ts';
import { decode } from '../../wasm/decode.ts';
import { WireWriter } from '../../wasm/wire.ts';
import { encodeModule } from '../generate/encode.ts';
import { copyOf, type Node, nodesOf, writeTree } from './format.ts';
import { type Guest, LIMITS, makeGuests } from './guests.ts';
import { inspect, instanceOf } from './inspect.ts';
import { attempt, tryContents } from './trial.ts';

const guests = await makeGuests(3);
const ALL_KINDS = guests[0] as Guest;
const FILES = guests[1] as Guest;

/** The one node at the end of a way. */
function at<K extends Node['kind']>(tree: Node, path: string, kind: K): Node & { kind: K } {
  const found = [...nodesOf(tree)].filter(([way, node]) => way === path && node.kind === kind);
  expect(found.length, path).toBeGreaterThan(0);
  return found[0]?.[1] as Node & { kind: K };
}

function written(tree: Node): Uint8Array {
  const to = new WireWriter();
  writeTree(tree, to);
  return to.written.slice();
}

/** A snapshot with one thing changed. */
async function forged(
  { trees }: Guest,
  which: (tree: Node) => boolean,
  change: (tree: Node) => void,
): Promise<Uint8Array> {
  const tree = copyOf(trees.find(which) as Node);
  change(tree);
  return pack(written(tree), false, { kind: 'snapshot' });
}

const hasStack = (name: string) => (tree: Node) =>
  [...nodesOf(tree)].some(([path, node]) => path === '.call?.name' && node.kind === 'leaf' && node.value === name);
const isAny = () => true;

describe('whatever is changed in a snapshot', () => {
  it('it is refused as documented, or a guest within its limits and types', async () => {
    const outcomes = { refused: 0, restored: 0 };
    for (let number = 0; number < 2_000; number++) {
      outcomes[(await attempt(guests, number)).startsWith('refused') ? 'refused' : 'restored']++;
    }
    // The forger changes too little or too much where it has no luck at either.
    expect(outcomes.refused).toBeGreaterThan(600);
    expect(outcomes.restored).toBeGreaterThan(300);
  });

  it('and nothing: it goes on as it would have', async () => {
    for (const { trees, options } of guests) {
      for (const tree of trees) expect(await tryContents(written(tree), options)).toMatch(/^restored/);
    }
  });
});

describe('a guest that was left in a call', () => {
  const { options } = ALL_KINDS;
  const restore = (bytes: Uint8Array) => WasmSandbox.restore(bytes, options);

  it.each(['objects', 'exceptions', 'waiting', 'deep', 'memories'])(
    '%s stands nowhere but where it can be left',
    async (name) => {
      const tree = ALL_KINDS.trees.find(hasStack(name)) as Node;
      const positions = at(tree, '.guest.stack?.positions', 'list').items;
      const { length } = positions;
      let places = 0;
      for (let offset = 0; offset < 400; offset++) {
        const bytes = await forged(
          ALL_KINDS,
          (other) => other === tree,
          (changed) => {
            const innermost = at(changed, '.guest.stack?.positions', 'list').items[length - 1] as Node;
            at(innermost, '.offset', 'leaf').value = offset;
          },
        );
        const restored = await restore(bytes).catch((error: unknown) => error);
        if (restored instanceof WasmSandbox) {
          places++;
          inspect(restored);
        } else expect(String(restored)).toMatch(/cannot be left|of the type of its place/);
      }
      // Its entry, its loops, and what is behind its calls; not every instruction.
      expect(places).toBeGreaterThan(0);
      expect(places).toBeLessThan(40);
    },
  );

  it('has no other call of its own, no other function, and no other address to return to', async () => {
    const refused = async (change: (tree: Node) => void, message: RegExp) => {
      const restoring = restore(await forged(ALL_KINDS, hasStack('objects'), change));
      await expect(restoring).rejects.toBeInstanceOf(SnapshotError);
      await expect(restoring).rejects.toThrow(message);
    };
    await refused((tree) => (at(tree, '.call?.name', 'leaf').value = 'deep'), /its stack is of another call/);
    await refused((tree) => (at(tree, '.call?.name', 'leaf').value = 'none'), /nothing that the module exports/);
    await refused(
      (tree) => (at(tree, '.guest.stack?.entered', 'leaf').value = 0),
      /no function that could have been called/,
    );
    await refused((tree) => {
      at(tree, '.guest.stack?.positions[].body', 'leaf').value = 1e6;
    }, /names a function that the module does not have/);
    await refused((tree) => at(tree, '.guest.stack?.registers', 'words').values.push(0, 0), /do not fit its stack/);
    await refused((tree) => (at(tree, '.guest.stack', 'option').node = undefined), /its call has no stack/);
    await refused((tree) => (at(tree, '.call', 'option').node = undefined), /its stack no call/);
  });
});

describe('references in registers', () => {
  const { options } = ALL_KINDS;
  const names = ['objects', 'exceptions', 'deep'];
  const trees = ALL_KINDS.trees.filter((tree) => names.some((name) => hasStack(name)(tree)));

  it('are of the type that their place has, or nobody will read them', async () => {
    const outcomes = new Map<string, number>();
    for (const tree of trees) {
      const slots = at(tree, '.guest.stack?.references', 'words').values.length;
      const objects = at(tree, '.guest.objects.heads', 'list').items;
      // One object of each kind.
      const kinds = new Map(objects.map((head, i) => [at(head, '.tag', 'leaf').value, i + 1]));
      for (let slot = 0; slot < Math.min(slots, 24); slot++) {
        for (const id of [0, ...kinds.values()]) {
          const changed = copyOf(tree);
          at(changed, '.guest.stack?.references', 'words').values[slot] = id;
          const outcome = (await tryContents(written(changed), options)).replace(/^restored.*/, 'restored');
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        }
      }
    }
    const wrong = 'refused, SnapshotError: the bytes are damaged: a reference is not of the type of its place';
    expect([...outcomes.keys()].sort()).toEqual([wrong, 'restored']);
    for (const count of outcomes.values()) expect(count).toBeGreaterThan(20);
  });
});

it('a long function on the stack is lowered in steps, between which the clock is looked at', () => {
  const body = Array.from({ length: 200_000 }, () => 'nop' as const);
  const module = decode(encodeModule({ functions: [{ params: [], results: [], body }] }));
  let looks = 0;
  new PlaceFinder(module, () => looks++).find(0, [0]);
  expect(looks).toBeGreaterThan(5);
});

describe('figures', () => {
  const { options } = ALL_KINDS;
  const restoring = async (path: string, value: number | bigint, which = hasStack('objects')) =>
    WasmSandbox.restore(await forged(ALL_KINDS, which, (tree) => (at(tree, path, 'leaf').value = value)), options);

  it('beyond the limits are refused', async () => {
    await expect(restoring('.guest.gasUsed', LIMITS.gasLimit + 1n)).rejects.toBeInstanceOf(GasExhausted);
    await expect(restoring('.guest.gasUsed', 1n << 63n)).rejects.toBeInstanceOf(SnapshotError);
    await expect(restoring('.guest.peak', LIMITS.memoryLimit + 1)).rejects.toBeInstanceOf(MemoryLimitExceeded);
    await expect(restoring('.guest.heapUsed', LIMITS.memoryLimit)).rejects.toBeInstanceOf(MemoryLimitExceeded);
    await expect(restoring('.call?.gasUsed', 1n << 62n)).rejects.toBeInstanceOf(SnapshotError);
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('are counts: not %d', async (value) => {
    for (const path of ['.guest.peak', '.guest.heapUsed', '.guest.heapPatience', '.functionCalls', '.host.gate']) {
      await expect(restoring(path, value)).rejects.toBeInstanceOf(SnapshotError);
    }
  });

  it('of objects are what the objects come to, at least', async () => {
    const genuine = await WasmSandbox.restore(await forged(ALL_KINDS, hasStack('objects'), () => undefined), options);
    const sandbox = await restoring('.guest.heapUsed', 0);
    inspect(sandbox);
    expect(instanceOf(sandbox).heap.used).toBeGreaterThan(500);
    expect(instanceOf(sandbox).heap.used).toBeLessThanOrEqual(instanceOf(genuine).heap.used);
  });

  it('of objects without end, in few bytes, are refused before those are made', async () => {
    const bytes = await forged(ALL_KINDS, isAny, (tree) => {
      const { items } = at(tree, '.guest.objects.heads', 'list');
      const array: Node = {
        kind: 'record',
        fields: [
          ['tag', { kind: 'leaf', type: 'u8', value: 4 }],
          ['array', { kind: 'leaf', type: 'u32', value: 3 }],
          ['length', { kind: 'leaf', type: 'u32', value: 0 }],
        ],
      };
      for (let i = 0; i < 100_000; i++) items.push(array);
    });
    await expect(WasmSandbox.restore(bytes, options)).rejects.toThrow(
      /objects of the guest in the snapshot do not fit/,
    );
  });
});

describe('what is behind WASI', () => {
  const { options } = FILES;
  const refused = async (change: (tree: Node) => void, message: RegExp) => {
    const restoring = WasmSandbox.restore(await forged(FILES, isAny, change), options);
    await expect(restoring).rejects.toBeInstanceOf(SnapshotError);
    await expect(restoring).rejects.toThrow(message);
  };
  const set = (path: string, value: number | bigint | string) => (tree: Node) => {
    at(tree, path, 'leaf').value = value;
  };

  it('is within what the policy grants', async () => {
    await refused(
      set('.host.program?.descriptors[].rights', (1n << 40n) - 1n),
      /rights or flags that none of its kind has/,
    );
    await refused(set('.host.program?.descriptors[].flags', 0xffff), /rights or flags that none of its kind has/);
    await refused(set('.host.program?.descriptors[].number', 100_000), /the number of a descriptor is out of range/);
    await refused(set('.host.program?.descriptors[].path', '/elsewhere/../..'), /open outside of its folder/);
    await refused(set('.host.program?.descriptors[].inode', 1n << 40n), /open on nothing/);
    await refused(set('.host.program?.fileSystems[].path', '/other'), /the policy grants these folders/);
    await refused(set('.host.program?.fileSystems[].lastInode', (1n << 64n) - 1n), /out of range/);
    await refused(set('.host.program?.written', 2 ** 40), /has written 1099511627776 bytes, the policy's limit is/);
    await refused((tree) => {
      at(tree, '.host.program?.stderr', 'leaf').value = new Uint8Array(1_000);
    }, /more has been written than it says/);
    await refused((tree) => {
      at(tree, '.host.program?.state', 'words').values.fill(0);
    }, /its randomness has no state/);
  });
});

it('a listing has names that a directory can have', async () => {
  for (const name of ['', 'a/b', 'a\0', '\ud800']
    .map((text) => new TextEncoder().encode(text))
    .concat(Uint8Array.of(0xff))) {
    const bytes = await forged(FILES, isAny, (tree) => {
      const entry: Node = {
        kind: 'record',
        fields: [
          ['name', { kind: 'leaf', type: 'bytes', value: name }],
          ['kind', { kind: 'leaf', type: 'u8', value: 0 }],
          ['inode', { kind: 'leaf', type: 'u64', value: 1n }],
        ],
      };
      at(tree, '.host.program?.descriptors[].listing', 'option').node = {
        kind: 'list',
        items: [entry],
        count: undefined,
        isCounted: true,
      };
    });
    const restoring = WasmSandbox.restore(bytes, FILES.options).then((sandbox) => sandbox.dispose());
    // Half a character is written as the sign for what is none, which is a name.
    if (name.length === 3 && name[0] === 0xef) await restoring;
    else await expect(restoring).rejects.toThrow(/a listing has a name that is none|a text is not UTF-8/);
  }
});

it('what a snapshot says of itself comes into no message as it stands', async () => {
  for (const value of ['\u001b[2J', 'x'.repeat(64), '']) {
    const bytes = await forged(ALL_KINDS, isAny, (tree) => (at(tree, '.digest', 'leaf').value = value));
    await expect(WasmSandbox.restore(bytes, ALL_KINDS.options)).rejects.toThrow(
      /^the bytes are damaged: the SHA-256 of/,
    );
  }
});

describe('a container', () => {
  const { options } = ALL_KINDS;

  it('is inflated no further than the limits allow', async () => {
    const bomb = await pack(new Uint8Array(60 * 2 ** 20), true, { kind: 'snapshot' });
    expect(bomb.length).toBeLessThan(2 ** 20);
    await expect(WasmSandbox.restore(bomb, options)).rejects.toThrow(/has 62914560 bytes; the limits allow \d{8}$/);
  });

  it('that is longer than its contents may be is refused before anything is made of it', async () => {
    const long = await pack(new Uint8Array(50 * 2 ** 20), false, { kind: 'snapshot' });
    await expect(WasmSandbox.restore(long, options)).rejects.toThrow(/the limits allow/);
  });
});
