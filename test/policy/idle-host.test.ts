/** The host of a guest that imports nothing, beside the one of which nothing is asked. */

import { expect, test } from 'vitest';
import { Capability, createHost, type Host, SecurityPolicy } from '../../policy/index.ts';
import { IdleHost } from '../../policy/sandboxed.ts';
import { WasmSandbox } from '../../src/index.ts';
import { WireReader, WireWriter } from '../../wasm/wire.ts';

const strict = SecurityPolicy.strict();
const hosts: readonly [name: string, host: () => Host][] = [
  ['idle', () => new IdleHost(strict)],
  ['another', () => createHost(strict, {}, false)],
];

function saved(host: Host): Uint8Array {
  const to = new WireWriter();
  host.save(to);
  return to.written;
}

test.each(hosts)('%s: nothing is there, and nothing happens', (_, make) => {
  const host = make();
  host.provide({ args: ['a'] });
  host.capture({ append: () => undefined })();
  host.reset();
  expect([host.output('stdout').length, host.outputBytes, host.files().size]).toEqual([0, 0, 0]);
  expect([host.audit.events, host.violations.events, host.audit.total]).toEqual([[], [], 0]);
  expect(() => host.provide({ env: {} })).toThrow('the policy grants no environment');
  host.close();
});

test('either takes what the other saved', () => {
  for (const [, from] of hosts) {
    for (const [, to] of hosts) {
      const host = to();
      const reader = new WireReader(saved(from()));
      host.load(reader);
      reader.end();
      expect(saved(host)).toEqual(saved(from()));
    }
  }
});

test('what another guest saved is refused', () => {
  const files = createHost(strict.with(Capability.filesystemAccess({ memory: {} })), {}, true);
  expect(() => new IdleHost(strict).load(new WireReader(saved(files)))).toThrow('other files');
  const called = Uint8Array.from(saved(new IdleHost(strict)), (byte, i) => (i === 0 ? 1 : byte));
  expect(() => new IdleHost(strict).load(new WireReader(called))).toThrow('damaged');
});

test('a guest without imports has what its policy says', async () => {
  const source = '(module (memory (export "memory") 1) (func (export "one") (result i32) (i32.const 1)))';
  const sandbox = await WasmSandbox.create({ source, capabilities: [Capability.environmentAccess({ A: 'b' })] });
  expect(await sandbox.callWithAudit('one')).toMatchObject({ output: 1, events: [] });
  await sandbox.reset({ env: { A: 'c' } });
  const files = Capability.filesystemAccess({ memory: { '/a': 'text' } });
  const granted = await WasmSandbox.create({ source, capabilities: [files] });
  expect([...granted.files().keys()]).toEqual(['/a']);
});
