import { describe, expect, test } from 'vitest';
import { parseDuration, parseGas, parseSize } from '../../src/checks/units.ts';
import { bytesText, grouped, table } from '../../src/cli/io/table.ts';
import { UsageError } from '../../src/index.ts';
import { fixture, run } from './harness.ts';

describe('the command line', () => {
  test('--version prints the version alone', async () => {
    expect(await run(['--version'])).toMatchObject({ status: 0, stdout: '1.2.3\n', stderr: '' });
  });

  test.each([[['--help']], [['run', '--help']], [['help', 'run']]])(
    '%j explains commands, examples and statuses',
    async (args) => {
      const { status, stdout } = await run(args);
      expect(status).toBe(0);
      expect(stdout).toContain('Usage: wasm-sandbox');
      for (const code of ['125', '126', '127']) expect(stdout).toMatch(new RegExp(`^ {2}${code} `, 'm'));
    },
  );

  test('the examples of the help are ones that can be given', async () => {
    const { stdout } = await run(['--help']);
    const examples = [...stdout.matchAll(/^ {2}wasm-sandbox (.+?)(?: {3,}.*)?$/gm)].map(([, line]) =>
      (line as string).split(' '),
    );
    expect(examples.length).toBeGreaterThan(4);
    for (const example of examples) {
      // The modules are not there; everything before that must be right.
      expect((await run(example)).stdout + (await run(example)).stderr).toMatch(/there is no such file/);
    }
  });

  test.each<[string[], RegExp]>([
    [[], /Usage: wasm-sandbox/],
    [['fly'], /unknown command 'fly'/],
    [['run'], /missing required argument 'module'/],
    [['--gas', '5', 'run', 'x.wasm'], /unknown option '--gas'/],
    [['run', '--gass', '5', 'x.wasm'], /unknown option '--gass'\n\(Did you mean --gas\?\)/],
    [['run', '--gas'], /option '--gas <units>' argument missing/],
    [['run', '--gas', 'much', 'x.wasm'], /'much' is invalid. gas is a whole number/],
    [['run', '--gas', '-1', 'x.wasm'], /gas is a whole number/],
    [['run', '--gas', '1e30', 'x.wasm'], /gasLimit must be .* below 2\^63/],
    [['run', '--memory', '64XB', 'x.wasm'], /'64XB' is invalid. a size is/],
    [['run', '--timeout', '0', 'x.wasm'], /'0' is invalid. a duration is/],
    [['run', '--env', 'NAME', 'x.wasm'], /"NAME" is not NAME=VALUE/],
    [['run', '--env', '=x', 'x.wasm'], /"=x" is not NAME=VALUE/],
    [['run', '--engine', 'jit', 'x.wasm'], /Allowed choices are auto, interpreter, native/],
    [['validate', 'a.wasm', 'b.wasm'], /too many arguments/],
  ])('%j is a usage error', async (args, message) => {
    const file = args.map((arg) => (arg === 'x.wasm' ? fixture('hello') : arg));
    const { status, stdout, stderr } = await run(file);
    expect(stderr).toMatch(message);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });
});

describe('numbers', () => {
  test.each([
    ['65536', 65_536],
    ['65_536', 65_536],
    ['1b', 1],
    ['64KiB', 65_536],
    ['64KB', 65_536],
    ['2mb', 2_097_152],
    ['64k', 65_536],
    ['64M', 67_108_864],
    ['64 MiB', 67_108_864],
    ['1GiB', 1_073_741_824],
    ['0', 0],
  ])('size %s', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each(['', 'M', '-1', '1.5M', '64XB', '1e6', '9999999999999999', '99999999999G', '0x10'])(
    'no size: %j',
    (text) => {
      expect(() => parseSize(text)).toThrow(UsageError);
    },
  );

  test.each([
    ['500', 500],
    ['500ms', 500],
    ['5s', 5_000],
    ['1.5s', 1_500],
    ['2m', 120_000],
  ])('duration %s', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  test.each(['', 's', '0', '-5s', '1h', 'Infinity', '1e3', `9${'9'.repeat(400)}`])('no duration: %j', (text) => {
    expect(() => parseDuration(text)).toThrow(UsageError);
  });

  test.each([
    ['0', 0n],
    ['10_000', 10_000n],
    ['1e9', 1_000_000_000n],
    ['9007199254740993', 9_007_199_254_740_993n],
  ])('gas %s', (text, units) => {
    expect(parseGas(text)).toBe(units);
  });

  test.each(['', '-1', '1.5e9', '_1', '1e999', '9'.repeat(50), '0x10'])('no gas: %j', (text) => {
    expect(() => parseGas(text)).toThrow(UsageError);
  });
});

describe('text', () => {
  test('columns are as wide as their widest cell', () => {
    expect(
      table(
        [
          ['a', 'n'],
          ['long', '10'],
          ['b', '5'],
        ],
        ['left', 'right'],
      ),
    ).toEqual(['a      n', 'long  10', 'b      5']);
  });

  test('groups and units', () => {
    expect([grouped(0), grouped(999), grouped(1_000), grouped(1234567n)]).toEqual(['0', '999', '1,000', '1,234,567']);
    expect([bytesText(0), bytesText(1_023), bytesText(1_024), bytesText(1_610_612_736)]).toEqual([
      '0 bytes',
      '1,023 bytes',
      '1,024 bytes (1 KiB)',
      '1,610,612,736 bytes (1.5 GiB)',
    ]);
  });
});
