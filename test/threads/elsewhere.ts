/** Threads of JavaScript that share a memory with the one that tests. */

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { oneFile } from '../one-file.ts';

/** What `sharing.worker.ts` answers to some work. @throws what the thread ends with */
export async function answerFromThread(work: object): Promise<unknown> {
  const worker = new Worker(await oneFile('test/threads/sharing.worker.ts'), { workerData: work, execArgv: [] });
  const [result] = await Promise.race([
    once(worker, 'message'),
    once(worker, 'error').then(([error]) => Promise.reject(error)),
  ]);
  return result;
}
