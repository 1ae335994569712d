import { describe, expect, test } from 'vitest';
import {
  Capability,
  SandboxBuilder,
  type SandboxOptions,
  SecurityPolicy,
  UsageError,
  WasmSandbox,
} from '../../src/index.ts';
import { settle } from '../../src/sandbox/options.ts';
import { ADD } from './modules.ts';

const rejected: [name: string, set: (builder: ReturnType<typeof WasmSandbox.builder>) => unknown, message: RegExp][] = [
  ['a source of nothing', (b) => b.source(undefined as never), /source must be a path, a URL, bytes.*not undefined/],
  ['an empty path', (b) => b.source(''), /source must be .* not ""/],
  ['a source that is a number', (b) => b.source(7 as never), /not 7/],
  ['a text that only looks like a URL', (b) => b.source('http://['), /"http:\/\/\[" is not a valid URL/],
  [
    'a policy by name',
    (b) => b.securityPolicy('strict' as never),
    /securityPolicy must be a SecurityPolicy, not "strict"/,
  ],
  [
    'a negative memory limit',
    (b) => b.memoryLimit(-1),
    /memoryLimit must be an integer of at least 0 \(bytes\), not -1/,
  ],
  ['a fraction of a byte', (b) => b.memoryLimit(0.5), /not 0\.5/],
  ['a memory limit as text', (b) => b.memoryLimit('64MiB' as never), /not "64MiB"/],
  [
    'a stack larger than can be had',
    (b) => b.stackLimit(2 ** 40),
    /stackLimit must be an integer of 0 to \d+ \(bytes\)/,
  ],
  ['negative gas', (b) => b.gasLimit(-1n), /gasLimit must be a bigint or a safe integer, at least 0 .*, not -1n/],
  ['gas beyond 63 bits', (b) => b.gasLimit(1n << 63n), /below 2\^63, not 9223372036854775808n/],
  ['gas as an unsafe integer', (b) => b.gasLimit(2 ** 53), /not 9007199254740992/],
  ['huge gas', (b) => b.gasLimit(1n << 100_000n), /not a bigint of more than 128 bits/],
  ['no time at all', (b) => b.cpuTimeout(0), /cpuTimeout must be a finite number of milliseconds above 0, not 0/],
  ['time without end', (b) => b.cpuTimeout(Number.POSITIVE_INFINITY), /not Infinity/],
  ['time that is no number', (b) => b.cpuTimeout(Number.NaN), /not NaN/],
  ['an unknown engine', (b) => b.engine('jit' as never), /engine must be 'interpreter', 'native' or 'auto', not "jit"/],
  ['an empty id', (b) => b.instanceId(''), /instanceId must be a string that is not empty/],
  ['a home-made capability', (b) => b.addCapability({ kind: 'clock', source: 'real' } as never), /capability/],
  ['arguments that are one text', (b) => b.args('a b' as never), /args must be an array, not "a b"/],
  ['an argument that is a number', (b) => b.args(['a', 1] as never), /args\[1\] must be a string, not 1/],
  ['an argument with a NUL', (b) => b.args(['a\0b']), /args\[0\] must be a string without NUL/],
  ['an environment as a list', (b) => b.env(['A=1'] as never), /env must be an object, not an array of 1/],
  ['a variable with = in its name', (b) => b.env({ 'A=B': '1' }), /without =/],
  ['a variable that is a number', (b) => b.env({ A: 1 } as never), /env\["A"\] must be a string, not 1/],
  [
    'input that is a number',
    (b) => b.stdin(5 as never),
    /stdin must be bytes, a string, a function, a stream or an async iterable, not 5/,
  ],
  [
    'a sink that is a text',
    (b) => b.onStdout('x' as never),
    /onStdout must be a function or a WritableStream, not "x"/,
  ],
];

describe('the builder refuses at once', () => {
  test.each(rejected)('%s', (_, set, message) => {
    const builder = WasmSandbox.builder();
    expect(() => set(builder)).toThrow(UsageError);
    expect(() => set(builder)).toThrow(message);
  });

  test('and keeps what it had', async () => {
    const builder = WasmSandbox.builder().source(ADD).gasLimit(500n);
    expect(() => builder.gasLimit(-1n)).toThrow(UsageError);
    expect((await builder.build()).getResourceStats().gasLimit).toBe(500n);
  });
});

