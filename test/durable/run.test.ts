import { describe, expect, test } from 'vitest';
import {
  type CheckpointInfo,
  type DurableOptions,
  type DurableResult,
  discardJob,
  type GuestFactory,
  JobReleased,
  JobTakenOver,
  runDurably,
} from '../../src/durable.ts';
import { CallAborted, GasExhausted, HostError, SnapshotError, Trap, UsageError, WasmSandbox } from '../../src/index.ts';
import { Ledger, workers } from './guests.ts';
import { type Death, Died, inMemory, Shelf } from './stores.ts';

const ROUNDS = 5;
const OPTIONS = {
  module: 'worker',
  function: 'run',
  args: [ROUNDS],
  checkpointEvery: { gas: 2_500 },
  compress: false,
} as const;

/** What no worker has died of. */
async function undisturbed(): Promise<DurableResult> {
  const ledger = new Ledger();
  return runDurably(
    workers((key) => ledger.pay(key)),
    { ...OPTIONS, job: 'a', store: inMemory(), checkpointEvery: { gas: 10 ** 12 } },
  );
}

const expected = await undisturbed();
const keys = Array.from({ length: ROUNDS }, (_, call) => `a#${call}`);

test('a job that nothing disturbs is the call that it is', async () => {
  const ledger = new Ledger();
  const sandbox = await workers((key) => ledger.pay(`${key}${ledger.keys.length}`)).build('worker', {});
  const execution = sandbox.start('run', [ROUNDS]);
  expect(await execution.run()).toBe(expected.value);
  expect(expected).toEqual({ value: execution.result, gasUsed: execution.gasUsed, ...sandbox.output() });
  expect(expected.stdout).toBe('.'.repeat(ROUNDS));
});

describe('a worker dies at any operation of the store, and another goes on', () => {
  const operations = async () => {
    const shelf = new Shelf();
    const ledger = new Ledger();
    const store = shelf.mortal(Number.POSITIVE_INFINITY);
    await runDurably(
      workers((key) => ledger.pay(key)),
      { ...OPTIONS, job: 'a', store },
    );
    return store.asked;
  };

  test.each<Death>(['half', 'behind'])('%s', async (death) => {
    const most = await operations();
    expect(most).toBeGreaterThan(60);
    const wrong: unknown[] = [];
    let again = 0;
    for (let life = 1; life <= most; life++) {
      const shelf = new Shelf();
      const ledger = new Ledger();
      const guests = workers((key) => ledger.pay(key));
      const run = (store: DurableOptions['store']) => runDurably(guests, { ...OPTIONS, job: 'a', store });
      const died = await run(shelf.mortal(life, death)).catch((error) => error);
      const result = await run(shelf.store);
      await discardJob('a', { store: shelf.store });
      again += ledger.again;
      const isSame = JSON.stringify(jsonOf(result)) === JSON.stringify(jsonOf(expected));
      const isPaid = ledger.keys.join() === keys.join() && ledger.again <= 1;
      if (!isSame || !isPaid || shelf.items.size > 0)
        wrong.push({ life, died, result, again: ledger.again, left: [...shelf.items.keys()] });
    }
    expect(wrong).toEqual([]);
    // Some die between what is done and its record: the key is the same then, and so is the receipt.
    expect(again).toBeGreaterThan(0);
  });

  test('again and again', async () => {
    const shelf = new Shelf();
    const ledger = new Ledger();
    const guests = workers((key) => ledger.pay(key));
    let result: DurableResult | undefined;
    let died = 0;
    while (result === undefined) {
      const store = shelf.mortal(25 + (died % 7), died % 2 === 0 ? 'half' : 'behind');
      result = await runDurably(guests, { ...OPTIONS, job: 'a', store }).catch(() => void died++);
    }
    expect(died).toBeGreaterThan(2);
    expect(jsonOf(result)).toEqual(jsonOf(expected));
    expect(ledger.keys).toEqual(keys);
  });
});

function jsonOf({ gasUsed, value, ...rest }: DurableResult): unknown {
  return { ...rest, value: String(value), gasUsed: String(gasUsed) };
}
const start = (guests: GuestFactory, options: Partial<DurableOptions> = {}) =>
  runDurably(guests, { ...OPTIONS, job: 'a', store: inMemory(), ...options });

