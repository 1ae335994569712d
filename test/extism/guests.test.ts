/** Five functions, the same in every language that docs/guests.md shows. */

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { ScriptError, Scripts } from '../../examples/untrusted-javascript/scripts.ts';
import { loadFixture } from '../../fixtures/load.node.ts';
import { Plugin, PluginError } from '../../src/extism.node.ts';
import { MiB } from '../../src/index.node.ts';
import { assertProperty } from '../property/runner.ts';
import { CASES, INPUTS } from './guest-cases.ts';
import { ENGINES } from './plugins.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

interface Guest {
  /** The output, or why the function says that it failed. @throws for any other end */
  call(name: string, input: Uint8Array): Promise<Uint8Array | string>;
  /** Units used so far. */
  gas(): bigint;
}

type Make = (engine: (typeof ENGINES)[number]) => Promise<Guest>;

const plugin =
  (wasm: Uint8Array): Make =>
  async (engine) => {
    const plugin = await Plugin.create(wasm, { engine });
    return {
      call: (name, input) =>
        plugin.call(name, input, { as: 'bytes' }).catch((error: unknown) => {
          if (!(error instanceof PluginError) || error.function !== name || error.status !== 1) throw error;
          return error.reason ?? '';
        }),
      gas: () => plugin.sandbox.getResourceStats().gasUsed,
    };
  };

const QUICKJS = readFileSync(createRequire(import.meta.url).resolve('quickjs-wasi/quickjs.wasm'));
const SCRIPTS = ['docs/guest/wasm_sandbox.js', 'fixtures/src/guest.js'].map(read);

const javaScript: Make = async (engine) => {
  const scripts = await Scripts.create(QUICKJS, {}, { engine });
  for (const script of SCRIPTS) await scripts.run(script);
  return {
    call: (name, input) =>
      scripts.run(`Array.from(${name}(Uint8Array.of(${input.join()})))`).then(
        (output) => Uint8Array.from(output as number[]),
        (error: unknown) => {
          if (!(error instanceof ScriptError)) throw error;
          return error.message.replace(/^Error: /, '');
        },
      ),
    gas: () => scripts.gasUsed,
  };
};

const PLUGINS = ['guest-c', 'guest-cpp', 'guest-portable', 'guest-assemblyscript', 'guest-rust'] as const;

const GUESTS: Readonly<Record<string, Make>> = {
  ...Object.fromEntries(PLUGINS.map((name) => [name, plugin(loadFixture(name))])),
  'guest.js': javaScript,
};

test.each(Object.keys(GUESTS))(
  '%s does what is asked, or says why not, for the same gas on both engines',
  async (name) => {
    const gas = [];
    for (const engine of ENGINES) {
      const guest = await (GUESTS[name] as (typeof GUESTS)[string])(engine);
      const used: Record<string, bigint> = {};
      for (const [i, [name, what, input, expected]] of CASES.entries()) {
        const before = guest.gas();
        const where = `${name}, ${what}, on the ${engine} engine`;
        expect(await guest.call(name, input), where).toEqual(expected);
        used[`${i}: ${name}, ${what}`] = guest.gas() - before;
      }
      gas.push(used);
    }
    expect(gas[1]).toEqual(gas[0]);
  },
);

test.each(Object.entries(INPUTS))(
  '%s gives the same in every language, whatever it is given',
  async (name, arbitrary) => {
    const guests = new Map<string, Guest>();
    for (const [language, make] of Object.entries(GUESTS)) guests.set(language, await make('native'));
    await assertProperty({
      name: `guests: ${name}`,
      runs: 100,
      arbitrary,
      check: async (input) => {
        const given: Record<string, Uint8Array | string> = {};
        for (const [language, guest] of guests) given[language] = await guest.call(name, input);
        expect(given).toEqual(Object.fromEntries([...guests.keys()].map((language) => [language, given['guest-c']])));
      },
      keep: (input) => Buffer.from(input).toString('hex'),
    });
  },
);

describe.each(PLUGINS)('%s', (name) => {
  test('fails with a PluginError', async () => {
    const plugin = await Plugin.create(loadFixture(name));
    await expect(plugin.call('fail')).rejects.toMatchObject({
      name: 'PluginError',
      message: 'plug-in function "fail" failed with status 1: no luck today, señor 🦜',
      function: 'fail',
      status: 1,
      reason: 'no luck today, señor 🦜',
    });
  });

  test('takes and gives much more text than it has characters', async () => {
    const plugin = await Plugin.create(loadFixture(name), { engine: 'native' });
    const names = 'Zoë 🦜 '.repeat(50_000);
    expect(await plugin.call('greet', names, { as: 'text' })).toBe(`Hello, ${names}!`);
  });

  test('imports what its hosts have', () => {
    const modules = WebAssembly.Module.imports(new WebAssembly.Module(loadFixture(name))).map(({ module }) => module);
    const ours = name === 'guest-portable' ? [] : ['wasm_sandbox_plugin'];
    expect([...new Set(modules)].sort()).toEqual(['extism:host/env', ...ours]);
  });
});

test.each(['guest-c', 'guest-portable'])('%s says what it has no room for', async (name) => {
  const plugin = await Plugin.create(loadFixture(name), { engine: 'native', memoryLimit: 86 * 65_536 });
  const long = 'x'.repeat(MiB - 8);
  expect(await plugin.call('greet', long, { as: 'text' })).toBe(`Hello, ${long}!`);
  await expect(plugin.call('greet', 'x'.repeat(MiB + 1))).rejects.toMatchObject({ reason: 'the input is too long' });
  const rows = `name,price,quantity\n${'a,999,999\n'.repeat(100_000)}`;
  await expect(plugin.call('process', rows)).rejects.toMatchObject({ reason: 'the output has no room' });
  expect(await plugin.call('greet', 'you', { as: 'text' })).toBe('Hello, you!');
});

test('what the guest in AssemblyScript is built from does the same, compiled now', async () => {
  let compiled: Uint8Array;
  const folder = mkdtempSync(join(tmpdir(), 'guests-'));
  const output = join(folder, 'guest.wasm');
  // In a process of its own: the compiler makes hundreds of globals.
  const options = ['--enable-source-maps', 'node_modules/assemblyscript/bin/asc.js'];
  const args = [...options, 'fixtures/src/guest.ts', '--use', 'abort=', '-o', output];
  try {
    await promisify(execFile)(process.execPath, args, { cwd: ROOT });
    compiled = new Uint8Array(readFileSync(output));
  } finally {
    rmSync(folder, { recursive: true });
  }
  const guest = await plugin(compiled)('native');
  for (const [name, what, input, expected] of CASES) {
    expect(await guest.call(name, input), `${name}, ${what}`).toEqual(expected);
  }
});

test('docs/guests.md shows what is called here', () => {
  const sources = ['guest.c', 'guest.ts', 'guest.rs', 'guest.js'].map((name) => read(`fixtures/src/${name}`));
  const shown = [...read('docs/guests.md').matchAll(/^```(?:c|typescript|rust|js)\n(.*?)^```/gms)];
  expect(shown.map(([, code = ''], i) => sources[i]?.includes(code))).toEqual([true, true, true, true]);
});
