/** Threads of JavaScript that share a memory with the one that tests. */

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** What `sharing.worker.ts` answers to some work. @throws what the thread ends with */
export async function answerFromThread(work: object): Promise<unknown> {
  const worker = new Worker(new URL('sharing.worker.ts', import.meta.url), {
    workerData: work,
    execArgv: ['--import', new URL('../typescript.mjs', import.meta.url).href],
  });
  const [result] = await Promise.race([
    once(worker, 'message'),
    once(worker, 'error').then(([error]) => Promise.reject(error)),
  ]);
  return result;
}