describe('a worker lets go of a job', () => {
  test('released, it is gone on with by another', async () => {
    const ledger = new Ledger();
    const guests = workers((key) => ledger.pay(key));
    const store = inMemory();
    const release = new AbortController();
    const onCheckpoint = ({ sequence }: CheckpointInfo) => sequence === 1 && release.abort('busy');
    const left = start(guests, { store, release: release.signal, onCheckpoint });
    await expect(left).rejects.toThrow(JobReleased);
    const sequences: number[] = [];
    const result = await start(guests, { store, onCheckpoint: ({ sequence }) => sequences.push(sequence) });
    expect(sequences[0]).toBe(2);
    expect(jsonOf(result)).toEqual(jsonOf(expected));
    expect(ledger.again).toBe(0);
  });

  test('one from which the job was taken stops, and records nothing any more', async () => {
    const ledger = new Ledger();
    const store = inMemory();
    let second: Promise<DurableResult> | undefined;
    const guests = workers(async (key) => {
      // While the first worker pays, another one takes the job, as of a worker that has lost its lock, and ends it.
      if (key === 'a#4' && second === undefined) {
        second = start(
          workers((key) => ledger.pay(key)),
          { store },
        );
        await second;
      }
      return ledger.pay(key);
    });
    const first = start(guests, { store });
    await expect(first).rejects.toThrow(JobTakenOver);
    expect(jsonOf((await second) as DurableResult)).toEqual(jsonOf(expected));
    expect(ledger.again).toBe(1);
    expect(jsonOf(await start(guests, { store }))).toEqual(jsonOf(expected));
  });

  test('discarded under its hands, it stops at its next checkpoint', async () => {
    const store = inMemory();
    const guests = workers(() => 1n);
    const onCheckpoint = () => discardJob('a', { store });
    await expect(start(guests, { store, onCheckpoint })).rejects.toThrow(/has ended elsewhere/);
  });

  test('aborted, a job can be taken up again', async () => {
    const ledger = new Ledger();
    const guests = workers((key) => ledger.pay(key));
    const store = inMemory();
    const stop = new AbortController();
    const onCheckpoint = ({ sequence }: CheckpointInfo) => sequence === 2 && stop.abort(new Error('no more'));
    await expect(start(guests, { store, signal: stop.signal, onCheckpoint })).rejects.toThrow(CallAborted);
    await expect(start(guests, { store, signal: stop.signal })).rejects.toThrow('no more');
    expect(jsonOf(await start(guests, { store }))).toEqual(jsonOf(expected));
  });

  test('an endless guest lets others run, who can end it', async () => {
    const stop = new AbortController();
    setImmediate(() => stop.abort());
    const spin = { function: 'spin', args: [], yieldEvery: 0.01, signal: stop.signal };
    await expect(
      start(
        workers(() => 1n),
        spin,
      ),
    ).rejects.toThrow(CallAborted);
  });
});

describe('how a job fails', () => {
  test('a trap is how it ended, at once when it is run again, for the same gas', async () => {
    const ledger = new Ledger();
    const guests = workers((key) => ledger.pay(key));
    const store = inMemory();
    const run = () => start(guests, { store, function: 'trap', args: [3] }).catch((error) => error);
    const [first, second] = [await run(), await run()];
    expect(first).toBeInstanceOf(Trap);
    expect(second).toBeInstanceOf(Trap);
    expect(second.toJSON()).toEqual(first.toJSON());
    expect(ledger.payments).toEqual(new Map([0, 1, 2].map((call) => [`a#${call}`, 1])));
    await discardJob('a', { store });
    await run();
    expect(ledger.again).toBe(3);
  });

  test('a failing host function is called again, under the same key', async () => {
    const ledger = new Ledger();
    let failures = 2;
    const guests = workers((key) => {
      if (key === 'a#3' && failures-- > 0) throw new Error('no network');
      return ledger.pay(key);
    });
    const store = inMemory();
    await expect(start(guests, { store })).rejects.toThrow('no network');
    await expect(start(guests, { store })).rejects.toThrow(HostError);
    expect(jsonOf(await start(guests, { store }))).toEqual(jsonOf(expected));
    expect(ledger.again).toBe(0);
  });

  test('the limit on gas is for all workers together', async () => {
    const ledger = new Ledger();
    const guests = workers((key) => ledger.pay(key));
    const run = async (onCheckpoint?: () => unknown) => {
      const store = inMemory();
      const gasLimit = expected.gasUsed / 2n;
      const error = await start(guests, { store, gasLimit, onCheckpoint }).catch((error) => error);
      return onCheckpoint === undefined ? error : start(guests, { store, gasLimit }).catch((error) => error);
    };
    const whole = await run();
    expect(whole).toBeInstanceOf(GasExhausted);
    const inParts = await run(() => {
      throw new Died();
    });
    const { code, scope, offset, resources } = whole;
    expect(inParts).toMatchObject({ code, scope, offset, resources });
  });

  test.each<[string, Record<string, unknown>]>([
    ['job must be', { job: '' }],
    ['store must be', { store: {} }],
    ['checkpointEvery.gas must be', { checkpointEvery: { gas: 0 } }],
    ['checkpointEvery must be', { checkpointEvery: {} }],
    ['no option "every"', { every: 1 }],
    ['which another worker can be given again', { input: { stdin: () => undefined } }],
    ['exports no function', { function: 'walk' }],
    ['must be', { args: 5 }],
  ])('%s', async (message, options) => {
    const failed = start(
      workers(() => 1n),
      options as Partial<DurableOptions>,
    );
    await expect(failed).rejects.toThrow(UsageError);
    await expect(failed).rejects.toThrow(message);
  });
});

