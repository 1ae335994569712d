import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ClosedOutput } from '../../src/cli/io/io.ts';
import { main } from '../../src/cli/program.ts';
import { assemble, F32, F64, I32, I64, identity } from '../sandbox/modules.ts';
import { fixture, run, SILENT } from './harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'wasm-sandbox-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const FD_WRITE = ['wasi_snapshot_preview1', 'fd_write', [[I32, I32, I32, I32], [I32]]] as const;
const PROC_EXIT = ['wasi_snapshot_preview1', 'proc_exit', [[I32], []]] as const;

/** A command that writes one byte to a stream, and then does `after`. Import 1 is proc_exit. */
function writer(byte: number, after: readonly number[] = []): Uint8Array {
  const store = (at: number, value: readonly number[]) => [0x41, at, 0x41, ...value, 0x36, 2, 0];
  return assemble({
    imports: [FD_WRITE, PROC_EXIT],
    memory: 1,
    functions: [
      {
        name: '_start',
        type: [[], []],
        code: [
          ...[...store(8, [32]), ...store(12, [1])],
          ...[0x41, 32, 0x41, (byte & 0x7f) | 0x80, byte >> 7, 0x3a, 0, 0],
          ...[0x41, 1, 0x41, 8, 0x41, 1, 0x41, 16, 0x10, 0, 0x1a],
          ...after,
        ],
      },
    ],
  });
}

const ALL_BYTES = file('byte.wasm', writer(0xff));

describe('a WASI command', () => {
  test('gets arguments, environment and input; its output and status come out', async () => {
    const args = ['run', '--env', 'LANG=C', '--env', 'EXIT_STATUS=7', fixture('hello'), 'one', '--gas', '--', '-x'];
    const { status, stdout, stderr } = await run(args, 'some input');
    expect(stdout).toBe(
      '4 arguments\n  one\n  --gas\n  --\n  -x\nenvironment\n  LANG=C\n  EXIT_STATUS=7\n10 bytes of input\n',
    );
    expect(stderr).toBe('hello, standard error\n');
    expect(status).toBe(7);
  });

  test('writes bytes as they are', async () => {
    expect((await run(['run', ALL_BYTES])).stdoutBytes).toEqual(Uint8Array.of(0xff));
  });

  test.each([
    [[0x41, 42], 42],
    [[0x41, 0x80, 2], 0],
    [[0x41, 0x7f], 255],
  ])('status %s modulo 256', async (constant, expected) => {
    const path = file('exit.wasm', writer(33, [...constant, 0x10, 1]));
    expect(await run(['run', path])).toMatchObject({ status: expected, stdout: '!', stderr: '' });
  });

  test('is the same at every run under --strict', async () => {
    const once = await run(['run', '--strict', '--json', fixture('hello'), 'a']);
    const again = await run(['run', '--strict', '--json', fixture('hello'), 'a']);
    const { stats, ...rest } = JSON.parse(once.stdout);
    const { stats: others, ...others2 } = JSON.parse(again.stdout);
    expect(rest).toEqual(others2);
    expect(stats.gasUsed).toBe(others.gasUsed);
  });

  test('ends quietly when nobody reads its output', async () => {
    let errors = '';
    const status = await main(['run', fixture('primes')], {
      ...SILENT,
      stdout: () => {
        throw new ClosedOutput('closed');
      },
      stderr: (bytes) => void (errors += new TextDecoder().decode(bytes)),
    });
    expect({ status, errors }).toEqual({ status: 141, errors: '' });
  });

  test('asks for input only when it reads', async () => {
    let asked = 0;
    const stdin = () => {
      asked++;
      return new Uint8Array(0);
    };
    await main(['run', fixture('primes'), '10'], { ...SILENT, stdin });
    expect(asked).toBe(0);
    await main(['run', fixture('hello')], { ...SILENT, stdin });
    expect(asked).toBeGreaterThan(0);
  });
});

