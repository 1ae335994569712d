/** A server in a process of its own; see servers.ts. */

import { prepare, type ServerTask } from './servers.ts';

process.once('message', async (task: ServerTask) => {
  const { url, spin } = await prepare(task);
  process.on('message', async (guests: number) => {
    await spin(guests);
    process.send?.('spinning');
  });
  process.send?.(url);
});
// Whoever measures has gone.
process.once('disconnect', () => process.exit());
