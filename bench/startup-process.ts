/** A process for one cold start; see startup.ts. */

import { contender } from './contenders.ts';
import { loadProduct } from './product.ts';
import { type ColdTask, loadModule, startOnce } from './startup.ts';

process.once('message', async ({ engine: key, module }: ColdTask) => {
  const product = await loadProduct();
  const engine = await contender(key).create(product);
  const bytes = loadModule(module);
  if ('absent' in engine || bytes === undefined) throw new Error(`${key} or ${module} is not there`);
  const phases = await startOnce(product, engine, module, bytes);
  process.send?.(phases, () => process.disconnect());
});
