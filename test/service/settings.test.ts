/** What a service is made of: JSON, folders, files that change; every complaint names the setting. */

import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SandboxCache, SecurityPolicy } from '../../src/index.node.ts';
import { type Reload, SandboxService } from '../../src/service.node.ts';
import { gate, MATH, until } from './guests.ts';

const constant = (value: number) => `(module (func (export "value") (result i32) i32.const ${value}))`;

test('JSON says all that is no function', async () => {
  const settings = JSON.stringify({
    modules: { hello: 'fixtures/build/hello.wasm', math: { source: MATH, limits: { gas: '1e6', time: '1s' } } },
    policy: { base: 'strict', limits: { executionTime: 500 } },
    limits: { memory: '64MB', stack: '256KiB', gas: 10_000_000 },
    pool: { min: 1, max: 2, acquireTimeout: '2s' },
    cache: { maxBytes: '1MiB' },
    yieldEvery: '5ms',
    env: { NAME: 'value' },
    warm: true,
  });
  await using service = await SandboxService.create(JSON.parse(settings));
  const sandbox = await service.build('math');
  expect(sandbox.getResourceStats()).toMatchObject({ gasLimit: 1_000_000n, memoryLimit: 64 * 2 ** 20 });
  sandbox.dispose();
  expect((await service.run('hello')).stdout).toContain('NAME=value');
  expect(service.metrics().modules['math']?.pool).toMatchObject({ min: 1, max: 2, size: 1 });
});

test.each([
  [{}, 'a service needs the option "modules"'],
  [{ modules: 3 }, 'modules must be an object'],
  [{ modulez: {} }, 'a service has no option "modulez"; did you mean "modules"?'],
  [{ modules: { 'a/b': MATH } }, 'the name of a module must be letters'],
  [{ modules: { '../x': MATH } }, 'the name of a module must be letters'],
  [{ modules: { math: 7 } }, 'modules.math: the source must be'],
  [{ modules: { math: {} } }, 'modules.math needs a source'],
  [{ modules: { math: { source: 7 } } }, 'modules.math.source: the source must be'],
  [{ modules: { math: { source: MATH, limit: {} } } }, 'modules.math has no option "limit"; did you mean "limits"?'],
  [{ modules: { math: { source: MATH, limits: { gas: 'much' } } } }, 'modules.math.limits.gas: gas is a whole number'],
  [{ modules: { math: { source: MATH, pool: { max: 0 } } } }, 'modules.math.pool.max must be an integer of at least 1'],
  [{ modules: { math: { source: MATH, policy: { base: 'x' } } } }, 'modules.math: policy.base: one of strict'],
  [{ limits: { memroy: 1 } }, 'limits has no option "memroy"; did you mean "memory"?'],
  [{ limits: { memory: '64XB' } }, 'limits.memory: a size is a whole number of bytes'],
  [{ limits: { memory: -1 } }, 'limits.memory must be an integer of at least 0'],
  [{ limits: { stack: '2GiB' } }, 'limits.stack: stackLimit must be an integer of 0 to'],
  [{ limits: { time: '2 weeks' } }, 'limits.time: a duration is a number of milliseconds'],
  [{ limits: { time: 0 } }, 'limits.time must be a finite number of milliseconds above 0'],
  [{ limits: { gas: 1.5 } }, 'limits.gas must be'],
  [{ limits: null }, 'the options of limits must be an object'],
  [{ pool: { acquireTimeout: 'soon' } }, 'pool.acquireTimeout: a duration'],
  [{ policy: { capabilities: [{ kind: 'wish' }] } }, 'policy.capabilities[0].kind: one of clock'],
  [{ policy: 'strict' }, 'policy must be an object'],
  [{ engine: 'v8' }, "engine: engine must be 'interpreter'"],
  [{ yieldEvery: '0ms' }, 'yieldEvery: a duration'],
  [{ env: { 'A=B': '1' } }, 'env: the name of a variable in env'],
  [{ warm: 'yes' }, 'warm must be true or false'],
  [{ cache: { folder: 3 } }, 'cache.folder must be a path'],
  [{ cache: { maxBytes: 'all' } }, 'cache.maxBytes: a size'],
  [{ capabilities: [{}] }, 'capabilities: '],
])('%j: %s', async (options, message) => {
  const modules = 'modulez' in options || Object.keys(options).length === 0 ? {} : { modules: { math: MATH } };
  const creating = SandboxService.create({ ...modules, ...options } as never);
  await expect(creating).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining(message) });
});

