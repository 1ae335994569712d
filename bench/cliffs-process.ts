/** A process in which guests run one after the other; see cliffs.ts. */

import { type CliffsTask, runTask } from './cliffs.ts';
import { loadProduct } from './product.ts';

process.once('message', async (task: CliffsTask) => {
  const courses = await runTask(await loadProduct(), task);
  process.send?.(courses, () => process.disconnect());
});
