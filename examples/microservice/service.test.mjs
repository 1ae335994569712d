import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checks } from './checks.mjs';
import { startService } from './load.mjs';

for (const [name, check] of Object.entries(checks)) test(name, check);

test('the process ends with 0 when it is asked to', {
  skip: process.platform === 'win32' && 'has no SIGTERM',
}, async () => {
  const { url, child, ended } = await startService();
  assert.deepEqual(await (await fetch(`${url}/primes/100`)).json(), { primes: 25 });
  assert.match(await (await fetch(`${url}/metrics`)).text(), /^process_cpu_seconds_total /m);
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
});
