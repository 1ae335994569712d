/** What answers requests: each a server on 127.0.0.1, in a process of its own. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { MATH } from '../../test/service/guests.ts';
import { SERVERS } from '../../test/service/servers.ts';
import { loadProduct } from '../product.ts';
import { HANDLERS, type HandlerName } from './handlers.ts';

/** Which server, and how often the loop of its guest goes round for a request. */
export type ServerTask =
  | { readonly handler: HandlerName; readonly rounds: number }
  | { readonly framework: keyof typeof SERVERS };

/** In the process of the server. */
interface Prepared {
  readonly url: string;
  /** Has so many guests run that never end, in the place of those that do already. */
  spin(guests: number): Promise<void>;
}

/** Called in the process of the server. @throws where what is to answer is not there */
export async function prepare(task: ServerTask): Promise<Prepared> {
  if ('framework' in task) return onFramework(task.framework);
  const answer = await HANDLERS[task.handler](await loadProduct(), task.rounds);
  const server = createServer(async (_request, response) => {
    response.end(String(await answer()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, spin: async () => undefined };
}

/** The servers of the adapters' tests, on the sources, with nothing set but how long a guest may take. */
async function onFramework(framework: keyof typeof SERVERS): Promise<Prepared> {
  const { url, service } = await SERVERS[framework]({ modules: { math: MATH }, limits: { time: '60m' } });
  const spinning: AbortController[] = [];
  const spin = async (guests: number): Promise<void> => {
    for (const each of spinning.splice(0)) each.abort();
    for (let i = 0; i < guests; i++) {
      const stopping = new AbortController();
      spinning.push(stopping);
      void service.call('math', 'spin', [], stopping).catch(() => undefined);
    }
    // The interpreter is compiled meanwhile.
    await sleep(500);
  };
  return { url: `${url}/ping`, spin };
}

/** A server as whoever measures has it. */
export interface Server {
  readonly url: string;
  spin(guests: number): Promise<void>;
  stop(): void;
}

const ENTRY = fileURLToPath(new URL('./process.ts', import.meta.url));

/** @throws where its process has ended instead */
export async function start(task: ServerTask): Promise<Server> {
  const child = fork(ENTRY, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  child.send(task);
  const url = String(await answerOf(child));
  const spin = async (guests: number) => {
    child.send(guests);
    await answerOf(child);
  };
  return { url, spin, stop: () => child.disconnect() };
}

function answerOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (status: number | null) => reject(new Error(`the process of a server ended with status ${status}`));
    child.once('close', ended);
    child.once('message', (message) => {
      child.off('close', ended);
      resolve(message);
    });
  });
}
