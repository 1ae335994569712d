/** A program compiled from C makes requests through the gate. */

import { describe, expect, test } from 'vitest';
import { loadFixture } from '../../../fixtures/load.node.ts';
import { HTTP_ERROR } from '../../../policy/net/codes.ts';
import { Capability, SandboxDisposed, SecurityPolicy, SecurityViolation, WasmSandbox } from '../../../src/index.ts';
import { serve } from './http-guest.ts';

const FETCH = loadFixture('fetch');

async function run(policy: SecurityPolicy, ...args: string[]) {
  const sandbox = await WasmSandbox.fromBytes(FETCH, { securityPolicy: policy, args: ['fetch', ...args] });
  try {
    const { exitCode, stdout, stderr } = await sandbox.run();
    return { exitCode, stdout, stderr, events: sandbox.auditEvents(), stats: sandbox.getResourceStats() };
  } finally {
    sandbox.dispose();
  }
}

const granting = (host: string, port: number) =>
  SecurityPolicy.builder()
    .allowNetworkAccess([host], { requireHttps: false, allowedPorts: [port] })
    .enableAuditLogging();

const echo = () =>
  serve((request, response) => {
    response.setHeader('content-type', 'text/plain');
    response.write(`${request.method} ${request.url} ${request.headers.host} ${request.headers['x-ask'] ?? ''}\n`);
    request.pipe(response);
  });

test('fetches from a server on this machine that was granted by name', async () => {
  await using server = await echo();
  const url = `http://localhost:${server.port}/a?b=c`;
  const args = ['POST', url, 'X-Ask: something', `=${'x'.repeat(5_000)}`];
  const { exitCode, stdout, stderr, events } = await run(granting('localhost', server.port).build(), ...args);
  const first = `POST /a?b=c localhost:${server.port} something`;
  expect({ exitCode, stdout, stderr }).toEqual({
    exitCode: 0,
    stdout: `status 200\ncontent-type text/plain\n${first}\n${'x'.repeat(5_000)}`,
    stderr: '',
  });
  const calls = events.filter((event) => event.function.startsWith('wasm_sandbox_http.'));
  expect(calls.every(({ allowed, rule }) => allowed && rule === 'network#0')).toBe(true);
  expect(calls[0]).toMatchObject({
    function: 'wasm_sandbox_http.request_open',
    request: { url, method: 'POST' },
    result: 1,
  });
  const sent = calls.find((event) => event.function === 'wasm_sandbox_http.request_send');
  expect(sent).toMatchObject({ result: 200, request: { url, method: 'POST' } });
});

test('is refused for a host that was not granted, and the record shows it', async () => {
  await using server = await echo();
  const url = `http://127.0.0.1:${server.port}/`;
  const policy = granting('example.com', server.port).build();
  const { exitCode, stdout, stderr, events } = await run(policy, 'GET', url);
  expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 1, stdout: '', stderr: 'open: denied\n' });
  expect(server.seen).toEqual([]);
  const refused = events.filter(({ allowed }) => !allowed);
  expect(refused).toEqual([
    {
      sequence: expect.any(Number),
      function: 'wasm_sandbox_http.request_open',
      request: { kind: 'network', url, method: 'GET' },
      allowed: false,
      rule: 'default',
      reason: 'the policy does not grant this host',
      gasUsed: expect.any(BigInt),
    },
  ]);
});

test('ends in a SecurityViolation where the policy says so', async () => {
  const policy = granting('example.com', 80).onViolation('trap').build();
  const failed = run(policy, 'GET', 'http://localhost/');
  await expect(failed).rejects.toBeInstanceOf(SecurityViolation);
  await expect(failed).rejects.toThrow(/^Network access denied: wasm_sandbox_http\.request_open was called, but/);
});

test('is not let in by permissive', async () => {
  await using server = await echo();
  for (const host of ['127.0.0.1', 'localhost', '[::1]', '2130706433']) {
    const { stderr } = await run(SecurityPolicy.permissive(), 'GET', `http://${host}:${server.port}/`);
    expect(stderr).toBe('open: denied\n');
  }
  const named = SecurityPolicy.permissive().with(
    Capability.networkAccess(['localhost'], { requireHttps: false, allowedPorts: [server.port] }),
  );
  expect((await run(named, 'GET', `http://localhost:${server.port}/`)).exitCode).toBe(0);
});

test("waits no longer than the guest's call may take", async () => {
  await using server = await serve(() => undefined);
  const policy = granting('127.0.0.1', server.port).maxExecutionTime(2_000).build();
  const { exitCode, stderr, events } = await run(policy, 'GET', server.url);
  expect({ exitCode, stderr }).toEqual({ exitCode: -HTTP_ERROR.timeout, stderr: 'send: timeout\n' });
  expect(events.find(({ allowed }) => !allowed)).toMatchObject({ rule: 'timeLimit' });
});

test('leaves nothing open when the sandbox is disposed of while it waits', async () => {
  let arrived: () => void = () => undefined;
  const waiting = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  await using server = await serve(() => arrived());
  const closed = new Promise((resolve) => server.server.on('connection', (socket) => socket.on('close', resolve)));
  const policy = granting('127.0.0.1', server.port).build();
  const sandbox = await WasmSandbox.fromBytes(FETCH, { securityPolicy: policy, args: ['fetch', 'GET', server.url] });
  const running = sandbox.run();
  await waiting;
  sandbox.dispose();
  await expect(running).rejects.toBeInstanceOf(SandboxDisposed);
  await closed;
});

describe('gas', () => {
  test('is the same whether or not anything is recorded', async () => {
    await using server = await echo();
    const url = `${server.url}/`;
    const off = SecurityPolicy.builder()
      .allowNetworkAccess(['127.0.0.1'], { requireHttps: false, allowedPorts: [server.port] })
      .build();
    const lines: unknown[] = [];
    const sink = SecurityPolicy.builder(off)
      .enableAuditLogging({ sink: (event) => lines.push(event), keep: false })
      .build();
    const runs = [off, SecurityPolicy.builder(off).enableAuditLogging().build(), sink];
    const used: bigint[] = [];
    for (const policy of runs) used.push((await run(policy, 'GET', url)).stats.gasUsed);
    expect(new Set(used).size).toBe(1);
    expect(lines.length).toBeGreaterThan(5);
  });
});
