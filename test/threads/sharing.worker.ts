/** A thread of JavaScript with a namespace of its own: runs the export that it is told to, on the memory that it is sent. */

import { parentPort, workerData } from 'node:worker_threads';
import { createWebAssembly, type MemoryParts } from '../../src/webassembly.ts';

interface Work {
  readonly module: ArrayBuffer;
  readonly memory: MemoryParts;
  readonly run: string;
  readonly args: readonly (number | bigint)[];
  readonly engine?: 'native' | 'auto';
}

const { module, memory, run, args, engine } = workerData as Work;
const { Module, Memory, Instance } = await createWebAssembly({ engine });
const { exports } = new Instance(Module.fromTransferable(module), { env: { memory: Memory.fromTransferable(memory) } });
parentPort?.postMessage((exports[run] as (...args: unknown[]) => unknown)(...args));
