/** Work in a process of its own, which is sent its task and sends back what came of it. */

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** @param entry of the process, beside this file */
export function inProcess<T>(entry: string, task: object): Promise<T> {
  return new Promise((resolve, reject) => {
    const path = fileURLToPath(new URL(entry, import.meta.url));
    const child = fork(path, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    let found: { readonly message: T } | undefined;
    child.on('message', (message: T) => {
      found = { message };
    });
    child.on('error', reject);
    child.on('close', (status) => {
      if (found !== undefined) resolve(found.message);
      else reject(new Error(`${entry} ended with status ${status}`));
    });
    child.send(task);
  });
}
