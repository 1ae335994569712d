/** What notebooks show, of whatever guests have chosen: nothing of it becomes HTML. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import { Capability, SandboxPool, SecurityPolicy, Trap, WasmSandbox } from '../../src/index.ts';
import { bytes, count, milliseconds, percent, share } from '../../src/jupyter/figures.ts';
import { escapeHtml, html, inAttribute } from '../../src/jupyter/html.ts';
import { DISPLAY, display, displayHtml, gasProfile, type MimeBundle, wasmCell } from '../../src/jupyter.ts';
import { WasmSandbox as SyncSandbox } from '../../src/sync.ts';
import { SEED } from '../property/runner.ts';

const TAG =
  /^<\/?(?:div|style|h4|h5|small|span|pre|code|table|thead|tbody|tr|th|td|svg|rect|g|text|title)(?: (?:class|style|viewBox|preserveAspectRatio|role|aria-label|width|height|rx|fill|opacity|x|y|xmlns|font-family|font-size)="[^"<>]*")*\/?>$/;

/** Tags and signs of a page that are none of its own. */
function foreignIn(page: string): string[] {
  const body = page.replace(/^<div class="wasm-sandbox"><style>[\s\S]*?<\/style>/, '<div>');
  const tags = body.match(/<[^>]*>?/g) ?? [];
  const rest = body.replace(/<[^>]*>/g, '');
  return [
    ...tags.filter((tag) => !TAG.test(tag)),
    ...(rest.match(/[<>"'`]|&(?!(?:amp|lt|gt|quot|#39|#96);)/g) ?? []),
    ...(body.replaceAll(/[\n\t]/g, '').match(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu) ?? []),
  ];
}

const ATTACKS = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "'onmouseover='alert(1)",
  '</pre></div><script>alert(1)</script>',
  '`alert(1)` &lt;b&gt; &#x3c;script&#x3e;',
  'a\u2028b\u2029c\0d\u202ee\u200ff\x1b[31m',
  ']]></style></svg><script>',
];

const watString = (text: string) =>
  [...new TextEncoder().encode(text)].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('');

/** A guest that has an attack wherever it can have one: names, output, what it asks for. */
function hostile(attack: string): string {
  const name = watString(attack);
  const { length } = new TextEncoder().encode(attack);
  return `(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (memory 1)
    (data (i32.const 64) "${name}") (data (i32.const 0) "\\40\\00\\00\\00\\${length.toString(16).padStart(2, '0')}\\00\\00\\00")
    (func $print (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))
      (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 32)))
      (drop (call $open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const ${length}) (i32.const 0) (i64.const 1) (i64.const 1) (i32.const 0) (i32.const 32))))
    (func (export "${name}") (call $print) unreachable)
    (func (export "fine") (result i32) (i32.const 7)))`;
}

async function hostilePages(attack: string): Promise<string[]> {
  const securityPolicy = SecurityPolicy.builder()
    .allow(Capability.filesystemAccess({ memory: {} }))
    .enableAuditLogging()
    .build();
  const sandbox = await WasmSandbox.create({ source: hostile(attack), securityPolicy, instanceId: attack || 'x' });
  const error = await sandbox.call(attack).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(Trap);
  expect(sandbox.output().stdout).toBe(attack);
  const profile = await gasProfile(sandbox, attack);
  const batch = await sandbox.callBatch([{ name: attack }, { name: 'fine' }], { onFailure: 'collect' });
  const shown = [sandbox, error, profile, batch, sandbox.auditEvents(), sandbox.getResourceStats(), attack, [attack]];
  const bundle = display(profile)[DISPLAY]() as MimeBundle;
  return [...shown.map(displayHtml), bundle['image/svg+xml'] as string];
}

describe('what a guest has chosen', () => {
  test.each(ATTACKS)('is text: %j', async (attack) => {
    for (const page of await hostilePages(attack)) expect(foreignIn(page)).toEqual([]);
  });

  test('is text, whatever it is', async () => {
    const hard = fc.string({
      unit: fc.constantFrom('<', '>', '"', "'", '&', '`', '/', 'a', '=', ' ', '\0', '\n', '\u2028', '€'),
    });
    await fc.assert(
      fc.asyncProperty(
        hard.filter((text) => text !== '' && text !== 'fine'),
        async (attack) => {
          for (const page of await hostilePages(attack.slice(0, 60))) expect(foreignIn(page)).toEqual([]);
        },
      ),
      { seed: SEED, numRuns: 25 },
    );
  });

  test('is bounded', () => {
    const long = 'x'.repeat(1_000_000);
    expect(displayHtml(long).length).toBeLessThan(30_000);
    expect(displayHtml(long)).toContain('and 980,000 characters more');
    const event = {
      sequence: 1,
      function: 'f',
      request: { kind: 'clock' },
      allowed: true,
      rule: 'default',
      reason: '',
      gasUsed: 1n,
    };
    const page = displayHtml(Array.from({ length: 5_000 }, () => event));
    expect(page.match(/<tr>/g)).toHaveLength(201);
    expect(page).toContain('and 4,800 more');
  });

  test('is found by the check where it is not escaped', () => {
    expect(foreignIn('<div><b>')).toEqual(['<b>']);
    expect(foreignIn('<div onclick="x">')).toEqual(['<div onclick="x">']);
    expect(foreignIn('<div>"&nbsp;\0')).toEqual(['"', '&', '\0']);
  });
});

describe('escaping', () => {
  test('leaves what is harmless, and HTML of its own', () => {
    expect(escapeHtml('Grüße 🙂')).toBe('Grüße 🙂');
    expect(html`<b>${'<'}${html`<i>${1n}</i>`}${[1, false, undefined]}</b>`.text).toBe('<b>&lt;<i>1</i>1</b>');
    expect(escapeHtml('a\0\u202eb')).toBe('a\\u0000\\u202eb');
    expect(inAttribute('<a title="&">\n').text).toBe('&lt;a title=&quot;&amp;&quot;&gt;\n');
  });
});

describe('what is shown', () => {
  const source = loadFixture('fib');
  const texts = (value: unknown) => (display(value)[DISPLAY]() as MimeBundle)['text/plain'] as string;

  test('of a sandbox: gas, memory, exports, output', async () => {
    const sandbox = await WasmSandbox.create({ source: loadFixture('hello'), gasLimit: 10_000_000n, args: ['a', 'b'] });
    await sandbox.run();
    const { gasUsed } = sandbox.getResourceStats();
    const text = texts(sandbox);
    expect(text).toContain(`${count(gasUsed)} of 10,000,000`);
    expect(text).toContain('128 KiB of 256 MiB');
    expect(text).toMatch(/1 arguments\n {2}b\n/);
    expect(text).toContain('_start  function  () → ()');
    expect(text).toContain('the policy grants no environment');
    expect(texts(SyncSandbox.fromBytes(source))).toContain('run  function  (i32) → (i32)');
  });

  test('of a pool, a batch, an audited call, a program, an error, a value', async () => {
    await using pool = await SandboxPool.create({ sandbox: { source }, min: 2 });
    expect(texts(pool.getStats())).toContain('pool 2 of 8 sandboxes');
    const sandbox = await WasmSandbox.create({ source, gasLimit: 20_000n });
    const batch = await sandbox.callBatch(
      [
        { name: 'run', args: [5] },
        { name: 'run', args: [30] },
      ],
      { onFailure: 'collect' },
    );
    expect(texts(batch)).toMatch(/0 {2}5 {2}\d+\n1 {2}GasExhausted: Gas limit exceeded/);
    expect(texts(batch[1]?.ok === false && batch[1].error)).toMatch(/calls\nfunction {2}index {2}offset\nrun {2}0/);
    expect(texts(sandbox.getResourceStats())).toContain('gas schedule  version 1');
    const program = await WasmSandbox.create({ source: loadFixture('hello') });
    expect(texts(await program.run())).toContain('exit status 0');
    const audited = await (await WasmSandbox.create({ source })).callWithAudit('run', [5]);
    expect(texts(audited)).toMatch(/^5\n/);
    expect([42, 2n ** 63n, [1, 2n, undefined], undefined, 'text'].map(texts)).toEqual([
      '42',
      '9223372036854775808',
      '[1, 2, nothing]',
      'nothing',
      'text',
    ]);
  });

  test('figures', () => {
    expect([0, 999, 1_000, 12_345_678n].map(count)).toEqual(['0', '999', '1,000', '12,345,678']);
    expect([0, 1_023, 1_024, 1_536, 2 ** 26, 2 ** 41].map(bytes)).toEqual([
      '0 bytes',
      '1023 bytes',
      '1 KiB',
      '1.5 KiB',
      '64 MiB',
      '2048 GiB',
    ]);
    expect([0, 0.0001, 0.015, 0.5, 1].map(percent)).toEqual(['0%', '<0.1%', '1.5%', '50%', '100%']);
    expect([share(1n, 0n), share(5, 4), share(1n, 4)]).toEqual([0, 1, 0.25]);
    expect([1.234, 56.7].map(milliseconds)).toEqual(['1.23 ms', '57 ms']);
  });
});

describe('a profile', () => {
  const source = `(module
    (func $leaf (param i32) (local $n i32)
      (loop (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (local.get 0)))))
    (func $middle (call $leaf (i32.const 3000)))
    (func (export "outer") (result i32) (call $leaf (i32.const 1000)) (call $middle) (i32.const 3))
    (func (export "small") (result i32) (i32.const 1))
    (func (export "trap") (call $middle) unreachable)
    (func $deep (export "deep") (param i32) (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1)))))
      (call $leaf (i32.const 200))))`;

  interface Node {
    readonly name: string;
    readonly gas: bigint;
    readonly self: bigint;
    readonly children: readonly Node[];
  }
  const sum = (node: Node): bigint => node.children.reduce((gas, child) => gas + sum(child), node.self);
  const nodes = (node: Node): Node[] => [node, ...node.children.flatMap(nodes)];

  test('has all of the gas, and puts it where it was used', async () => {
    const sandbox = await WasmSandbox.create({ source });
    const before = sandbox.getResourceStats().gasUsed;
    const profile = await gasProfile(sandbox, 'outer', [], { every: 100 });
    expect(profile.value).toBe(3);
    expect(profile.gas).toBe(sandbox.getResourceStats().gasUsed - before);
    for (const node of nodes(profile.root)) expect(sum(node)).toBe(node.gas);
    expect(profile.root).toMatchObject({ name: 'outer', gas: profile.gas });
    expect(profile.root.children.map(({ name }) => name)).toEqual(['middle', 'leaf']);
    const [middle, leaf] = profile.root.children;
    expect(middle?.children.map(({ name }) => name)).toEqual(['leaf']);
    // Three times as many turns, to the accuracy of a step.
    expect(Number(middle?.gas) / Number(leaf?.gas)).toBeCloseTo(3, 0);
    const again = await gasProfile(await WasmSandbox.create({ source }), 'outer', [], { every: 100 });
    expect(again).toEqual(profile);
  });

  test('costs and does what the call does, also where that fails', async () => {
    const plain = await WasmSandbox.create({ source });
    const error = await plain.call('trap').catch((caught: unknown) => caught);
    const sandbox = await WasmSandbox.create({ source });
    const profile = await gasProfile(sandbox, 'trap');
    expect(profile.error).toMatchObject({ code: 'TRAP', message: (error as Error).message });
    expect(sandbox.getResourceStats().gasUsed).toBe(plain.getResourceStats().gasUsed);
    expect((await gasProfile(sandbox, 'small')).root).toMatchObject({ name: 'small', children: [] });
  });

  test('looks less often, the longer it takes, and draws no deeper than can be seen', async () => {
    const sandbox = await WasmSandbox.create({ source });
    const profile = await gasProfile(sandbox, 'deep', [2_000], { every: 1 });
    expect(profile.samples).toBeLessThan(6_000);
    expect(sum(profile.root)).toBe(profile.gas);
    const page = displayHtml(profile);
    expect(page.length).toBeLessThan(60_000);
    expect(page.match(/<rect/g)?.length).toBeLessThanOrEqual(64 * 8);
  });

  test('waits for functions of the host', async () => {
    const waiting = `(module (import "env" "later" (func $later (result i32))) (func (export "f") (result i32) (call $later)))`;
    const later = () => new Promise<number>((resolve) => setImmediate(() => resolve(5)));
    const sandbox = await WasmSandbox.create({
      source: waiting,
      capabilities: [Capability.hostFunctions('env', { later })],
    });
    expect((await gasProfile(sandbox, 'f')).value).toBe(5);
    await expect(gasProfile(sandbox, 'g')).rejects.toThrow('"f"');
    await expect(gasProfile(sandbox, 'f', [], { every: 0 })).rejects.toThrow('at least 1');
  });
});

describe('a cell', () => {
  test('calls the only function, or the one that is said', async () => {
    const answer = 42;
    const cell = await wasmCell`(module (func (export "run") (result i32) (i32.const ${answer})))`;
    expect(cell).toMatchObject({ call: 'run', value: 42, error: undefined });
    expect((cell[DISPLAY]() as MimeBundle)['text/plain']).toMatch(/^run\n42\ngas {2}\d+ of 1,000,000,000 <0.1%/);
    const sum = await wasmCell({ call: 'add', with: [1, 2n], gasLimit: 1_000 })`(module
      (func (export "other")) (func (export "add") (param i32 i64) (result i64) (i64.add (i64.extend_i32_s (local.get 0)) (local.get 1))))`;
    expect(sum.value).toBe(3n);
    expect(sum.stats.gasLimit).toBe(1_000n);
  });

  test('shows a guest that fails, and what it wrote', async () => {
    const cell = await wasmCell({ gasLimit: 10_000 })`(module (func (export "spin") (loop (br 0))))`;
    expect(cell.error?.code).toBe('GAS_EXHAUSTED');
    expect(foreignIn((cell[DISPLAY]() as MimeBundle)['text/html'] as string)).toEqual([]);
  });

  test('has its writer’s mistakes thrown', async () => {
    await expect(wasmCell`(module (func (export "f") (i32.add)))`).rejects.toThrow('i32.add');
    await expect(wasmCell`(module)`).rejects.toThrow('exports no function');
    await expect(wasmCell`(module (func (export "a")) (func (export "b")))`).rejects.toThrow('of "a", "b"');
    await expect(wasmCell`(module (import "env" "f" (func)) (func (export "a")))`).rejects.toThrow('"env"');
    await expect(wasmCell({ gas: 3 } as object)`(module (func (export "a")))`).rejects.toThrow('no option "gas"');
    await expect(wasmCell({ call: 'b' })`(module (func (export "a")))`).rejects.toThrow('"a"');
  });
});
