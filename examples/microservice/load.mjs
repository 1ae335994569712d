// Many clients at once, each with one request after another: how long answers take, and whether every one is right.
//   node load.mjs [URL] [requests] [clients]
// Without a URL it starts the service beside itself.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** What is asked for, and what is right. */
const EXPECTED = new Map([
  [100, 25],
  [1_000, 168],
  [10_000, 1_229],
]);

/**
 * @returns how many answers there were of each status, how many of 200 were wrong, and their milliseconds in order
 */
export async function load(url, { requests = 2_000, clients = 16 } = {}) {
  const questions = [...EXPECTED.keys()];
  const statuses = {};
  const times = [];
  let wrong = 0;
  let next = 0;
  const client = async () => {
    while (next < requests) {
      const last = questions[next++ % questions.length];
      const begun = performance.now();
      const response = await fetch(`${url}/primes/${last}`);
      const body = await response.json();
      times.push(performance.now() - begun);
      statuses[response.status] = (statuses[response.status] ?? 0) + 1;
      if (response.status === 200 && body.primes !== EXPECTED.get(last)) wrong++;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return { statuses, wrong, times: times.sort((a, b) => a - b) };
}

/** The service in a process of its own, on a port that is free. */
export async function startService() {
  const main = fileURLToPath(new URL('main.mjs', import.meta.url));
  const env = { ...process.env, PORT: '0' };
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /http:\/\/[\d.]+:\d+/.exec(line)?.[0];
    if (url === undefined) continue;
    child.stdout.resume();
    return { url, child, ended };
  }
  throw new Error(`the service ended with ${await ended} before it had a port`);
}

async function main([given, requests = '2000', clients = '16']) {
  const service = given === undefined ? await startService() : undefined;
  const begun = performance.now();
  const { statuses, wrong, times } = await load(given ?? service.url, { requests: +requests, clients: +clients });
  const seconds = (performance.now() - begun) / 1000;
  service?.child.kill('SIGTERM');
  await service?.ended;
  const at = (share) => `${times[Math.floor((times.length - 1) * share)].toFixed(1)} ms`;
  console.log(
    `${Math.round(times.length / seconds)} requests a second, ${clients} clients: ${JSON.stringify(statuses)}`,
  );
  console.log(`half within ${at(0.5)}, 99 of 100 within ${at(0.99)}, all within ${at(1)}; ${wrong} wrong`);
  const unexpected = Object.keys(statuses).filter((status) => status !== '200' && status !== '503');
  if (wrong > 0 || unexpected.length > 0) process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
