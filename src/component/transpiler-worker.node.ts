/**
 * The transpiler on a thread of its own: bytes of anybody's can make it fail for good, take without end, or more memory than
 * there is, and then only the thread is given up.
 */

import { createRequire } from 'node:module';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { CompileError } from '../../wasm/errors.ts';
import type { Generated, GenerateOptions, Transpiler } from './transpiler.ts';

/** Milliseconds for one component. A large one takes some seconds. */
const TIME_LIMIT = 60_000;
/** MiB of JavaScript values. */
const HEAP_LIMIT = 1_024;

/** What the thread runs. What it is told is the text of its own errors. */
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const loading = import(workerData).then(async (transpiler) => { await transpiler.$init; return transpiler; });
loading.catch(() => undefined);
parentPort.on('message', async ({ bytes, options }) => {
  try {
    const { generate } = await loading;
    parentPort.postMessage({ generated: generate(bytes, options) });
  } catch (error) {
    const isResult = Object.hasOwn(error, 'payload');
    parentPort.postMessage({ reason: String(isResult ? error.payload : error.message), isOver: !isResult });
  }
});
`;

type Answer = { readonly generated: Generated } | { readonly reason: string; readonly isOver: boolean };

/** One thread, which is made when there is something to do, and lets the process end when there is not. */
class WorkerTranspiler implements Transpiler {
  private readonly url: string;
  private worker: Worker | undefined;
  private last: Promise<unknown> = Promise.resolve();

  constructor(url: string) {
    this.url = url;
  }

  /** @throws CompileError */
  generate(bytes: Uint8Array, options: GenerateOptions): Promise<Generated> {
    // One after the other, so that a failure is that of one component.
    const turn = this.last.then(() => this.transpile(bytes, options));
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private async transpile(bytes: Uint8Array, options: GenerateOptions): Promise<Generated> {
    const worker = (this.worker ??= this.start());
    worker.ref();
    const answer = await this.ask(worker, { bytes, options });
    worker.unref();
    if ('generated' in answer) return answer.generated;
    if (answer.isOver) {
      this.worker = undefined;
      await worker.terminate();
    }
    throw new CompileError(answer.reason);
  }

  private ask(worker: Worker, question: unknown): Promise<Answer> {
    return new Promise((resolve) => {
      const end = (answer: Answer): void => {
        clearTimeout(timer);
        worker.removeAllListeners();
        // What comes of it later is of no interest.
        worker.on('error', () => undefined);
        resolve(answer);
      };
      const over = (reason: string) => end({ reason, isOver: true });
      const timer = setTimeout(() => over(`it takes more than ${TIME_LIMIT} ms to transpile`), TIME_LIMIT);
      worker.removeAllListeners();
      worker.once('message', end);
      worker.once('error', (error) => over(error.message));
      worker.once('exit', () => over('the transpiler ended'));
      worker.postMessage(question);
    });
  }

  private start(): Worker {
    return new Worker(PROGRAM, {
      eval: true,
      workerData: this.url,
      env: {},
      execArgv: [],
      // Nobody is told what it says of its own failures.
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_LIMIT },
    });
  }
}

/** @throws where the package is not installed */
export function workerTranspiler(specifier: string): Transpiler {
  // Bundles in CommonJS have none: there it is looked for from the current folder on.
  const base = import.meta.url ?? pathToFileURL(`${process.cwd()}/`).href;
  return new WorkerTranspiler(pathToFileURL(createRequire(base).resolve(specifier)).href);
}
