/** Every place where bytes come in, with every kind of value that holds bytes. */

import { describe, expect, test } from 'vitest';
import {
  Capability,
  replay,
  SandboxCache,
  SandboxPool,
  SecurityPolicy,
  UsageError,
  WasmSandbox,
} from '../../src/index.ts';
import { instrument } from '../../src/instrument.ts';
import { WasmSandbox as SyncSandbox } from '../../src/sync.ts';
import { createWebAssembly } from '../../src/webassembly.ts';
import type { Bytes } from '../../wasm/bytes.ts';
import { I32, I64 } from '../../wasm/types.ts';
import { encodeModule, type Instruction } from '../generate/encode.ts';
import { everythingOf, KINDS_OF_BYTES, overwrite } from '../wasm/kinds-of-bytes.ts';

const constants = (...values: number[]): Instruction[] => values.map((value) => ['i32.const', value]);
const WASI = 'wasi_snapshot_preview1';
const RIGHTS_TO_WRITE = 0x40;

/**
 * `answer` is 42. `write` puts "XX" over the beginning of `in.txt`, and gives an error number. `read` gives two bytes of
 * standard input. `work` takes its time.
 */
const GUEST = encodeModule({
  imports: [
    {
      module: WASI,
      name: 'path_open',
      function: { params: [I32, I32, I32, I32, I32, I64, I64, I32, I32], results: [I32] },
    },
    { module: WASI, name: 'fd_write', function: { params: [I32, I32, I32, I32], results: [I32] } },
    { module: WASI, name: 'fd_read', function: { params: [I32, I32, I32, I32], results: [I32] } },
  ],
  memories: [{ min: 1, export: 'memory' }],
  data: [
    { offset: constants(0), bytes: new TextEncoder().encode('in.txt') },
    { offset: constants(8), bytes: new TextEncoder().encode('XX') },
    // One vector, of two bytes at 8, and one of two bytes at 64.
    { offset: constants(16), bytes: [8, 0, 0, 0, 2, 0, 0, 0, 64, 0, 0, 0, 2, 0, 0, 0] },
  ],
  functions: [
    { results: [I32], body: constants(42), export: 'answer' },
    {
      results: [I32],
      body: [
        ...constants(3, 0, 0, 6, 0),
        ['i64.const', RIGHTS_TO_WRITE],
        ['i64.const', 0],
        ...constants(0, 48),
        ['call', 0],
        ['if', { params: [], results: [] }],
        ...constants(-1),
        'return',
        'end',
        ...constants(48),
        ['i32.load'],
        ...constants(16, 1, 52),
        ['call', 1],
      ],
      export: 'write',
    },
    {
      results: [I32],
      body: [...constants(0, 24, 1, 56), ['call', 2], 'drop', ...constants(64), ['i32.load16_u']],
      export: 'read',
    },
    {
      results: [I32],
      locals: [I32],
      body: [
        ['loop', { params: [], results: [] }],
        ['local.get', 0],
        ...constants(1),
        'i32.add',
        ['local.tee', 0],
        ...constants(100_000),
        'i32.lt_u',
        ['br_if', 0],
        'end',
        ['local.get', 0],
      ],
      export: 'work',
    },
  ],
});

const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);
const ENGINES = ['interpreter', 'native'] as const;

/** Looks at what became of the bytes; as often as one likes, with the same result. */
type Look = () => unknown;

interface Entry {
  readonly name: string;
  readonly content: () => Uint8Array | Promise<Uint8Array>;
  readonly expected: unknown;
  /** Hands the bytes over before anything is waited for. */
  readonly enter: (bytes: Bytes) => Look | Promise<Look>;
}

const answering = async (sandbox: WasmSandbox) => {
  const first = await sandbox.call('answer');
  await sandbox.reset();
  return [first, await sandbox.call('answer')];
};

async function answerOf(creating: Promise<WasmSandbox>): Promise<Look> {
  const sandbox = await creating;
  return () => answering(sandbox);
}

const moduleEntry = (name: string, enter: Entry['enter'], expected: unknown = [42, 42]): Entry => ({
  name: `the source of ${name}`,
  content: () => GUEST,
  expected,
  enter,
});

const namespaces = { interpreter: await createWebAssembly(), native: await createWebAssembly({ engine: 'native' }) };

