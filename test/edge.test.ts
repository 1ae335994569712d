import { describe, expect, test } from 'vitest';
import worker from '../examples/edge/worker.mjs';
import { loadFixture } from '../fixtures/load.node.ts';
import { WasmSandbox } from '../src/index.ts';

// examples/edge in this process; npm run places runs it on workerd.

interface Answer {
  readonly status: number;
  readonly lines: readonly Record<string, unknown>[];
}

async function post(path: string, tenant: string, body?: Uint8Array): Promise<Answer> {
  const init = { method: 'POST', headers: { 'x-tenant': tenant }, ...(body && { body: body as BodyInit }) };
  const response = await worker.fetch(new Request(`http://edge${path}`, init));
  const lines = (await response.text()).trim().split('\n');
  return { status: response.status, lines: lines.map((line) => JSON.parse(line)) };
}

/** How a job stands in the end, and how many requests it took. */
async function finish(tenant: string, path: string, module: Uint8Array) {
  let { lines } = await post(path, tenant, module);
  for (let requests = 1; ; requests++) {
    const last = lines.at(-1) as { job: string; state: string; result?: string; stats: { gasUsed: string } };
    if (last.state !== 'paused') return { ...last, requests };
    ({ lines } = await post(`/jobs/${last.job}`, tenant));
  }
}

test('a job of many requests ends as one in a piece', async () => {
  const module = loadFixture('loopsum');
  const whole = await WasmSandbox.create({ source: module, engine: 'interpreter' });
  const result = await whole.call('run', [2_000_000]);
  const { requests, ...last } = await finish('many', '/jobs?args=2000000', module);
  expect(requests).toBeGreaterThan(2);
  expect(last).toMatchObject({ state: 'done', result: String(result) });
  expect(last.stats.gasUsed).toBe(String(whole.getResourceStats().gasUsed));
});

test('fifty tenants at once get what is theirs', async () => {
  const module = loadFixture('fib');
  const jobs = Array.from({ length: 50 }, (_, i) => finish(`tenant-${i}`, `/jobs?args=${i % 20}`, module));
  const results = (await Promise.all(jobs)).map(({ result }) => Number(result));
  const fib = (n: number): number => (n < 2 ? n : fib(n - 1) + fib(n - 2));
  expect(results).toEqual(results.map((_, i) => fib(i % 20)));
});

test('what a guest writes is streamed', async () => {
  const { lines } = await post('/jobs?function=_start', 'writer', loadFixture('hello'));
  const written = lines.map(({ stdout }) => stdout ?? '').join('');
  expect(written).toContain('arguments');
});

describe('what it must refuse', () => {
  test.each([
    ['no tenant', '/jobs', '', loadFixture('fib'), 403],
    ['another path', '/x', 'a', loadFixture('fib'), 404],
    ['a job that never was', '/jobs/none', 'a', undefined, 404],
    ['arguments that are none', '/jobs?args=x', 'a', loadFixture('fib'), 400],
    ['a module that is too large', '/jobs', 'a', new Uint8Array(5_000_000), 413],
  ])('%s', async (_, path, tenant, body, status) => {
    expect((await post(path, tenant, body)).status).toBe(status);
  });

  test('a second request for a job that one is busy with', async () => {
    const { lines } = await post('/jobs?args=100000000', 'busy', loadFixture('loopsum'));
    const path = `/jobs/${lines.at(-1)?.['job']}`;
    const answers = await Promise.all([post(path, 'busy'), post(path, 'busy')]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
  });

  test('a job of another tenant', async () => {
    const { lines } = await post('/jobs?args=100000000', 'owner', loadFixture('loopsum'));
    expect((await post(`/jobs/${lines.at(-1)?.['job']}`, 'other')).status).toBe(404);
  });

  test('no module, and a guest that traps, with the error as data', async () => {
    const none = await post('/jobs', 'a', new Uint8Array(8));
    expect(none.lines.at(-1)).toMatchObject({ state: 'failed', error: { code: 'COMPILE' } });
    const trap = await post('/jobs?function=unreachable', 'a', loadFixture('traps'));
    expect(trap.lines.at(-1)).toMatchObject({ state: 'failed', error: { code: 'TRAP', kind: 'unreachable' } });
  });
});
