/** Which functions of a guest use its gas. */

import type { StackFrame } from '../../wasm/errors.ts';
import { integer, list, text } from '../checks/check.ts';
import { checkNamed } from '../checks/named.ts';
import type { WasmSandbox } from '../sandbox.ts';

/** How a profile is made. */
export interface GasProfileOptions {
  /** Units of gas from one look at the stack to the next, at first; 1,000 unless given. They double with every 256 looks. */
  readonly every?: number | undefined;
}

/** A function, in the place where it was called. */
export interface ProfileNode {
  /** From the module's `name` section or an export; `function 7` where the module names nothing. */
  readonly name: string;
  /** Units used in it and in what it has called. */
  readonly gas: bigint;
  /** Units used in it alone. */
  readonly self: bigint;
  readonly children: readonly ProfileNode[];
}

/** Where the gas of a call went. */
export interface GasProfile {
  /** Of the function that was called. */
  readonly call: string;
  /** Units of the call; those of the tree together are as many. */
  readonly gas: bigint;
  /** How often the stack was looked at. */
  readonly samples: number;
  /** Calls from outside: of the function. */
  readonly root: ProfileNode;
  /** What it returned; undefined where it has failed. */
  readonly value: unknown;
  /** What it has failed with. */
  readonly error: unknown;
}

interface Tree {
  readonly name: string;
  gas: bigint;
  self: bigint;
  readonly children: Map<string, Tree>;
}

/** What a guest can make of it is bounded: by names, and places in the tree. */
const MOST_NODES = 10_000;
const LOOKS = 256;

const node = (name: string): Tree => ({ name, gas: 0n, self: 0n, children: new Map() });

/**
 * Calls a function step by step, and looks after each at the guest's stack: the gas of the step is put down to where it stands.
 * The same at every run, as gas is; the call does and costs what it would without. Interpreter only.
 * @throws UsageError as `WasmSandbox.start`; what ends the guest is in the profile
 */
export async function gasProfile(
  sandbox: WasmSandbox,
  name: string,
  args: readonly unknown[] = [],
  options: GasProfileOptions = {},
): Promise<GasProfile> {
  const given = checkNamed<GasProfileOptions>('a profile', options, {
    every: (value) => integer('every', value, 'units of gas', 1),
  });
  let { every = 1_000 } = given;
  const execution = sandbox.start(text('the name of a function', name), list('the arguments', args));
  const root = node(name);
  let nodes = 1;
  const child = (parent: Tree, called: string): Tree | undefined => {
    const found = parent.children.get(called);
    if (found !== undefined || nodes >= MOST_NODES) return found;
    nodes++;
    const made = node(called);
    parent.children.set(called, made);
    return made;
  };
  const put = (frames: readonly StackFrame[], gas: bigint): void => {
    let at = root;
    at.gas += gas;
    // The outermost is the function that was called.
    for (const frame of frames.slice(0, -1).reverse()) {
      const next = child(at, nameOf(frame));
      if (next === undefined) break;
      next.gas += gas;
      at = next;
    }
    at.self += gas;
  };
  let samples = 0;
  let seen = 0n;
  let frames: readonly StackFrame[] = [];
  while (execution.error === undefined && execution.state !== 'done') {
    const state = execution.step(every);
    if (state === 'waiting') await execution.whenReady();
    // Of the last step, where the one before it ended.
    if (execution.frames.length > 0) frames = execution.frames;
    const { gasUsed } = execution;
    if (gasUsed > seen) put(frames, gasUsed - seen);
    seen = gasUsed;
    samples++;
    if (samples % LOOKS === 0) every *= 2;
  }
  const { error } = execution;
  const value = error === undefined ? execution.result : undefined;
  return { call: name, gas: seen, samples, root: frozen(root), value, error };
}

function nameOf({ functionIndex, functionName }: StackFrame): string {
  return functionName ?? `function ${functionIndex}`;
}

function frozen({ name, gas, self, children }: Tree): ProfileNode {
  const below = [...children.values()].map(frozen).sort((a, b) => (a.gas < b.gas ? 1 : a.gas > b.gas ? -1 : 0));
  return { name, gas, self, children: below };
}

/** Functions by the gas used in themselves, the most first. */
export function hottest({
  root,
}: GasProfile): { readonly name: string; readonly self: bigint; readonly gas: bigint }[] {
  const found = new Map<string, { name: string; self: bigint; gas: bigint }>();
  const walk = ({ name, gas, self, children }: ProfileNode, within: ReadonlySet<string>): void => {
    const entry = found.get(name) ?? { name, self: 0n, gas: 0n };
    found.set(name, entry);
    entry.self += self;
    // What calls itself is counted once.
    if (!within.has(name)) entry.gas += gas;
    for (const below of children) walk(below, new Set([...within, name]));
  };
  walk(root, new Set());
  return [...found.values()].sort((a, b) => (a.self < b.self ? 1 : a.self > b.self ? -1 : 0));
}
