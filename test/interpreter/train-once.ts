/** Trains the loops in a process in which nothing has run, and prints what of each has not been executed, as JSON. */

import { Session } from 'node:inspector';
import { FIRST_LOOP, runFirst } from '../../interpreter/machine/first-loop.generated.ts';
import { run } from '../../interpreter/machine/loop.generated.ts';
import { train } from '../../interpreter/machine/training.ts';
import { runUnmetered } from '../../interpreter/machine/unmetered-loop.generated.ts';
import { runVectors, VECTOR_LOOP } from '../../interpreter/machine/vector-loop.generated.ts';

interface Coverage {
  readonly result: readonly {
    readonly scriptId: string;
    readonly functions: readonly {
      readonly functionName: string;
      readonly ranges: readonly { readonly startOffset: number; readonly endOffset: number; readonly count: number }[];
    }[];
  }[];
}

const session = new Session();
session.connect();
const post = <T>(method: string, params: object = {}) =>
  new Promise<T>((resolve, reject) =>
    session.post(method, params, (error, result) => (error ? reject(error) : resolve(result as T))),
  );
await post('Debugger.enable');
await post('Profiler.enable');
await post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
train(runFirst, [], FIRST_LOOP);
train(run);
train(runUnmetered);
train(runVectors, VECTOR_LOOP);
const { result } = await post<Coverage>('Profiler.takePreciseCoverage');
const missing: Record<string, string[]> = {};
for (const { scriptId, functions } of result) {
  for (const { functionName, ranges } of functions) {
    if (![runFirst, run, runUnmetered, runVectors].some(({ name }) => name === functionName)) continue;
    const { scriptSource } = await post<{ scriptSource: string }>('Debugger.getScriptSource', { scriptId });
    missing[functionName] = ranges
      .filter(({ count }) => count === 0)
      .map(({ startOffset, endOffset }) => scriptSource.slice(startOffset, endOffset));
  }
}
console.log(JSON.stringify(missing));
