/** Grades programs: each case in a fresh state, within limits that are the same on every machine. */

import { GasExhausted, MiB, RuntimeError, WasmSandbox } from 'wasm-sandbox';

export interface Case {
  readonly stdin: string;
  readonly expected: string;
}

export type Verdict = 'accepted' | 'wrong answer' | 'too slow' | 'too much memory' | 'failed';

/** @param signal ends the grading, with CallAborted */
export async function grade(program: Uint8Array, cases: readonly Case[], signal?: AbortSignal): Promise<Verdict[]> {
  using sandbox = await WasmSandbox.fromBytes(program, {
    args: ['program'],
    memoryLimit: 64 * MiB,
    signal,
    yieldEvery: 5,
  });
  const verdicts: Verdict[] = [];
  for (const { stdin, expected } of cases) {
    await sandbox.reset({ stdin });
    let verdict: Verdict;
    try {
      const { exitCode, stdout } = await sandbox.run({ gasLimit: 500_000_000, signal });
      verdict = exitCode !== 0 ? 'failed' : stdout.trim() === expected.trim() ? 'accepted' : 'wrong answer';
    } catch (error) {
      if (signal?.aborted || !(error instanceof RuntimeError)) throw error;
      verdict = error instanceof GasExhausted ? 'too slow' : 'failed';
    }
    // Programs do what they like when they get no more memory.
    const { growthRefused } = sandbox.getResourceStats();
    verdicts.push(growthRefused && verdict !== 'accepted' ? 'too much memory' : verdict);
  }
  return verdicts;
}