describe('what is kept is believed only where it is what was written', () => {
  const key = new Uint8Array(32).fill(7);
  const half = async (shelf: Shelf, options: Partial<DurableOptions> = {}) => {
    const onCheckpoint = ({ sequence }: CheckpointInfo) => {
      if (sequence === 4) throw new Died();
    };
    const ledger = new Ledger();
    const guests = workers((key) => ledger.pay(key));
    await expect(start(guests, { store: shelf.store, onCheckpoint, ...options })).rejects.toThrow(Died);
    return { guests, named: (part: string) => [...shelf.items.keys()].filter((name) => name.includes(part)) };
  };
  const change = (shelf: Shelf, name: string) => {
    const bytes = shelf.items.get(name)!.slice();
    bytes[bytes.length - 1]! ^= 1;
    shelf.items.set(name, bytes);
  };

  test('with a key: by nobody without it, or with another', async () => {
    const shelf = new Shelf();
    const { guests } = await half(shelf, { key });
    for (const other of [undefined, new Uint8Array(32)]) {
      await expect(start(guests, { store: shelf.store, key: other })).rejects.toThrow(SnapshotError);
    }
    expect(jsonOf(await start(guests, { store: shelf.store, key }))).toEqual(jsonOf(expected));
  });

  test('the one before a checkpoint that is damaged is gone on from', async () => {
    for (const which of [0, 1]) {
      const shelf = new Shelf();
      const { guests, named } = await half(shelf);
      expect(named('checkpoint')).toHaveLength(2);
      change(shelf, named('checkpoint')[which]!);
      expect(jsonOf(await start(guests, { store: shelf.store }))).toEqual(jsonOf(expected));
    }
  });

  test('where none is left, the job does not begin again by itself', async () => {
    const shelf = new Shelf();
    const { guests, named } = await half(shelf);
    for (const name of named('checkpoint')) change(shelf, name);
    await expect(start(guests, { store: shelf.store })).rejects.toThrow('discardJob()');
    await discardJob('a', { store: shelf.store });
    expect(named('checkpoint')).toEqual([]);
    expect((await start(guests, { store: shelf.store })).stdout).toBe(expected.stdout);
  });

  test('an item of another job is none of this one', async () => {
    const shelf = new Shelf();
    const { guests, named } = await half(shelf, { job: 'b' });
    const before = new Set(shelf.items.keys());
    await half(shelf);
    for (const part of ['claim.0', 'claim.1']) {
      const [from] = named(part).filter((name) => before.has(name));
      const [to] = named(part).filter((name) => !before.has(name));
      if (from !== undefined && to !== undefined) shelf.items.set(to, shelf.items.get(from)!);
    }
    await expect(start(guests, { store: shelf.store })).rejects.toThrow('it is another item');
  });

  test('a guest that goes another way is told, and does nothing there', async () => {
    const store = inMemory();
    const failing = workers((key) => {
      if (key === 'a#2') throw new Died();
      return 1n;
    });
    await expect(start(failing, { store })).rejects.toThrow(HostError);
    const ledger = new Ledger();
    const other = start(
      workers((key) => ledger.pay(key)),
      { store, function: 'trap', checkpointEvery: { gas: 10 ** 9 } },
    );
    await expect(other).rejects.toThrow(/another way|in no call/);
    expect(ledger.keys).toEqual([]);
  });

  test('a checkpoint of more bytes than there may be', async () => {
    const failed = start(
      workers(() => 1n),
      { maxCheckpointBytes: 10_000 },
    );
    await expect(failed).rejects.toThrow('maxCheckpointBytes');
  });
});

test('what is recorded is bounded by a checkpoint, whatever gas is used', async () => {
  const calls: number[] = [];
  const ledger = new Ledger();
  const result = await start(
    workers((key) => ledger.pay(key)),
    {
      checkpointEvery: { gas: 10 ** 12 },
      maxRecordedCalls: 2,
      onCheckpoint: ({ recordedCalls }) => calls.push(recordedCalls),
    },
  );
  expect(calls).toEqual([2, 4]);
  expect(jsonOf(result)).toEqual(jsonOf(expected));
});

test('a program goes on with its arguments, its environment, its files of input and its output', async () => {
  const source = 'fixtures/build/primes.wasm';
  const guests: GuestFactory = {
    build: (_, input) => WasmSandbox.create({ source, ...input }),
    restore: (_, bytes, input) => WasmSandbox.restore(bytes, { source, ...input }),
  };
  const whole = await (await guests.build('', { args: ['primes', '2000'] })).run();
  const store = inMemory();
  const options = {
    job: 'b',
    module: 'primes',
    input: { args: ['primes', '2000'] },
    checkpointEvery: { gas: 30_000 },
    store,
  };
  let workersUsed = 0;
  let result: DurableResult | undefined;
  while (result === undefined) {
    workersUsed++;
    const onCheckpoint = () => {
      throw new Died();
    };
    result = await runDurably(guests, { ...options, onCheckpoint }).catch(() => undefined);
  }
  expect(workersUsed).toBeGreaterThan(2);
  expect(result).toMatchObject({ value: whole.exitCode, stdout: whole.stdout, stderr: whole.stderr });
});