const MODULES: Entry[] = [
  ...ENGINES.flatMap((engine) => [
    moduleEntry(`a sandbox (${engine})`, (source) => answerOf(WasmSandbox.create({ source, engine }))),
    moduleEntry(`a synchronous sandbox (${engine})`, (source) => {
      const sandbox = SyncSandbox.create({ source, engine });
      return () => {
        const first = sandbox.call('answer');
        sandbox.reset();
        return [first, sandbox.call('answer')];
      };
    }),
  ]),
  moduleEntry('fromBytes', (source) => answerOf(WasmSandbox.fromBytes(source))),
  moduleEntry(
    'a recording sandbox',
    async (source) => {
      const sandbox = await WasmSandbox.create({ source, record: true });
      await sandbox.call('answer');
      return async () => (await replay(await sandbox.recording())).same;
    },
    true,
  ),
  moduleEntry(
    'a builder that is used twice',
    (source) => {
      const builder = WasmSandbox.builder().source(source);
      return async () => [...(await answering(await builder.build())), ...(await answering(await builder.build()))];
    },
    [42, 42, 42, 42],
  ),
  moduleEntry(
    'a sandbox with a cache',
    async (source) => {
      const cache = SandboxCache.inMemory();
      const sandbox = await WasmSandbox.create({ source, cache });
      return async () => [
        ...(await answering(sandbox)),
        ...(await answering(await WasmSandbox.create({ source: GUEST, cache }))),
        cache.getStats().entries,
      ];
    },
    [42, 42, 42, 42, 1],
  ),
  moduleEntry('a pool', async (source) => {
    const pool = await SandboxPool.create({ sandbox: { source }, min: 0, max: 2 });
    return () => pool.use(answering);
  }),
  moduleEntry(
    'instrument()',
    async (source) => {
      const artifact = await instrument(source as never);
      const expected = await instrument(GUEST);
      return () => Buffer.compare(artifact, expected);
    },
    0,
  ),
];

/** Those of the JavaScript API take no shared buffer itself. */
const NAMESPACES: Entry[] = Object.entries(namespaces).flatMap(([engine, WebAssembly]) => {
  const imports = { [WASI]: { path_open: () => 0, fd_write: () => 0, fd_read: () => 0 } };
  const answer = (instance: object) => (instance as { exports: { answer(): number } }).exports.answer();
  const of = (name: string, enter: Entry['enter'], expected: unknown) =>
    moduleEntry(`WebAssembly.${name} (${engine})`, enter, expected);
  const { Module, Instance } = WebAssembly as unknown as typeof globalThis.WebAssembly;
  const { compile, instantiate, validate } = WebAssembly as unknown as typeof globalThis.WebAssembly;
  return [
    of(
      'Module',
      (source) => {
        const module = new Module(source as BufferSource);
        return () => answer(new Instance(module, imports));
      },
      42,
    ),
    of(
      'validate',
      (source) => {
        const isValid = validate(source as BufferSource);
        return () => isValid;
      },
      true,
    ),
    ...(compile === undefined
      ? []
      : [
          of(
            'compile',
            async (source) => {
              const module = await compile(source as BufferSource);
              return () => answer(new Instance(module, imports));
            },
            42,
          ),
          of(
            'instantiate',
            async (source) => {
              const { instance } = await instantiate(source as BufferSource, imports);
              return () => answer(instance);
            },
            42,
          ),
        ]),
  ];
});

const FILE = 'what the file holds';
const CHANGED = `XX${FILE.slice(2)}`;

const FILES: Entry[] = ENGINES.flatMap((engine): Entry[] => [
  {
    name: `a file in memory (${engine})`,
    content: () => new TextEncoder().encode(FILE),
    expected: [0, CHANGED, FILE, FILE],
    enter: (bytes) => {
      const grant = Capability.filesystemAccess({ memory: { 'in.txt': bytes } });
      const make = () => WasmSandbox.create({ source: GUEST, engine, capabilities: [grant] });
      return async () => {
        const sandbox = await make();
        const errno = await sandbox.call('write');
        const changed = sandbox.files().get('/in.txt');
        const shown = text(changed);
        // What is given out is the caller's.
        changed?.fill(0);
        expect(text(sandbox.files().get('/in.txt'))).toBe(shown);
        await sandbox.reset();
        const other = await make();
        return [errno, shown, text(sandbox.files().get('/in.txt')), text(other.files().get('/in.txt'))];
      };
    },
  },
  {
    name: `a file in memory of a pool (${engine})`,
    content: () => new TextEncoder().encode(FILE),
    expected: [0, FILE],
    enter: async (bytes) => {
      const securityPolicy = SecurityPolicy.builder(SecurityPolicy.strict())
        .allow(Capability.filesystemAccess({ memory: { 'in.txt': bytes } }))
        .build();
      const pool = await SandboxPool.create({ sandbox: { source: GUEST, engine, securityPolicy }, min: 1, max: 1 });
      return async () => [
        await pool.use((sandbox) => sandbox.call('write')),
        await pool.use((sandbox) => text(sandbox.files().get('/in.txt'))),
      ];
    },
  },
]);

const INPUT = 'ABCD';
const PAIRS = [0x4241, 0x4443];
const readPairs = async (sandbox: WasmSandbox) => [await sandbox.call('read'), await sandbox.call('read')];
const inputEntry = (name: string, enter: Entry['enter'], expected: unknown = [...PAIRS, ...PAIRS]): Entry => ({
  name: `standard input ${name}`,
  content: () => new TextEncoder().encode(INPUT),
  expected,
  enter,
});

async function readTwice(creating: Promise<WasmSandbox>): Promise<Look> {
  const sandbox = await creating;
  return async () => {
    await sandbox.reset();
    const first = await readPairs(sandbox);
    await sandbox.reset();
    return [...first, ...(await readPairs(sandbox))];
  };
}

