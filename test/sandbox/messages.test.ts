/** Names that guests and callers choose, in messages: nothing in them shows otherwise than it is. */

import { describe, expect, test } from 'vitest';
import {
  auditLine,
  Capability,
  replay,
  SandboxCache,
  SandboxPool,
  SecurityPolicy,
  WasmSandbox,
} from '../../src/index.ts';
import { WasmSandbox as SyncSandbox } from '../../src/sync.ts';
import { createWebAssembly } from '../../src/webassembly.ts';
import { describe as described, messageOf, quote } from '../../wasm/quote.ts';
import { I32, I64 } from '../../wasm/types.ts';
import { encodeModule, type ModuleDescription } from '../generate/encode.ts';

const ENGINES = ['interpreter', 'native'] as const;

/** One of each kind: controls of both ranges, marks that reorder, hide or join, ends of lines, halves of characters. */
const CHARACTERS: Record<string, string> = {
  'a line feed': '\n',
  'an escape': '\x1b',
  'a delete': '\x7f',
  'U+0080': '\x80',
  'a next line': '\x85',
  'a control sequence introducer': '\x9b',
  'U+009F': '\x9f',
  'a soft hyphen': '\xad',
  'an Arabic letter mark': '\u061c',
  'a space of no width': '\u200b',
  'a joiner': '\u200d',
  'a left-to-right mark': '\u200e',
  'a line separator': '\u2028',
  'a paragraph separator': '\u2029',
  'a right-to-left override': '\u202e',
  'an isolate': '\u2066',
  'a byte order mark': '\ufeff',
  'a language tag': '\u{e0001}',
  'a musical control': '\u{1d173}',
};

const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

async function messageFrom(act: () => unknown): Promise<string> {
  const error: unknown = await (async () => act())().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Error);
  return (error as Error).message;
}

const constant = (value: number) => ['i32.const', value] as const;

/** Whatever puts a text of somebody's choice into an error. */
function attempts(text: string): Record<string, () => unknown> {
  const create = (description: ModuleDescription, engine: (typeof ENGINES)[number], h?: () => unknown) => {
    const capabilities = h === undefined ? [] : [Capability.hostFunctions(text, { [text]: h as never })];
    return WasmSandbox.create({ source: encodeModule(description), engine, capabilities });
  };
  const imported = (results: (typeof I32 | typeof I64)[], more: ModuleDescription = {}): ModuleDescription => ({
    imports: [{ module: text, name: text, function: { params: [], results } }],
    ...more,
  });
  const calling = imported([I64], { functions: [{ results: [I64], body: [['call', 0]], export: text }] });
  const found: Record<string, () => unknown> = {
    'an option': () => WasmSandbox.create({ [text]: 1 } as never),
    'a source': () => WasmSandbox.fromFile(`/none/${text}`),
    'a source of a URL': () => WasmSandbox.fromUrl(`http://${text}\0`),
    'an engine': () => WasmSandbox.create({ source: encodeModule({}), engine: text as never }),
    'a limit': () => WasmSandbox.create({ source: encodeModule({}), memoryLimit: text as never }),
    'a variable': () => WasmSandbox.create({ source: encodeModule({}), env: { [text]: '\0' } }),
    'a variable of no name': () => WasmSandbox.create({ source: encodeModule({}), env: { [`${text}=`]: '' } }),
    'an option of a call': async () => (await create({}, 'interpreter')).call(text, [], { [text]: 1 } as never),
    'an option of a grant': () => Capability.networkAccess([], { [text]: 1 } as never),
    'a granted variable': () => Capability.environmentAccess({ [text]: '\0' }),
    'a granted variable of no name': () => Capability.environmentAccess([`${text}=`]),
    'a host': () => Capability.networkAccess([`${text}/`]),
    'a method': () => Capability.networkAccess([], { allowedMethods: [`${text} `] }),
    'a file in memory': () => Capability.filesystemAccess({ memory: { [text]: 1 as never } }),
    'a folder in memory': () => Capability.filesystemAccess({ memory: { [`${text}/`]: 'x' } }),
    'a guest path': () => Capability.filesystemAccess({ memory: {}, guest: `../${text}` }),
    'a host function': () => Capability.hostFunctions('m', { [text]: { call: 1 } as never }),
    'a type': () => Capability.hostFunctions('m', { f: { params: [text as never], call: () => 1 } }),
    'a key of a policy': () => SecurityPolicy.fromJSON({ [text]: 1 } as never),
    'a value of a policy': () => SecurityPolicy.fromJSON({ base: text } as never),
    'a policy that is no JSON': () => SecurityPolicy.fromJSON(`{"${text}`),
    'a capability of a policy': () => SecurityPolicy.fromJSON({ capabilities: [{ kind: text }] } as never),
    'a file of a policy': () =>
      SecurityPolicy.fromJSON({
        capabilities: [{ kind: 'filesystem', mounts: [{ memory: { [text]: 1 } }] }],
      } as never),
    'a folder of a cache': () => SandboxCache.onDisk(`/dev/null/${text}`),
    'an option of a cache': () => SandboxCache.inMemory({ [text]: 1 } as never),
    'an option of a pool': () => SandboxPool.create({ sandbox: { source: encodeModule({}) }, [text]: 1 } as never),
    'an option of a replay': () => replay(new Uint8Array(60), { [text]: 1 } as never),
    'a namespace': () => createWebAssembly({ engine: text as never }),
  };
  for (const engine of ENGINES) {
    const on = (what: string, act: () => unknown) => {
      found[`${what} (${engine})`] = act;
    };
    on('a missing import', () => create(imported([I32]), engine));
    on('an import of another kind', () =>
      create({ imports: [{ module: text, name: text, memory: { min: 1 } }] }, engine),
    );
    on('a missing import, synchronously', () => SyncSandbox.create({ source: encodeModule(imported([I32])), engine }));
    on('an unknown export', async () => (await create({}, engine)).call(text));
    on('an export of another kind', async () => {
      return (await create({ memories: [{ min: 1, export: text }] }, engine)).call(text);
    });
    on('arguments too many', async () =>
      (await create({ functions: [{ body: [], export: text }] }, engine)).call(text, [1]),
    );
    on('an argument', async () => {
      return (await create({ functions: [{ params: [I32], body: [], export: text }] }, engine)).call(text, [text]);
    });
    on('a trap', async () =>
      (await create({ functions: [{ body: ['unreachable'], export: text }] }, engine)).call(text),
    );
    on('a failure of the host', async () => {
      const fail = () => {
        throw new Error(`what ${text} says`);
      };
      return (await create(calling, engine, fail)).call(text);
    });
    on('a failure that is no error', async () => {
      const fail = () => {
        throw text;
      };
      return (await create(calling, engine, fail)).call(text);
    });
    on('a result of the host', async () => (await create(calling, engine, () => text)).call(text));
    on('a segment', () =>
      create({ memories: [{ min: 0 }], data: [{ offset: [constant(1)], bytes: [1] }], exports: [] }, engine),
    );
    const namespace = async (description: ModuleDescription, imports: object) => {
      const { Module, Instance } = (await createWebAssembly({ engine })) as unknown as typeof WebAssembly;
      return new Instance(new Module(encodeModule(description) as BufferSource), imports as WebAssembly.Imports);
    };
    on('a module that is not given', () => namespace(imported([]), {}));
    on('a function that is not given', () => namespace(imported([]), { [text]: {} }));
    on('a memory that is none', () =>
      namespace({ imports: [{ module: text, name: text, memory: { min: 1 } }] }, { [text]: { [text]: 1 } }),
    );
    on('a global that is none', () =>
      namespace({ imports: [{ module: text, name: text, global: { type: I32 } }] }, { [text]: { [text]: 'x' } }),
    );
    on('a global that is mutable', () =>
      namespace(
        { imports: [{ module: text, name: text, global: { type: I32, mutable: true } }] },
        { [text]: { [text]: 1 } },
      ),
    );
    on('a table that is too small', async () => {
      const { Module, Instance, Table } = (await createWebAssembly({ engine })) as unknown as typeof WebAssembly;
      const t = new Table({ element: 'anyfunc', initial: 1 });
      const bytes = encodeModule({ imports: [{ module: text, name: text, table: { min: 2 } }] });
      return new Instance(new Module(bytes as BufferSource), { [text]: { [text]: t } });
    });
    on('a type of a global', async () => {
      const { Global } = (await createWebAssembly({ engine })) as unknown as typeof WebAssembly;
      return new Global({ value: text as never });
    });
  }
  return found;
}

