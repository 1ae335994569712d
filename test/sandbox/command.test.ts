import { describe, expect, test } from 'vitest';
import { loadFixture, manifest } from '../../fixtures/load.node.ts';
import { GuestExit, HostError, type SandboxOptions, SecurityPolicy, Trap, WasmSandbox } from '../../src/index.ts';
import { WasmSandbox as SyncSandbox } from '../../src/sync.ts';
import { ADD, assemble, I32 } from './modules.ts';

const EXIT = ['wasi_snapshot_preview1', 'proc_exit', [[I32], []]] as const;
const HELLO = loadFixture('hello');

/** A command that exits with the given status. */
function exits(status: number, name = '_start'): Uint8Array<ArrayBuffer> {
  return assemble({
    imports: [EXIT],
    memory: 1,
    functions: [{ name, type: [[], []], code: [0x41, status, 0x10, 0] }],
  });
}

/** Writes the text at the start of its memory, `length` bytes, to a stream, and then traps. */
function writesAndTraps(length: number): Uint8Array<ArrayBuffer> {
  const store = (at: number, value: number) => [0x41, at, 0x41, value, 0x36, 2, 0];
  return assemble({
    imports: [['wasi_snapshot_preview1', 'fd_write', [[I32, I32, I32, I32], [I32]]]],
    memory: 1,
    functions: [
      {
        name: '_start',
        type: [[], []],
        // An iovec at 8 that names `length` bytes at 32, filled with "!".
        code: [
          ...[0x41, 32, 0x41, 33, 0x41, length, 0xfc, 11, 0],
          ...[...store(8, 32), ...store(12, length)],
          ...[0x41, 1, 0x41, 8, 0x41, 1, 0x41, 16, 0x10, 0, 0x1a, 0x00],
        ],
      },
    ],
  });
}

describe('the commands among the fixtures', () => {
  test.each(manifest.filter((fixture) => fixture.kind === 'wasi'))(
    '$name',
    async ({ name, args, env, stdin, expect: expected }) => {
      const sandbox = await WasmSandbox.fromBytes(loadFixture(name), {
        args: [name, ...args],
        env: env ?? {},
        stdin: stdin ?? '',
      });
      const { exitCode, stdout, stderr } = await sandbox.run();
      expect({ exitCode, stdout, stderr }).toEqual({ stderr: '', ...expected });
      // Nobody may change it without meaning to.
      expect(sandbox.getResourceStats().gasUsed).toMatchSnapshot('gas');
    },
  );
});

describe('run', () => {
  test.each([0, 1, 42])('gives the status %s of proc_exit', async (status) => {
    const sandbox = await WasmSandbox.fromBytes(exits(status));
    expect((await sandbox.run()).exitCode).toBe(status);
  });

  test('gives 0 when the program returns', async () => {
    const sandbox = await WasmSandbox.fromBytes(
      assemble({ functions: [{ name: '_start', type: [[], []], code: [] }] }),
    );
    expect(await sandbox.run()).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
  });

  test('runs once; after a reset once more, to the same end', async () => {
    const sandbox = await WasmSandbox.fromBytes(HELLO, { args: ['hello', 'x'], env: {}, stdin: 'abc' });
    const first = await sandbox.run();
    const { gasUsed } = sandbox.getResourceStats();
    await expect(sandbox.run()).rejects.toThrow(/has run: call reset\(\)/);
    await sandbox.reset();
    expect(await sandbox.run()).toEqual(first);
    expect(first.stdout).toContain('3 bytes of input');
    expect(sandbox.getResourceStats().gasUsed).toBe(gasUsed);
  });

  test('refuses what is no command', async () => {
    const sandbox = await WasmSandbox.fromBytes(ADD);
    await expect(sandbox.run()).rejects.toThrow('the module exports no function "_start", so it is no WASI command');
  });

  test('a failed program leaves what it wrote', async () => {
    const sandbox = await WasmSandbox.fromBytes(writesAndTraps(5));
    await expect(sandbox.run()).rejects.toBeInstanceOf(Trap);
    expect(sandbox.output()).toMatchObject({ stdout: '!!!!!', stderr: '' });
    expect(sandbox.output().stdoutBytes).toEqual(new Uint8Array(5).fill(33));
  });
});

describe.each([3, 0])('a program that ends with %i', (status) => {
  test('says so alike, however it is run, and once', async () => {
    const run = await WasmSandbox.fromBytes(exits(status));
    expect(await run.run()).toMatchObject({ exitCode: status });
    const call = await WasmSandbox.fromBytes(exits(status));
    expect(await call.call('_start')).toBe(status);
    const start = await WasmSandbox.fromBytes(exits(status));
    expect(await start.start('_start').run()).toBe(status);
    const batch = await WasmSandbox.fromBytes(exits(status));
    expect(await batch.callBatch([{ name: '_start' }])).toMatchObject([{ ok: true, value: status }]);
    const sync = SyncSandbox.fromBytes(exits(status));
    expect(sync.call('_start')).toBe(status);
    for (const sandbox of [run, call, start, batch]) {
      await expect(sandbox.call('_start')).rejects.toThrow('the program has run');
      await expect(sandbox.run()).rejects.toThrow('the program has run');
    }
    expect(() => sync.run()).toThrow('the program has run');
  });

  test('has not run where it was called wrongly', async () => {
    const sandbox = await WasmSandbox.fromBytes(exits(status));
    await expect(sandbox.call('_start', [1])).rejects.toThrow('takes no arguments');
    expect(await sandbox.call('_start')).toBe(status);
  });
});

