/** Writes to a cache until it is killed. Arguments: the folder, and where to begin. */

import { DiskStore } from '../../src/cache/disk.node.ts';
import { SandboxCache, WasmSandbox } from '../../src/index.node.ts';
import { keyOf } from './content.ts';
import { BULKY, bulkyContent, CACHE_BOUNDS, STORE_BOUNDS, WORK } from './work.ts';

const [folder = '', first = '0'] = process.argv.slice(2);
const store = await DiskStore.open(folder, STORE_BOUNDS);
const contents = BULKY.map(bulkyContent);

for (let step = Number(first); ; step++) {
  const bulky = step % BULKY.length;
  await store.write(keyOf(bulky), contents[bulky] as Uint8Array);
  await store.read(keyOf((bulky + 1) % BULKY.length));
  const cache = await SandboxCache.onDisk(folder, CACHE_BOUNDS);
  const work = WORK[step % WORK.length] as (typeof WORK)[number];
  await WasmSandbox.create({ source: work.source, engine: 'native', cache });
}
