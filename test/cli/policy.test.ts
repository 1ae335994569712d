import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parseHosts } from '../../src/cli/arguments/hosts.ts';
import { UsageError } from '../../wasm/errors.ts';
import { serve } from '../policy/net/http-guest.ts';
import { fixture, run } from './harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'wasm-sandbox-policy-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function policyFile(policy: unknown): string {
  const path = join(folder, `policy-${files++}.json`);
  writeFileSync(path, typeof policy === 'string' ? policy : JSON.stringify(policy));
  return path;
}

const lines = (path: string) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

describe('--allow-net', () => {
  test('lets the program make requests there, and only there', async () => {
    await using server = await serve((_, response) => response.end('hi'));
    const fetch = (grant: string[]) =>
      run(['run', ...grant, fixture('fetch'), 'GET', `http://localhost:${server.port}/`]);
    expect(await fetch([])).toMatchObject({ status: 1, stdout: '', stderr: 'open: denied\n' });
    expect(await fetch(['--allow-net', 'localhost'])).toMatchObject({ status: 1 });
    expect(await fetch(['--allow-net', `a.example,localhost:${server.port}`])).toMatchObject({
      status: 0,
      stdout: 'status 200\nhi',
    });
    const twice = ['--allow-net', `localhost:${server.port}`, '--allow-net', 'a.example'];
    expect(await fetch(twice)).toMatchObject({ status: 0 });
  });

  test.each([
    ['example.com', ['example.com'], [80, 443]],
    ['*.Example.com:8443', ['*.example.com'], [8443]],
    ['*', ['*'], [80, 443]],
    ['127.0.0.1:80', ['127.0.0.1'], [80]],
    ['::1', ['[::1]'], [80, 443]],
    ['fe80::1:8080', ['[fe80::1:8080]'], [80, 443]],
    ['[::1]:8080', ['[::1]'], [8080]],
  ])('%s', (text, hosts, allowedPorts) => {
    expect(parseHosts(text)).toMatchObject([{ hosts, allowedPorts, requireHttps: false }]);
  });

  test.each(['', 'a,', ':80', 'a:0', 'a:65536', 'https://a', 'a/b', 'a:b', 'a b'])('%j is no host', async (text) => {
    expect(() => parseHosts(text)).toThrow(UsageError);
    const { status, stderr } = await run(['run', '--allow-net', text, fixture('fetch')]);
    expect(status).toBe(2);
    expect(stderr).toContain('--allow-net');
  });
});

describe('--policy', () => {
  test('says what the program may do', async () => {
    await using server = await serve((_, response) => response.end('hi'));
    const policy = policyFile({
      capabilities: [
        { kind: 'network', hosts: ['127.0.0.1'], requireHttps: false, allowedPorts: [server.port] },
        { kind: 'environment', variables: { LANG: 'C' } },
      ],
    });
    const fetched = await run(['run', '--policy', policy, fixture('fetch'), 'GET', server.url]);
    expect(fetched).toMatchObject({ status: 0, stdout: 'status 200\nhi' });
    const hello = await run(['run', '--policy', policy, '--env', 'MORE=1', fixture('hello')]);
    expect(hello.stdout).toContain('environment\n  LANG=C\n  MORE=1\n');
  });

  test('its limits and reactions count', async () => {
    const limited = policyFile({ limits: { gas: 1_000 }, outputLimit: 3 });
    expect((await run(['run', '--policy', limited, fixture('hello')])).status).toBe(125);
    const trapping = policyFile({ outputLimit: 3, onViolation: 'trap' });
    const { status, stderr } = await run(['run', '--policy', trapping, fixture('hello')]);
    expect(status).toBe(127);
    expect(stderr).toMatch(/SecurityViolation: Environment access denied: /);
  });

  test.each([
    ['{"capability": []}', 'policy.capability: there is no such key'],
    ['nonsense', 'policy: not JSON'],
  ])('%s is an error of usage', async (text, message) => {
    const { status, stderr } = await run(['run', '--policy', policyFile(text), fixture('hello')]);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
  });

  test('so is a file that is not there, and --strict beside it', async () => {
    expect(await run(['run', '--policy', join(folder, 'none.json'), fixture('hello')])).toMatchObject({ status: 2 });
    expect(await run(['run', '--strict', '--policy', policyFile('{}'), fixture('hello')])).toMatchObject({ status: 2 });
  });
});

describe('--audit', () => {
  test('writes a line for each call of the host, also of a run that fails', async () => {
    const path = join(folder, 'audit.jsonl');
    writeFileSync(path, 'what was there before\n');
    await run(['run', '--audit', path, fixture('fetch'), 'GET', 'http://localhost/']);
    const events = lines(path);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, i) => i));
    expect(events.filter(({ allowed }) => !allowed)).toMatchObject([
      {
        function: 'wasm_sandbox_http.request_open',
        request: { url: 'http://localhost/', method: 'GET' },
        rule: 'default',
      },
    ]);
    await run(['run', '--gas', '50000', '--audit', path, fixture('hello')]);
    expect(lines(path).length).toBeGreaterThan(0);
  });

  test('a file that cannot be written is an error of usage', async () => {
    const { status, stderr } = await run(['run', '--audit', join(folder, 'no', 'such'), fixture('hello')]);
    expect(status).toBe(2);
    expect(stderr).toContain('cannot write');
  });
});

describe('--deterministic', () => {
  test('gives the same output, record and figures at every run, however the input arrives', async () => {
    const path = join(folder, 'deterministic.jsonl');
    const once = async (pieceBytes: number) => {
      const args = ['run', '--deterministic', '--json', '--audit', path, '--env', 'A=1', fixture('hello'), 'x'];
      return { ...(await run(args, 'x'.repeat(10_000), pieceBytes)), record: readFileSync(path, 'utf8') };
    };
    const first = await once(10_000);
    expect(await once(10_000)).toEqual(first);
    expect(await once(7)).toEqual(first);
    const { stats, stdout } = JSON.parse(first.stdout);
    expect(stdout).toContain('10000 bytes of input');
    expect(stats).not.toHaveProperty('cpuTimeMs');
    expect(first.record).toContain('"gasUsed"');
  });

  test('makes the clock and the randomness of a policy reproducible', async () => {
    const policy = policyFile({ base: 'moderate' });
    const { status, stdout } = await run([
      'run',
      '--deterministic',
      '--policy',
      policy,
      '--json',
      fixture('primes'),
      '10',
    ]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout).error).toBeUndefined();
  });

  test.each([
    ['--timeout', '5s'],
    ['--allow-net', 'example.com'],
    ['--policy', policyFile({ base: 'permissive' })],
    ['--policy', policyFile({ limits: { executionTime: 5 } })],
    ['--policy', policyFile({ capabilities: [{ kind: 'environment', variables: ['PATH'] }] })],
  ])('%s does not go with it', async (...options) => {
    const { status, stderr } = await run(['run', '--deterministic', ...options, fixture('hello')]);
    expect(status).toBe(2);
    expect(stderr).toContain('--deterministic does not go together with');
  });
});
