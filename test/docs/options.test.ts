/** docs/options.md has every option there is, no other, and the defaults that the code has. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { AuditLog, Capability, SecurityPolicy, SecurityPolicyBuilder } from '../../policy/index.ts';
import { checkDiskOptions } from '../../src/cache/options.ts';
import { checkBatch } from '../../src/call/batch.ts';
import { GiB, KiB, MiB } from '../../src/checks/sizes.ts';
import { parseSize } from '../../src/checks/units.ts';
import { build } from '../../src/cli/program.ts';
import { settlePlugin } from '../../src/extism/options.ts';
import { PRICE } from '../../src/extism/price.ts';
import { checkPool } from '../../src/pool/options.ts';
import { DEFAULT_RECORDING } from '../../src/replay/replay.ts';
import { SandboxBuilder } from '../../src/sandbox/builder.ts';
import { settle } from '../../src/sandbox/options.ts';
import { Scheduler } from '../../src/scheduler/scheduler.ts';
import { SERVICE_DEFAULTS } from '../../src/service/options.ts';
import { DEFAULT_LIMITS } from '../../wasm/limits.ts';
import { SILENT } from '../cli/harness.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');

interface Section {
  readonly heading: string;
  /** Cells by the name in the first one, without its backquotes. */
  readonly rows: ReadonlyMap<string, readonly string[]>;
}

function sectionsOf(text: string): Section[] {
  return text
    .split(/^### /m)
    .slice(1)
    .map((section) => {
      const lines = section.split('\n').filter((line) => line.startsWith('| '));
      const cells = lines.slice(2).map((line) =>
        line
          .slice(1, -1)
          .split(' |')
          .map((cell) => cell.trim()),
      );
      return {
        heading: section.slice(0, section.indexOf('\n')),
        rows: new Map(cells.map((row) => [(row[0] as string).slice(1, -1), row])),
      };
    });
}

/** Names that a section's heading ends with, in backquotes. */
const subjectOf = ({ heading }: Section) => /: `(\w+)`$/.exec(heading)?.[1];
const COMMAND = /^`wasm-sandbox (\w+)`$/;

const sections = sectionsOf(read('docs/options.md'));
const bySubject = new Map(sections.map((section) => [subjectOf(section), section]));

const ENTRIES = [
  ...['src/api.ts', 'src/webassembly.ts', 'src/instrument.ts', 'src/symbols.ts', 'src/text.ts', 'src/extism/api.ts'],
  ...['src/service/api.ts', 'src/express.ts', 'src/fastify.ts', 'src/hono.ts', 'src/nest.ts'],
  'src/component/api.ts',
  'src/testing/vitest-api.ts',
  'src/jupyter/api.ts',
  'src/telemetry/otel-api.ts',
  'src/telemetry/prometheus-api.ts',
  ...['src/durable.ts', 'src/bullmq.ts'],
  'policy/index.ts',
];
/** What embedders fill in, and is not named so. */
const MORE = new Set([
  'ArtifactLimits',
  'Authenticated',
  'BatchCall',
  'GuestFunctionDeclaration',
  'HostFunctionPrice',
  'MemoryFiles',
  'Mount',
  'PluginFunction',
]);

const sources = ['src', 'policy', 'instrument']
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) => `${folder}/${path}`),
  )
  .filter((path) => path.endsWith('.ts'))
  .map(read);

/** Types are gone at run time, so members are read from the text: own ones, in their order. */
function interfacesIn(text: string): Map<string, string[]> {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '');
  return new Map(
    [...code.matchAll(/^export interface (\w+)[^{]*\{\n([\s\S]*?)^\}/gm)].map(([, name = '', body = '']) => [
      name,
      [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, member = '']) => member),
    ]),
  );
}

/** Names that an entry point exports from elsewhere, or has itself. */
const exportedBy = (text: string) => [
  ...[...text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, names = '']) => names.match(/\w+/g) ?? []),
  ...interfacesIn(text).keys(),
];

const exported = new Set(ENTRIES.flatMap((path) => exportedBy(read(path))));
const interfaces = new Map(
  sources
    .flatMap((text) => [...interfacesIn(text)])
    .filter(([name]) => exported.has(name) && (name.endsWith('Options') || MORE.has(name))),
);

/** What is set by methods, or made by functions, rather than by keys of an object. */
const METHODS = new Map([
  [
    'SecurityPolicyBuilder',
    Object.getOwnPropertyNames(SecurityPolicyBuilder.prototype).filter(
      (name) => !['constructor', 'set', 'build'].includes(name),
    ),
  ],
  ['Capability', Object.keys(Capability)],
]);

test('every kind of options has a section, and no other has', () => {
  expect([...bySubject.keys()].filter((name) => name !== undefined).sort()).toEqual(
    [...interfaces.keys(), ...METHODS.keys()].sort(),
  );
  for (const section of sections) expect(subjectOf(section) ?? section.heading).toMatch(/^\w+$|^`wasm-sandbox \w+`$/);
});