describe('options as an object', () => {
  test.each(rejected.slice(0, 4))('%s is refused there too', async (_, set) => {
    let options: Partial<SandboxOptions> = {};
    const recorder = new Proxy({}, { get: (_, name) => (value: unknown) => (options = { [name]: value }) });
    set(recorder as never);
    await expect(WasmSandbox.create(options as SandboxOptions)).rejects.toThrow(UsageError);
  });

  test('no source', async () => {
    await expect(WasmSandbox.builder().build()).rejects.toThrow(/no source was given/);
  });

  test('a misspelt option is named, with the right one', () => {
    const options = { source: ADD, gaslimit: 5 };
    expect(() => settle(options)).toThrow('there is no option "gaslimit"; did you mean "gasLimit"?');
  });

  test.each([
    ['timeout', 'did you mean "cpuTimeout"?'],
    ['gas', 'did you mean "gasLimit" or "gasBudget"?'],
    ['memory', 'did you mean "memoryLimit"?'],
    ['policy', 'did you mean "securityPolicy"?'],
    ['limits', 'did you mean "memoryLimit" or "stackLimit" or "gasLimit" or "moduleLimit"?'],
  ])('%s is what people guess first', (name, answer) => {
    expect(() => settle({ source: ADD, [name]: 5 })).toThrow(`there is no option "${name}"; ${answer}`);
  });

  test('undefined is the same as leaving out', () => {
    const { instanceId: _, ...bare } = settle({ source: ADD });
    expect(settle({ source: ADD, gasLimit: undefined, memoryLimit: undefined, env: undefined })).toMatchObject(bare);
  });

  test('the native engine gives the same result for the same gas', async () => {
    const sandboxes = await Promise.all(
      (['interpreter', 'native', 'auto'] as const).map((engine) => WasmSandbox.fromBytes(ADD, { engine })),
    );
    const results = await Promise.all(sandboxes.map((sandbox) => sandbox.call('add', [5, 3])));
    const stats = sandboxes.map((sandbox) => sandbox.getResourceStats());
    expect(results).toEqual([8, 8, 8]);
    expect(new Set(stats.map(({ gasUsed }) => gasUsed)).size).toBe(1);
    expect(stats.map(({ engine }) => engine)).toEqual(['interpreter', 'native', 'native']);
    expect(stats[2]?.engineReason).toBe('the fastest that this host allows');
  });

  test('auto leaves the native engine alone where that would take seconds to begin', async () => {
    const section = (id: number, content: readonly number[]) => [id, content.length, ...content];
    const unsigned = (value: number) =>
      [0, 7, 14, 21].map((shift) => ((value >> shift) & 127) | (shift < 21 ? 128 : 0));
    /** Five functions, together of so many bytes, which do nothing but the first, which gives 7. */
    const large = (bytes: number) => {
      const body = Math.floor(bytes / 5);
      const head = [
        0,
        97,
        115,
        109,
        1,
        0,
        0,
        0,
        ...section(1, [1, 0x60, 0, 1, 0x7f]),
        ...section(3, [5, 0, 0, 0, 0, 0]),
      ];
      const code = [10, ...unsigned(1 + 5 * (4 + body)), 5];
      const exported = section(7, [1, 1, 102, 0, 0]);
      const source = new Uint8Array(head.length + exported.length + code.length + 5 * (4 + body)).fill(0x01);
      source.set([...head, ...exported, ...code]);
      let at = head.length + exported.length + code.length;
      for (let i = 0; i < 5; i++, at += 4 + body) {
        source.set([...unsigned(body), 0], at);
        source.set([0x41, 7, 0x0b], at + 4 + body - 3);
      }
      return source;
    };
    const sandbox = await WasmSandbox.fromBytes(large(33 << 20), { engine: 'auto' });
    expect(await sandbox.call('f')).toBe(7);
    const { engine, engineReason } = sandbox.getResourceStats();
    expect(engine).toBe('interpreter');
    expect(engineReason).toMatch(/^the native engine would take seconds to make 3460\d+ bytes of code ready/);
    const smaller = await WasmSandbox.fromBytes(large(1 << 20), { engine: 'auto' });
    expect(smaller.getResourceStats()).toMatchObject({
      engine: 'interpreter',
      engineReason: expect.stringContaining('goes native where that pays'),
    });
    const never = await WasmSandbox.fromBytes(large(1 << 20), { engine: 'auto', leavable: false });
    expect(never.getResourceStats().engine).toBe('native');
  });
});

describe('limits', () => {
  const policy = SecurityPolicy.builder().maxGas(1_000n).maxMemory(65_536).maxExecutionTime(50).build();

  test('those of the policy bound those of the sandbox', () => {
    const { limits, cpuTimeout } = settle({
      source: ADD,
      securityPolicy: policy,
      gasLimit: 2_000,
      memoryLimit: 100_000,
      cpuTimeout: 60,
    });
    expect(limits).toMatchObject({ gas: 1_000n, memoryBytes: 65_536 });
    expect(cpuTimeout).toBe(50);
  });

  test('lower ones count', () => {
    const { limits, cpuTimeout } = settle({
      source: ADD,
      securityPolicy: policy,
      gasLimit: 999,
      memoryLimit: 0,
      cpuTimeout: 1,
    });
    expect(limits).toMatchObject({ gas: 999n, memoryBytes: 0 });
    expect(cpuTimeout).toBe(1);
  });
});

describe('what is collected', () => {
  test('by the builder: the last value of an option, and every capability', async () => {
    const clock = Capability.clock();
    const random = Capability.random();
    const collect = new SandboxBuilder(async (options) => options);
    const options = await collect
      .source(ADD)
      .gasLimit(1)
      .gasLimit(2n)
      .addCapability(clock)
      .addCapability(random)
      .build();
    expect(options).toEqual({ source: ADD, gasLimit: 2n, capabilities: [clock, random] });
    expect(Object.isFrozen(options)).toBe(true);
  });

  test("grants of the sandbox come after the policy's", () => {
    const securityPolicy = SecurityPolicy.moderate();
    const { policy } = settle({ source: ADD, securityPolicy, env: { A: '1' }, stdin: 'x' });
    expect(policy.capabilities.map(({ kind }) => kind)).toEqual(['clock', 'random', 'environment', 'stdio']);
    expect(securityPolicy.capabilities).toHaveLength(2);
  });

  test('changing what was passed changes nothing later', () => {
    const args = ['a'];
    const env: Record<string, string> = { A: '1' };
    const { args: kept, policy } = settle({ source: ADD, args, env });
    args.push('b');
    env['A'] = '2';
    expect(kept).toEqual(['a']);
    expect(policy.capabilities[0]).toMatchObject({ values: [['A', '1']] });
  });

  test('ids are unique unless given', () => {
    expect(settle({ source: ADD }).instanceId).not.toBe(settle({ source: ADD }).instanceId);
    expect(settle({ source: ADD, instanceId: 'worker-1' }).instanceId).toBe('worker-1');
  });
});