const INPUTS: Entry[] = [
  inputEntry('as an option', (stdin) => readTwice(WasmSandbox.create({ source: GUEST, stdin }))),
  inputEntry('of a builder', (stdin) => {
    const builder = WasmSandbox.builder().source(GUEST).stdin(stdin);
    return async () => [...(await readPairs(await builder.build())), ...(await readPairs(await builder.build()))];
  }),
  inputEntry('as a grant', (stdin) => {
    const capabilities = [Capability.stdio({ stdin })];
    const make = () => WasmSandbox.create({ source: GUEST, capabilities });
    return async () => [...(await readPairs(await make())), ...(await readPairs(await make()))];
  }),
  inputEntry('of a pool', async (stdin) => {
    const pool = await SandboxPool.create({ sandbox: { source: GUEST, stdin }, min: 1, max: 1 });
    return async () => [...(await pool.use(readPairs)), ...(await pool.use(readPairs))];
  }),
  inputEntry('of a synchronous sandbox', (stdin) => {
    const sandbox = SyncSandbox.create({ source: GUEST, stdin });
    return () => {
      const first = [sandbox.call('read'), sandbox.call('read')];
      sandbox.reset();
      const again = [...first, sandbox.call('read'), sandbox.call('read')];
      sandbox.reset();
      return again;
    };
  }),
];

async function snapshotOfWork(): Promise<Uint8Array> {
  const sandbox = await WasmSandbox.create({ source: GUEST });
  sandbox.start('work').step(50_000);
  return sandbox.snapshot();
}

async function recordingOfAnswer(): Promise<Uint8Array> {
  const sandbox = await WasmSandbox.create({ source: GUEST, record: true });
  await sandbox.call('answer');
  return sandbox.recording();
}

const SAVED: Entry[] = [
  {
    name: 'a snapshot',
    content: snapshotOfWork,
    expected: 100_000,
    enter: async (bytes) => {
      const sandbox = await WasmSandbox.restore(bytes, { source: GUEST });
      let result: unknown;
      return async () => {
        result ??= await sandbox.execution?.run();
        return result;
      };
    },
  },
  {
    name: 'a recording',
    content: recordingOfAnswer,
    expected: { same: true, calls: 1 },
    enter: async (bytes) => {
      const { same, calls } = await replay(bytes);
      return () => ({ same, calls });
    },
  },
];

const ENTRIES = [...MODULES, ...NAMESPACES, ...FILES, ...INPUTS, ...SAVED];

describe.each(ENTRIES)('$name', ({ content, expected, enter }) => {
  const takes = NAMESPACES.some((entry) => entry.enter === enter)
    ? KINDS_OF_BYTES.filter(({ kind }) => !kind.endsWith(' SharedArrayBuffer'))
    : KINDS_OF_BYTES;

  test.each(takes)('$kind is read, not kept and not changed', async ({ make }) => {
    const bytes = make(await content());
    const before = everythingOf(bytes);
    const look = await enter(bytes);
    expect(await look()).toEqual(expected);
    expect(await look()).toEqual(expected);
    expect(everythingOf(bytes)).toBe(before);
    overwrite(bytes);
    expect(await look()).toEqual(expected);
  });

  test.each(takes)('$kind may change as soon as it was given', async ({ make }) => {
    const bytes = make(await content());
    const entering = enter(bytes);
    overwrite(bytes);
    const look = await entering;
    expect(await look()).toEqual(expected);
    expect(await look()).toEqual(expected);
  });

  test('detached bytes are refused', async () => {
    const buffer = Uint8Array.from(await content()).buffer;
    structuredClone(buffer, { transfer: [buffer] });
    const entering = (async () => enter(buffer))();
    if (takes === KINDS_OF_BYTES) await expect(entering).rejects.toThrow(UsageError);
    else
      await entering.then(
        (look) => expect(look()).toBe(false),
        (error) => expect(error.message).toMatch(/shorter|empty|end/i),
      );
  });

  test.each([
    ['a list', [0, 0x61]],
    ['an object', { length: 8 }],
    ['a number', 8],
  ])('%s is refused', async (_, value) => {
    const error = await (async () => enter(value as never))().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(takes === KINDS_OF_BYTES ? UsageError : TypeError);
  });
});

describe('pieces of standard input', () => {
  test.each(KINDS_OF_BYTES)('$kind may be used again for the next piece', async ({ make }) => {
    const bytes = make(new TextEncoder().encode(INPUT));
    let pieces = 0;
    const stdin = () => {
      if (pieces++ === 1) overwrite(bytes);
      return pieces <= 2 ? bytes : undefined;
    };
    const sandbox = await WasmSandbox.create({ source: GUEST, stdin });
    const first = await sandbox.call('read');
    overwrite(bytes);
    expect([first, await sandbox.call('read')]).toEqual(PAIRS);
    expect(await readPairs(sandbox)).toEqual([0x5858, 0x5858]);
  });
});