describe('--invoke', () => {
  test('prints the results, one on a line', async () => {
    const path = file(
      'two.wasm',
      assemble({
        functions: [
          {
            name: 'two',
            type: [
              [I32, I64],
              [I64, I32],
            ],
            code: [0x20, 1, 0x20, 0],
          },
          { name: 'none', type: [[], []], code: [] },
        ],
      }),
    );
    expect(await run(['run', '--invoke', 'two', path, '-5', '0x10'])).toMatchObject({ status: 0, stdout: '16\n-5\n' });
    expect(await run(['run', '--invoke', 'none', path])).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });

  test.each([
    [I32, '4294967295', '-1'],
    [I32, '-0x80000000', '-2147483648'],
    [I64, '-9223372036854775808', '-9223372036854775808'],
    [I64, '0xFFFF_FFFF_FFFF_FFFF', '-1'],
    [F32, '0.1', '0.1'],
    [F32, '1e10', '10000000000'],
    [F32, '16777217', '16777216'],
    [F32, '3.4028235e38', '3.4028235e+38'],
    [F64, '0.1', '0.1'],
    [F64, '-0', '-0'],
    [F64, 'nan', 'nan'],
    [F64, '-inf', '-inf'],
    [F64, '0x1.8p3', '12'],
    [F64, '-0x1p-2', '-0.25'],
    [F64, '.5', '0.5'],
  ] as const)('type 0x%x: %s', async (type, given, printed) => {
    const path = file('identity.wasm', identity(type));
    expect(await run(['run', '--invoke', 'identity', path, given])).toMatchObject({
      status: 0,
      stdout: `${printed}\n`,
    });
  });

  test.each([
    [I32, '4294967296', 'an integer of 32 bits', 'i32'],
    [I32, '1.5', 'an integer of 32 bits', 'i32'],
    [I32, '', 'an integer of 32 bits', 'i32'],
    [I64, '18446744073709551616', 'an integer of 64 bits', 'i64'],
    [I64, '9'.repeat(100_000), 'an integer of 64 bits', 'i64'],
    [F64, 'one', 'number, nan or inf', 'f64'],
    [F64, '1,5', 'number, nan or inf', 'f64'],
    [F64, `0x1p${'9'.repeat(9)}`, 'number, nan or inf', 'f64'],
  ] as const)('type 0x%x refuses %s', async (type, given, expected, name) => {
    const path = file('identity.wasm', identity(type));
    const { status, stderr } = await run(['run', '--invoke', 'identity', path, given]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^wasm-sandbox: UsageError: argument 1 must be /);
    expect(stderr).toContain(expected.replace('an integer', 'integer'));
    expect(stderr).toContain(`(${name})`);
    expect(stderr.length).toBeLessThan(300);
  });

  test('a function that exits ends the command with its status', async () => {
    const path = file('exit.wasm', writer(33, [0x41, 5, 0x10, 1]));
    expect(await run(['run', '--invoke', '_start', path])).toMatchObject({ status: 5, stdout: '!', stderr: '' });
  });
});