describe('an exit where none is expected', () => {
  test('call of another function fails with the status as the cause', async () => {
    const sandbox = await WasmSandbox.fromBytes(exits(3, 'stop'));
    const error = await sandbox.call('stop').catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(HostError);
    expect(error).toMatchObject({ cause: new GuestExit(3) });
    expect((error as HostError).message).toContain('ended its program with status 3 in "stop"');
    expect((error as HostError).resources?.gasUsed).toBeGreaterThan(0n);
  });

  test('so does a build whose start function exits', async () => {
    const module = assemble({
      imports: [EXIT],
      memory: 1,
      functions: [{ type: [[], []], code: [0x41, 4, 0x10, 0] }],
      start: 1,
    });
    await expect(WasmSandbox.fromBytes(module)).rejects.toThrow(/status 4 in its start/);
  });
});

describe('streams', () => {
  async function hello(options: Omit<SandboxOptions, 'source'>): Promise<string> {
    const sandbox = await WasmSandbox.fromBytes(HELLO, { args: ['hello'], env: {}, ...options });
    return (await sandbox.run()).stdout;
  }

  test('input from bytes, text, and a function asked piece by piece', async () => {
    const pieces = [Uint8Array.of(1, 2, 3), Uint8Array.of(4)];
    expect(await hello({ stdin: Uint8Array.of(1, 2) })).toContain('2 bytes of input');
    expect(await hello({ stdin: 'ä' })).toContain('2 bytes of input');
    expect(await hello({ stdin: () => pieces.shift() })).toContain('4 bytes of input');
    expect(await hello({ stdin: async () => undefined })).toContain('0 bytes of input');
    expect(await hello({})).toContain('0 bytes of input');
  });

  test('callbacks take the output instead', async () => {
    const written = { stdout: '', stderr: '' };
    const sandbox = await WasmSandbox.fromBytes(HELLO, {
      args: ['hello'],
      env: {},
      onStdout: (bytes) => void (written.stdout += new TextDecoder().decode(bytes)),
      onStderr: async (bytes) => void (written.stderr += new TextDecoder().decode(bytes)),
    });
    expect(await sandbox.run()).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
    expect(written).toEqual({
      stdout: '0 arguments\nenvironment\n0 bytes of input\n',
      stderr: 'hello, standard error\n',
    });
  });

  test('a callback that throws ends the program', async () => {
    const cause = new Error('disk full');
    const onStdout = () => {
      throw cause;
    };
    const sandbox = await WasmSandbox.fromBytes(writesAndTraps(1), { onStdout });
    await expect(sandbox.run()).rejects.toMatchObject({ code: 'HOST', cause });
  });

  test("output beyond the policy's limit is refused", async () => {
    const securityPolicy = SecurityPolicy.builder().maxOutput(10).onViolation('trap').build();
    const sandbox = await WasmSandbox.fromBytes(writesAndTraps(11), { securityPolicy });
    await expect(sandbox.run()).rejects.toThrow(/^Output limit exceeded/);
  });
});

describe('the environment', () => {
  test('is empty unless given', async () => {
    const sandbox = await WasmSandbox.fromBytes(HELLO, { args: ['hello'] });
    expect((await sandbox.run()).stdout).toBe('0 arguments\nenvironment\n0 bytes of input\n');
  });

  test("has the host's variables where the policy grants them by name", async () => {
    process.env['WASM_SANDBOX_TEST'] = 'seen';
    const securityPolicy = SecurityPolicy.builder()
      .allowEnvironmentAccess(['WASM_SANDBOX_TEST', 'NO_SUCH_VARIABLE'])
      .build();
    const sandbox = await WasmSandbox.fromBytes(HELLO, { args: ['hello'], securityPolicy, env: { OWN: '1' } });
    expect((await sandbox.run()).stdout).toContain('environment\n  WASM_SANDBOX_TEST=seen\n  OWN=1\n0 bytes');
  });

  test('audit events are there where the policy asks for them', async () => {
    const securityPolicy = SecurityPolicy.builder().enableAuditLogging().build();
    const sandbox = await WasmSandbox.fromBytes(exits(0), { securityPolicy });
    await sandbox.run();
    expect(sandbox.auditEvents().map((event) => event.function)).toEqual(['wasi_snapshot_preview1.proc_exit']);
  });
});
