/**
 * Counts the work of preparing modules, as times and memory are nothing that a test can rely on: how often any block of
 * the project's own code is entered, by the host's own coverage, and what of a module stays, object by object. Both are
 * the same on every run. A process of its own, as coverage is asked for before the code is loaded; takes one
 * {@link CountTask} at a time from its parent.
 */

import { Session } from 'node:inspector/promises';
import type { Count, CountTask } from './measure.ts';

const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });

const { build, ONCE, parse, plain } = await import('./candidate.ts');
const { decode } = await import('../../wasm/decode.ts');
const { WasmSandbox } = await import('../../src/sync.ts');
const { Capability } = await import('../../policy/index.ts');

const ROOT = new URL('../../', import.meta.url).href;
const OWN = ['wasm', 'interpreter', 'instrument', 'src', 'policy'].map((folder) => `${ROOT}${folder}/`);

/** Blocks entered since the last time, in the project's own code. */
async function entered(): Promise<number> {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  let sum = 0;
  for (const { url, functions } of result) {
    if (!OWN.some((folder) => url.startsWith(folder))) continue;
    for (const { ranges } of functions) for (const { count } of ranges) sum += count;
  }
  return sum;
}

function isModule(bytes: Uint8Array): boolean {
  try {
    decode(bytes);
    return true;
  } catch {
    return false;
  }
}

async function count({ candidate, size = 0, engine }: CountTask): Promise<Count> {
  const bytes =
    candidate === undefined ? Uint8Array.from(plain(size)) : Uint8Array.from(build(parse(candidate), 1 << 22));
  await entered();
  let failure: string | undefined;
  let gas = 0;
  try {
    const capabilities = [Capability.hostFunctions('env', { f: () => undefined })];
    const sandbox = WasmSandbox.fromBytes(bytes, { engine, gasLimit: 1_000_000_000, capabilities });
    try {
      sandbox.call(ONCE);
    } finally {
      gas = Number(sandbox.getResourceStats().gasUsed);
    }
  } catch (error) {
    failure = error instanceof Error ? `${error.constructor.name}: ${error.message}` : String(error);
  }
  const work = await entered();
  return { bytes: bytes.length, work, gas, failure, isRefused: failure !== undefined && !isModule(bytes) };
}

process.on('message', async (task: CountTask) => {
  try {
    process.send?.({ value: await count(task) });
  } catch (error) {
    process.send?.({ error: String(error) });
  }
});
// What is done only once is not counted.
for (const engine of ['interpreter', 'native'] as const)
  await count({ kind: 'count', candidate: undefined, size: 1_000, engine });
process.send?.({ stage: 'ready' });
