/**
 * Counts work, as times are nothing that a test can rely on: how often any block of the project's own code is entered, by
 * the host's own coverage. The same on every run. To be begun before the code is loaded.
 */

import { Session } from 'node:inspector/promises';

const ROOT = new URL('../../', import.meta.url).href;
const OWN = ['wasm', 'interpreter', 'instrument', 'src', 'policy'].map((folder) => `${ROOT}${folder}/`);

/** @returns what tells how many blocks were entered since the last time, in the project's own code */
export async function beginCounting(): Promise<() => Promise<number>> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  return async () => {
    const { result } = await session.post('Profiler.takePreciseCoverage');
    let sum = 0;
    for (const { url, functions } of result) {
      if (!OWN.some((folder) => url.startsWith(folder))) continue;
      for (const { ranges } of functions) for (const { count } of ranges) sum += count;
    }
    return sum;
  };
}