describe('what goes wrong', () => {
  const names = file(
    'names.wasm',
    assemble({ functions: [{ name: '\u001b[2J\u202e', type: [[], []], code: [0x00] }] }),
  );

  test.each<[string, string[], number, RegExp]>([
    [
      'gas',
      ['run', '--gas', '1e6', '--invoke', 'run', fixture('spin')],
      125,
      /^wasm-sandbox: GasExhausted: Gas limit exceeded.* \(function 0 <run>, offset 0x[\da-f]+\)\nhint: allow more with --gas/,
    ],
    [
      'time',
      ['run', '--timeout', '20ms', '--invoke', 'run', fixture('spin')],
      125,
      /^wasm-sandbox: CpuTimeoutExceeded: CPU timeout exceeded: .* 20 ms.*\nhint: .*--timeout/,
    ],
    [
      'time in the start function',
      ['run', '--timeout', '0.02s', '--invoke', 'x', fixture('start-loop')],
      2,
      /no function "x"/,
    ],
    [
      'stack',
      ['run', '--stack', '64KiB', '--invoke', 'run', fixture('recurse')],
      125,
      /^wasm-sandbox: StackLimitExceeded: Stack limit exceeded.*<run>.*\nhint: .*--stack/,
    ],
    [
      'memory',
      ['run', '--memory', '1M', '--invoke', 'size', fixture('hugemem')],
      125,
      /^wasm-sandbox: MemoryLimitExceeded: Memory limit exceeded.*\nhint: .*--memory/,
    ],
    [
      'a trap',
      ['run', '--invoke', 'i32_div_s_zero', fixture('traps')],
      126,
      /^wasm-sandbox: Trap: integer divide by zero \(function \d+ <i32_div_s_zero>, offset 0x[\da-f]+\)\nhint: /,
    ],
    [
      'an import',
      [
        'run',
        '--invoke',
        'call',
        file(
          'env.wasm',
          assemble({
            imports: [['env', 'host', [[], []]]],
            functions: [{ name: 'call', type: [[], []], code: [0x10, 0] }],
          }),
        ),
      ],
      127,
      /^wasm-sandbox: LinkError: .*"env" "host".*\nhint: .*inspect/,
    ],
    [
      'no module',
      ['run', file('no.wasm', new Uint8Array(9))],
      1,
      /^wasm-sandbox: CompileError: .*offset 0x0\)\nhint: /,
    ],
    [
      'an empty file',
      ['run', file('empty.wasm', new Uint8Array(0))],
      1,
      /^wasm-sandbox: CompileError: .* is empty: .*\nhint: .*fetch it again\n$/,
    ],
    [
      'what the native engine does not meter',
      [
        'run',
        '--engine',
        'native',
        file('struct.wat', new TextEncoder().encode('(type (struct)) (func (export "_start"))')),
      ],
      1,
      /^wasm-sandbox: CompileError: .*: choose the engine 'interpreter'\n$/,
    ],
    [
      'what cannot be instrumented',
      ['instrument', file('struct2.wat', new TextEncoder().encode('(type (struct))')), '-o', join(folder, 'out.wasm')],
      1,
      /^wasm-sandbox: CompileError: .*: choose the engine 'interpreter'\n$/,
    ],
    [
      'a module for another machine',
      ['run', file('pages.wasm', Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 4, 1, 8, 1, 0))],
      1,
      /^wasm-sandbox: CompileError: the module needs "custom page sizes".*\nhint: nothing is wrong with the file(?!.*fetch)/,
    ],
    [
      'no file',
      ['run', join(folder, 'none.wasm')],
      2,
      /^wasm-sandbox: UsageError: cannot read ".*none\.wasm": there is no such file\n$/,
    ],
    [
      'no command',
      ['run', fixture('fib')],
      2,
      /no _start, so it is no WASI command: name a function with --invoke; it exports "run"/,
    ],
    [
      'no such function',
      ['run', '--invoke', 'rum', fixture('fib')],
      2,
      /exports no function "rum"; did you mean "run"\?/,
    ],
    [
      'too few arguments',
      ['run', '--invoke', 'run', fixture('fib')],
      2,
      /function "run" is \(i32\) -> \(i32\), but 0 arguments/,
    ],
    ['control characters in names', ['run', '--invoke', '\u001b[2J\u202e', names], 126, /<\\u001b\[2J\\u202e>/],
  ])('%s', async (_, args, status, message) => {
    const ran = await run(args);
    expect(ran.stderr).toMatch(message);
    expect(ran.status).toBe(status);
    expect(ran.stdout).toBe('');
  });

  test('a program that fails has written what it wrote', async () => {
    const path = file('fails.wasm', writer(33, [0x00]));
    expect(await run(['run', path])).toMatchObject({
      status: 126,
      stdout: '!',
      stderr: expect.stringMatching(/unreachable executed/),
    });
  });
});

describe('--stats', () => {
  test('are aligned on standard error, after the output', async () => {
    const { stderr, stdout } = await run([
      'run',
      '--stats',
      '--gas',
      '10_000_000',
      '--memory',
      '1GiB',
      fixture('primes'),
      '10',
    ]);
    expect(stdout).toContain('Primes up to 10\n');
    const lines = stderr.trimEnd().split('\n');
    expect(lines.map((line) => line.slice(0, 8))).toEqual([
      'gas     ',
      'memory  ',
      'stack   ',
      'time    ',
      'calls   ',
      'engine  ',
    ]);
    expect(lines[0]).toMatch(/^gas {5}[\d,]+ units of 10,000,000$/);
    expect(lines[1]).toContain('of 1,073,741,824 bytes (1 GiB)');
  });

  test('come after a failure too, of a call and of a build', async () => {
    const call = await run(['run', '--stats', '--gas', '1000', '--invoke', 'run', fixture('spin')]);
    expect(call.stderr).toMatch(/GasExhausted.*\nhint.*\ngas +1,\d+ units of 1,000\n/);
    const build = await run(['run', '--stats', '--gas', '1', '--invoke', 'run', fixture('fib'), '1']);
    expect(build.stderr).toMatch(/GasExhausted.*\nhint.*\ngas +\d+ units of 1\n/);
  });
});