test('what a module says of itself comes before what all say', async () => {
  const policy = SecurityPolicy.fromJSON({ limits: { gas: 900_000 } });
  const modules = { math: { source: MATH, limits: { gas: 500_000 } }, other: MATH };
  await using service = await SandboxService.create({
    modules,
    policy,
    limits: { gas: 700_000, memory: '1MiB' },
    cache: SandboxCache.inMemory(),
  });
  const [math, other] = await Promise.all([service.build('math'), service.build('other')]);
  expect(math.getResourceStats()).toMatchObject({ gasLimit: 500_000n, memoryLimit: 2 ** 20 });
  expect(other.getResourceStats()).toMatchObject({ gasLimit: 700_000n, memoryLimit: 2 ** 20 });
  math.dispose();
  other.dispose();
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wasm-sandbox-service-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));
const file = (name: string) => join(folder, name);

test('a folder of modules', async () => {
  await writeFile(file('one.wat'), constant(1));
  await writeFile(file('two.wasm'), constant(2));
  await writeFile(file('.hidden.wasm'), 'no module');
  await writeFile(file('README.md'), 'no module');
  for (const modules of [folder, pathToFileURL(folder), `${pathToFileURL(folder)}`]) {
    await using service = await SandboxService.create({ modules });
    expect(service.names).toEqual(['one', 'two']);
    expect(await service.call('two', 'value')).toBe(2);
  }
  await expect(SandboxService.create({ modules: file('none') })).rejects.toThrow(/cannot read the folder .*none/);
  await writeFile(file('one.wasm'), constant(1));
  await expect(SandboxService.create({ modules: folder })).rejects.toThrow('two files');
});

test('what has changed is loaded anew, and what was under way ends as it began', async () => {
  await writeFile(file('one.wat'), constant(1));
  const told: Reload[] = [];
  await using service = await SandboxService.create({ modules: folder, onReload: (reload) => told.push(reload) });
  const { open, opened } = gate();
  const old = service.use('one', async (sandbox) => {
    await opened;
    return sandbox.call('value');
  });
  await until(() => service.health().modules['one']?.leased === 1);
  await service.reload();
  expect(told).toEqual([]);

  await writeFile(file('one.wat'), constant(2));
  await writeFile(file('more.wat'), constant(3));
  await service.reload();
  expect(told).toEqual(expect.arrayContaining([{ module: 'one' }, { module: 'more' }]));
  expect(await service.call('one', 'value')).toBe(2);
  expect(await service.call('more', 'value')).toBe(3);
  open();
  expect(await old).toBe(1);

  await writeFile(file('one.wat'), '(module (fun');
  await rm(file('more.wat'));
  await service.reload();
  expect(told.at(-1)).toMatchObject({ module: 'one', error: { code: 'COMPILE' } });
  expect(service.health()).toMatchObject({
    status: 'degraded',
    modules: { one: { status: 'degraded', error: 'COMPILE' } },
  });
  expect(await service.call('one', 'value')).toBe(2);
  await expect(service.call('more', 'value')).rejects.toMatchObject({ problem: 'unknown-module' });

  await writeFile(file('one.wat'), constant(4));
  await service.reload();
  expect(await service.call('one', 'value')).toBe(4);
  expect(service.health().status).toBe('ok');
});

test('files that are watched', async () => {
  await writeFile(file('one.wat'), constant(1));
  await writeFile(file('beside.wat'), constant(1));
  for (const modules of [folder, { one: file('one.wat'), bytes: MATH }]) {
    let changed = gate<Reload>();
    await using service = await SandboxService.create({
      modules,
      watch: true,
      onReload: (reload) => changed.open(reload),
    });
    for (const value of [7, 8]) {
      changed = gate();
      // As editors and compilers do: another file in its place.
      await writeFile(file('new'), constant(value));
      await rename(file('new'), file('one.wat'));
      expect(await changed.opened).toEqual({ module: 'one' });
      expect(await service.call('one', 'value')).toBe(value);
    }
    await writeFile(file('one.wat'), constant(1));
    await service.reload();
  }
});

test('added and removed by hand', async () => {
  await using service = await SandboxService.create({ modules: {} });
  expect(await service.add('late', constant(5)).call('value')).toBe(5);
  expect(() => service.add('late', MATH)).toThrow('already');
  expect(() => service.add('../late', MATH)).toThrow('the name of a module');
  expect(await service.remove('late')).toBe(true);
  expect(await service.remove('late')).toBe(false);
  await expect(service.call('late', 'value')).rejects.toMatchObject({ problem: 'unknown-module' });
});
