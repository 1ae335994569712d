/** A listener for SIGSEGV takes what the host's engine learns of traps by: guests are not run there then. */

import { afterEach, expect, test } from 'vitest';
import { nativeUnavailable } from '../../instrument/index.ts';
import { WasmSandbox } from '../../src/index.ts';

const source = '(module (func (export "f") (result i32) (i32.const 1)))';

const { listenerCount } = process;

/** A real one could not be taken back. */
function listenFor(name: string): void {
  process.listenerCount = (event, ...rest) => (event === name ? 1 : listenerCount.call(process, event, ...rest));
}

afterEach(() => {
  process.listenerCount = listenerCount;
});

test('the native engine says so, and auto takes the interpreter', async () => {
  listenFor('SIGSEGV');
  expect(nativeUnavailable()).toMatch(/listens for SIGSEGV/);
  await expect(WasmSandbox.create({ source, engine: 'native' })).rejects.toMatchObject({ code: 'USAGE' });
  const sandbox = await WasmSandbox.create({ source, engine: 'auto' });
  expect(sandbox.getResourceStats()).toMatchObject({ engine: 'interpreter' });
  expect(sandbox.getResourceStats().engineReason).toMatch(/SIGSEGV/);
});

test('other signals are of no interest', async () => {
  listenFor('SIGTERM');
  const sandbox = await WasmSandbox.create({ source, engine: 'native' });
  expect(await sandbox.call('f')).toBe(1);
});