describe('--json', () => {
  test('is one object, with the output in it', async () => {
    const { status, stdout, stderr } = await run(
      ['run', '--json', '--gas', '1e9', '--env', 'EXIT_STATUS=3', fixture('hello')],
      'ab',
    );
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({
      exitStatus: 3,
      exitCode: 3,
      stdout: '0 arguments\nenvironment\n  EXIT_STATUS=3\n2 bytes of input\n',
      stderr: 'hello, standard error\n',
      stats: { gasLimit: '1000000000', engine: 'interpreter', functionCalls: 1 },
    });
    expect(BigInt(report.stats.gasUsed)).toBeGreaterThan(0n);
    expect({ status, stderr }).toEqual({ status: 3, stderr: '' });
  });

  test('has results as text', async () => {
    const path = file('identity64.wasm', identity(I64));
    const report = JSON.parse((await run(['run', '--json', '--invoke', 'identity', path, '9007199254740993'])).stdout);
    expect(report).toMatchObject({ exitStatus: 0, results: ['9007199254740993'] });
  });

  test('has bytes that are no UTF-8 in base64', async () => {
    const report = JSON.parse((await run(['run', '--json', ALL_BYTES])).stdout);
    expect(report).toMatchObject({ stdoutBase64: '/w==', stderr: '' });
    expect(report).not.toHaveProperty('stdout');
  });

  test('has failures, with place and status', async () => {
    const { status, stdout, stderr } = await run(['run', '--json', '--invoke', 'i32_div_s_zero', fixture('traps')]);
    expect(JSON.parse(stdout)).toMatchObject({
      exitStatus: 126,
      error: {
        class: 'Trap',
        code: 'TRAP',
        functionName: 'i32_div_s_zero',
        message: expect.stringMatching(/^integer divide/),
      },
      stats: { gasUsed: expect.stringMatching(/^\d+$/) },
    });
    expect({ status, stderr }).toEqual({ status: 126, stderr: '' });
  });

  test('has failures before anything ran', async () => {
    const { status, stdout } = await run(['run', '--json', join(folder, 'none.wasm')]);
    expect(status).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ exitStatus: 2, error: { code: 'USAGE' } });
  });
});

describe('a module from standard input', () => {
  test('is run, in pieces of any size, and leaves the program no input', async () => {
    const module = readFileSync(fixture('hello'));
    const { status, stdout } = await run(['run', '-', 'a'], module, 100);
    expect(status).toBe(0);
    expect(stdout).toContain('1 arguments\n  a\n');
    expect(stdout).toContain('0 bytes of input');
  });

  test('is validated and inspected', async () => {
    const module = readFileSync(fixture('fib'));
    expect(await run(['validate', '-'], module)).toMatchObject({ status: 0, stdout: '"-" is a valid module\n' });
    expect((await run(['inspect', '-'], module)).stdout).toContain('run');
  });

  test('is refused where there is none', async () => {
    const { status, stderr } = await run(['run', '-'], '');
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining('the module is empty') });
  });
});

/** Exits with a bit for each standard stream that is a terminal. */
const TERMINALS = `(module
  (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $stat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func $bit (param $fd i32) (result i32)
    (drop (call $stat (local.get $fd) (i32.const 0)))
    (i32.shl (i32.eq (i32.load8_u (i32.const 0)) (i32.const 2)) (local.get $fd)))
  (func (export "_start")
    (call $exit (i32.add (call $bit (i32.const 0)) (i32.add (call $bit (i32.const 1)) (call $bit (i32.const 2)))))))`;

test.each([
  [[], ['stdin', 'stdout', 'stderr'], 0b111],
  [[], ['stderr'], 0b100],
  [[], [], 0],
  // What is written is kept for the report.
  [['--json'], ['stdin', 'stdout', 'stderr'], 0b001],
  [['--deterministic'], ['stdin', 'stdout', 'stderr'], 0],
] as const)('with %j the terminals among %j are told to the program', async (options, terminals, expected) => {
  const path = file('terminals.wat', new TextEncoder().encode(TERMINALS));
  expect(await main(['run', ...options, path], { ...SILENT, terminals })).toBe(expected);
});
