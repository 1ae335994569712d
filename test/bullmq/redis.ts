/** A Redis for tests: `REDIS_URL`, or a server of their own on a free port, where `redis-server` is installed. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';

const url = process.env['REDIS_URL'];
const isInstalled = () => spawnSync('redis-server', ['--version']).status === 0;

/** Whether there is one, or can be. */
export const hasRedis = url ? true : isInstalled();

/** For the names of what is skipped. */
export const onRedis = hasRedis ? 'on Redis' : 'on Redis (redis-server is not installed, and REDIS_URL is not set)';

export interface Redis {
  readonly url: string;
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Until it takes commands. */
async function ready(server: ChildProcess): Promise<void> {
  let said = '';
  for await (const chunk of server.stdout as NonNullable<typeof server.stdout>) {
    said += chunk;
    if (said.includes('Ready to accept connections')) return;
  }
  throw new Error(`redis-server ended before it was ready:\n${said}`);
}

export async function startRedis(): Promise<Redis> {
  if (url) return { url, stop: async () => undefined };
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--daemonize', 'no'];
  const server = spawn('redis-server', args, { cwd: '/tmp', stdio: ['ignore', 'pipe', 'ignore'] });
  const end = () => server.kill('SIGKILL');
  process.once('exit', end);
  await ready(server);
  server.stdout?.resume();
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      process.off('exit', end);
      const ended = once(server, 'exit');
      server.kill();
      await ended;
    },
  };
}