describe.each(Object.keys(attempts('x')).filter((name) => !name.startsWith('a segment')))('%s', (name) => {
  test.each(Object.entries(CHARACTERS))('with %s', async (_, character) => {
    const act = attempts(`a${character}b`)[name] as () => unknown;
    expect(await messageFrom(act)).not.toMatch(UNPRINTABLE);
  });

  test('with half a character', async () => {
    // A guest's names are UTF-8, and have none.
    const act = attempts('a\ud83d')[name] as () => unknown;
    expect(await messageFrom(act)).not.toMatch(UNPRINTABLE);
  });

  test('of great length', async () => {
    const act = attempts('long'.repeat(20_000))[name] as () => unknown;
    expect((await messageFrom(act)).length).toBeLessThan(3_000);
  });
});

test.each(Object.entries(CHARACTERS))('a line of the audit with %s is JSON, and shows it', (_, character) => {
  const event = {
    sequence: 0,
    function: `env.${character}`,
    request: { kind: 'filesystem', path: `/${character}` },
    allowed: true,
    rule: 'default',
    reason: '',
    gasUsed: 1n,
  } as const;
  const line = auditLine(event);
  expect(line).not.toMatch(UNPRINTABLE);
  expect(JSON.parse(line)).toEqual({ ...event, gasUsed: '1' });
});

describe('what is shown of a value', () => {
  test('never fails', () => {
    const refusing = new Proxy(
      {},
      {
        get() {
          throw new Error('no');
        },
        getPrototypeOf() {
          throw new Error('no');
        },
      },
    );
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    for (const value of [
      refusing,
      proxy,
      Object.create(null),
      Symbol('\x9b'),
      { toString: null },
      10n ** 40n,
      () => 1,
    ]) {
      expect(described(value)).not.toMatch(UNPRINTABLE);
      expect(messageOf(value)).not.toMatch(UNPRINTABLE);
    }
  });

  test('names a class by no more than its name', () => {
    const fake = { constructor: Object.defineProperty(() => undefined, 'name', { value: '\x9bm'.repeat(200) }) };
    expect(described(fake)).not.toMatch(UNPRINTABLE);
    expect(described(fake).length).toBeLessThan(500);
    const odd = { constructor: Object.defineProperty(() => undefined, 'name', { value: 5 }) };
    expect(described(odd)).toBe('an object');
  });

  test('cuts text between characters', () => {
    expect(quote('😀'.repeat(40))).not.toContain('\\ud83d');
    expect(quote(`${'a'.repeat(59)}😀`)).not.toContain('\\ud83d');
  });
});