test.each([...interfaces, ...METHODS])('%s: every option is there, and no other', (name, members) => {
  expect([...(bySubject.get(name)?.rows.keys() ?? [])].sort()).toEqual([...members].sort());
});

test('every row says what the option does, and what it is unless given', () => {
  for (const section of sections) {
    const isCommand = COMMAND.test(section.heading);
    for (const [name, row] of section.rows) {
      expect(row, `${section.heading} ${name}`).toHaveLength(isCommand ? 4 : 5);
      expect(row[1], `${section.heading} ${name}`).not.toBe('');
      expect(row[isCommand ? 2 : 3], `${section.heading} ${name}`).not.toBe('');
    }
  }
});

test('the builder has a method for each', () => {
  const methods = Object.getOwnPropertyNames(SandboxBuilder.prototype);
  const setters = methods.filter((name) => !['constructor', 'set', 'build', 'toOptions'].includes(name));
  const options = ['SandboxOptions', 'ProgramOptions']
    .flatMap((kind) => interfaces.get(kind) ?? [])
    .map((name) => (name === 'capabilities' ? 'addCapability' : name));
  expect(setters.sort()).toEqual(options.sort());
});

/** How the page writes a value of the code. */
function written(value: unknown, unit: string): string {
  if (value === undefined) return unit === 'ms' ? 'none or never' : 'none';
  if (typeof value === 'boolean' || typeof value === 'string')
    return `\`${typeof value === 'string' ? `'${value}'` : value}\``;
  if (unit === 'bytes') return sizeText(value as number);
  return (value as number | bigint).toLocaleString('en-GB');
}

function sizeText(bytes: number): string {
  for (const [unit, name] of [
    [GiB, 'GiB'],
    [MiB, 'MiB'],
    [KiB, 'KiB'],
  ] as const)
    if (bytes % unit === 0) return `${(bytes / unit).toLocaleString('en-GB')} ${name}`;
  return String(bytes);
}

const sandbox = settle({ source: new Uint8Array(1) });
const disk = checkDiskOptions({});
const network = Capability.networkAccess([]);
const files = Capability.filesystemAccess('.');
const { base: gas, perByte } = Capability.hostFunctions('env', {}).gas;
const { start, step } = Capability.clock({}) as { start: bigint; step: bigint };
const audited = SecurityPolicy.builder().enableAuditLogging().build();
const strict = SecurityPolicy.strict();
const scheduler = new Scheduler();
const log = new AuditLog(1);
const plugin = settlePlugin({});
const pool = checkPool({ sandbox: () => undefined });

const DEFAULTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  SandboxOptions: {
    memoryLimit: sandbox.limits.memoryBytes,
    stackLimit: sandbox.limits.stackBytes,
    gasLimit: sandbox.limits.gas,
    codeLimit: sandbox.limits.codeBytes,
    cpuTimeout: sandbox.cpuTimeout,
    yieldEvery: sandbox.yieldEvery,
    moduleLimit: sandbox.moduleLimit,
    signal: sandbox.signal,
    engine: sandbox.engine,
    cache: sandbox.cache,
    record: sandbox.record,
    recordingLimit: sandbox.recordingLimit,
  },
  BatchOptions: { onFailure: checkBatch([], {}).stops ? 'stop' : 'collect' },
  ReplayOptions: { recordingLimit: DEFAULT_RECORDING },
  PoolOptions: {
    min: pool.min,
    maxWaiting: pool.maxWaiting,
    acquireTimeout: pool.acquireTimeout,
    drainTimeout: pool.drainTimeout,
    healthCheck: pool.healthCheck,
    onLeak: pool.onLeak,
    onFailure: pool.onFailure,
  },
  LimitOptions: {
    gas: sandbox.limits.gas,
    memory: sandbox.limits.memoryBytes,
    stack: sandbox.limits.stackBytes,
    time: SERVICE_DEFAULTS.time,
    module: sandbox.moduleLimit,
    code: sandbox.limits.codeBytes,
  },
  ServicePoolOptions: {
    min: pool.min,
    maxWaiting: pool.maxWaiting,
    acquireTimeout: SERVICE_DEFAULTS.acquireTimeout,
    drainTimeout: pool.drainTimeout,
  },
  ServiceCacheOptions: { ...disk.memory, maxDiskBytes: disk.disk.maxBytes, maxDiskEntries: disk.disk.maxEntries },
  PluginOptions: { logLevel: plugin.logLevel, allowHttpResponseHeaders: plugin.allowHttpResponseHeaders },
  PluginMemoryOptions: { maxVarBytes: plugin.maxVarBytes, maxHttpResponseBytes: network.maxResponseBytes },
  PluginFunction: { gas: PRICE.gas },
  CacheOptions: disk.memory as unknown as Record<string, unknown>,
  DiskCacheOptions: { maxDiskBytes: disk.disk.maxBytes, maxDiskEntries: disk.disk.maxEntries, key: disk.key },
  SchedulerOptions: { slice: scheduler['slice'], yieldEvery: scheduler['yieldEvery'] },
  SecurityPolicyBuilder: {
    maxExecutionTime: strict.limits.executionTime,
    maxMemory: strict.limits.memory,
    maxGas: strict.limits.gas,
    maxOutput: strict.outputLimit,
    onViolation: strict.onViolation,
  },
  AuditOptions: {
    maxEvents: audited.auditEvents,
    maxBytes: audited.auditBytes,
    sink: audited.auditSink,
    keep: audited.auditKept,
  },
  AuditLogOptions: { maxBytes: log['maxBytes'], sink: log['sink'], keep: log['keep'] },
  VirtualClockOptions: { start, step },
  NetworkAccessOptions: {
    requireHttps: network.requireHttps,
    maxRequestBytes: network.maxRequestBytes,
    maxResponseBytes: network.maxResponseBytes,
    timeout: network.timeout,
    maxRedirects: network.maxRedirects,
    maxRequests: network.maxRequests,
  },
  FilesystemAccessOptions: {
    maxBytes: files.maxBytes,
    maxFiles: files.maxFiles,
    maxDescriptors: files.maxDescriptors,
  },
  HostFunctionPrice: { gas, perByte },
  WebAssemblyOptions: { memoryLimit: DEFAULT_LIMITS.memoryBytes, stackLimit: DEFAULT_LIMITS.stackBytes },
};

