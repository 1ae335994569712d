/** Whether a guest does the same in every fresh sandbox. */

import { UsageError } from '../../wasm/errors.ts';
import { describe, messageOf } from '../../wasm/quote.ts';
import type { Output } from '../call/output.ts';
import { callback, integer } from '../checks/check.ts';
import { checkNamed } from '../checks/named.ts';
import { factoryFor } from '../pool/factory.ts';
import type { PoolOptions } from '../pool/options.ts';
import type { WasmSandbox } from '../sandbox.ts';
import { type Verdict, verdict } from './checks.ts';
import { type Outcome, see } from './subject.ts';

/** How it is found out whether a guest does the same every time. */
export interface DeterminismOptions {
  /** What the sandboxes are made of: options, a builder, or a function that makes one. */
  readonly sandbox?: PoolOptions['sandbox'] | undefined;
  /** How many there are, at least 2; 2 unless given. */
  readonly runs?: number | undefined;
}

/** What is compared of each run. */
interface Run {
  readonly outcome: Outcome;
  readonly gas: bigint;
  readonly output: Output;
}

const MOST_RUNS = 1_000;

/**
 * Calls a function with one fresh sandbox after another, which are then disposed of, and compares what came of it: the
 * result, or the failure; all gas of the sandbox; its output.
 * @param work as `SandboxPool.use` takes it
 * @param usual what the sandboxes are made of where the options do not say
 * @throws UsageError; what making a sandbox throws, and the function, where that is no failure of a guest
 */
export async function checkDeterminism(
  work: unknown,
  options: DeterminismOptions = {},
  usual?: PoolOptions['sandbox'],
): Promise<Verdict> {
  const call = callback('what is run in each sandbox', work) as unknown as (sandbox: WasmSandbox) => unknown;
  const { sandbox = usual, runs = 2 } = checkNamed<DeterminismOptions>('toBeDeterministic', options, {
    sandbox: (value) => value as PoolOptions['sandbox'],
    runs: (value) => integer('runs', value, 'runs', 2, MOST_RUNS),
  });
  if (sandbox === undefined) {
    throw new UsageError('nothing says what the sandboxes are made of: pass { sandbox } with their options');
  }
  const make = await factoryFor(sandbox, undefined);
  const first = await runIn(await make(false), call);
  for (let run = 2; run <= runs; run++) {
    const other = await runIn(await make(false), call);
    const difference = differenceOf(first, other);
    if (difference !== undefined) {
      return verdict({ pass: false, wanted: 'the same in every run', happened: `${difference} in run ${run}` });
    }
  }
  return verdict({ pass: true, wanted: 'the same in every run', happened: `all ${runs} runs were the same` });
}

async function runIn(sandbox: WasmSandbox, work: (sandbox: WasmSandbox) => unknown): Promise<Run> {
  try {
    const { outcome } = await see(() => work(sandbox));
    const { gasUsed } = sandbox.getResourceStats();
    return { outcome: outcome as Outcome, gas: gasUsed, output: sandbox.output() };
  } finally {
    sandbox.dispose();
  }
}

function differenceOf(first: Run, other: Run): string | undefined {
  const [a, b] = [endOf(first.outcome), endOf(other.outcome)];
  if (!isSame(a.value, b.value)) return `it ${a.told} in the first run, and ${b.told}`;
  if (first.gas !== other.gas) return `it used ${first.gas} units of gas in the first run, and ${other.gas}`;
  for (const stream of ['stdout', 'stderr'] as const) {
    const [ours, theirs] = [first.output, other.output];
    if (isSame(ours[`${stream}Bytes`], theirs[`${stream}Bytes`])) continue;
    return `it wrote ${describe(ours[stream])} to ${stream} in the first run, and ${describe(theirs[stream])}`;
  }
  return undefined;
}

function endOf(outcome: Outcome): { readonly value: unknown; readonly told: string } {
  if (!('error' in outcome)) return { value: [outcome.value], told: `returned ${describe(outcome.value)}` };
  const { code, message } = outcome.error;
  return { value: { code, message }, told: `failed with ${outcome.error.name}: ${messageOf(outcome.error)}` };
}

/** Beyond any result that somebody compares; a value that holds itself ends there. */
const DEEPEST = 100;

/**
 * Whether two values are the same: numbers to the sign of zero, NaN as itself, what holds others by what it holds.
 * @throws UsageError where they are nested too deeply
 */
function isSame(a: unknown, b: unknown, depth = 0): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (depth > DEEPEST) throw new UsageError(`results nested in more than ${DEEPEST} others cannot be compared`);
  const [ours, theirs] = [partsOf(a), partsOf(b)];
  if (ours.length !== theirs.length) return false;
  return ours.every((part, i) => isSame(part, theirs[i], depth + 1));
}

function partsOf(value: object): readonly unknown[] {
  if (ArrayBuffer.isView(value)) return [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)];
  if (value instanceof Map || value instanceof Set) return [...value];
  return Object.entries(value).flat();
}
