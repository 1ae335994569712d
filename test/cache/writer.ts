/** Writes to a cache until it is killed. Arguments: the folder, and where to begin. */

import { DiskStore } from '../../src/cache/disk.node.ts';
import { SandboxCache, WasmSandbox } from '../../src/index.node.ts';
import { keyOf } from './content.ts';
import { BULKY, bulkyContent, CACHE_BOUNDS, moduleOf, STORE_BOUNDS, WORK } from './work.ts';

const [folder = '', first = '0'] = process.argv.slice(2);
const store = await DiskStore.open(folder, STORE_BOUNDS);
const contents: Uint8Array[] = [];

for (let step = Number(first); ; step++) {
  const bulky = step % BULKY.length;
  contents[bulky] ??= bulkyContent(bulky);
  await store.write(keyOf(bulky), contents[bulky]);
  await store.read(keyOf((bulky + 1) % BULKY.length));
  const cache = await SandboxCache.onDisk(folder, CACHE_BOUNDS);
  await WasmSandbox.create({ source: moduleOf(step % WORK.length), engine: 'native', cache });
}