describe.each(Object.entries(DEFAULTS))('%s', (name, defaults) => {
  test.each(Object.entries(defaults))('%s is what it is in the code', (option, value) => {
    const [, , unit = '', unlessGiven] = bySubject.get(name)?.rows.get(option) ?? [];
    expect(written(value, unit).split(' or ')).toContain(unlessGiven);
  });
});

test('defaults that are lists, or depend on others', () => {
  const unlessGiven = (name: string, option: string) => bySubject.get(name)?.rows.get(option)?.[3];
  const { allowedPorts } = Capability.networkAccess([], { requireHttps: false });
  expect(unlessGiven('NetworkAccessOptions', 'allowedPorts')).toBe(
    `${network.allowedPorts}; ${(allowedPorts as number[]).join(' and ')} where HTTPS is not required`,
  );
  expect(unlessGiven('NetworkAccessOptions', 'allowedMethods')).toBe(network.allowedMethods.join(', '));
  expect(unlessGiven('PoolOptions', 'max')).toBe(`${pool.max}, or \`min\` where that is more`);
  const inMemory = Capability.filesystemAccess({ memory: {} });
  expect(unlessGiven('FilesystemAccessOptions', 'readOnly')).toBe(
    `\`${files.readOnly}\`; \`${inMemory.readOnly}\` where all files are in memory`,
  );
});

describe('the command line', () => {
  const commands = build(SILENT, async () => undefined).commands.filter((command) => command.name() !== 'complete');
  const byCommand = new Map(sections.map((section) => [COMMAND.exec(section.heading)?.[1], section]));

  test('every command has a section, and no other has', () => {
    expect([...byCommand.keys()].filter((name) => name !== undefined).sort()).toEqual(
      commands.map((command) => command.name()).sort(),
    );
  });

  describe.each(commands.map((command) => [command.name(), command] as const))('%s', (name, command) => {
    const rows = byCommand.get(name)?.rows ?? new Map<string, readonly string[]>();

    test('every option is there, and no other', () => {
      expect([...rows.keys()].sort()).toEqual(command.options.map(({ flags }) => flags).sort());
    });

    test('what an option is unless given', () => {
      for (const { flags, description, defaultValue, negate, mandatory } of command.options) {
        const unlessGiven = rows.get(flags)?.[2];
        if (mandatory) expect(unlessGiven, flags).toBe('an error');
        const said = /\(default: (.*)\)$/.exec(description)?.[1] ?? (negate ? undefined : defaultValue);
        if (said !== undefined) expect(unlessGiven, flags).toBe(String(said));
      }
    });
  });

  test('the limits are those of a sandbox', () => {
    const rows = byCommand.get('run')?.rows;
    expect(parseSize(rows?.get('--memory <size>')?.[2] ?? '')).toBe(DEFAULT_LIMITS.memoryBytes);
    expect(parseSize(rows?.get('--stack <size>')?.[2] ?? '')).toBe(DEFAULT_LIMITS.stackBytes);
  });
});

test('members are found, and sections are read', () => {
  const code =
    'export interface A<T> extends B {\n  /** readonly no: 1; */\n  readonly one?: T;\n  readonly two: 2;\n}\n';
  expect(interfacesIn(code)).toEqual(new Map([['A', ['one', 'two']]]));
  const [section] = sectionsOf('## X\n\n### Y: `A`\n\n| a | b |\n| --- | --- |\n| `one` | |\n');
  expect(section && subjectOf(section)).toBe('A');
  expect(section?.rows).toEqual(new Map([['one', ['`one`', '']]]));
});
