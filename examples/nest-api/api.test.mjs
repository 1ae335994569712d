import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checks } from './checks.mjs';

for (const [name, check] of Object.entries(checks)) test(name, check);

test('the process ends when it is asked to', { skip: process.platform === 'win32' && 'has no SIGTERM' }, async () => {
  const env = { ...process.env, PORT: '0', TENANTS: '{"ada":100000000}' };
  const child = spawn(process.execPath, [fileURLToPath(new URL('main.mjs', import.meta.url))], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  let url;
  for await (const line of createInterface({ input: child.stdout })) {
    url = /^at (http:.*)/.exec(line)?.[1];
    if (url !== undefined) break;
  }
  const response = await fetch(`${url}/budget`, { headers: { 'x-api-key': 'ada', connection: 'close' } });
  assert.equal((await response.json()).remaining, '100000000');
  child.kill('SIGTERM');
  // Nest ends what is there, and then sends itself the signal again.
  assert.deepEqual(await ended, [null, 'SIGTERM']);
});
