/** Continues guests in a process of its own: cases as JSON on standard input, what came of them on standard output. */

import { spawnSync } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { loadFixture } from '../../fixtures/load.node.ts';
import { snapshots } from '../../interpreter/index.ts';
import { Capability, type SandboxOptions, WasmSandbox } from '../../src/index.ts';
import { decode } from '../../wasm/decode.ts';
import { WireReader } from '../../wasm/wire.ts';
import { describeError, hashOf } from '../instrument/triangle.ts';
import { oneFile } from '../one-file.ts';
import { instantiate, stateOf } from './programs.ts';

export type Case =
  /** An instance of the interpreter, with the call that was left in it. */
  | { readonly kind: 'instance'; readonly module: string; readonly image: string }
  /** A sandbox with a program of the fixtures. */
  | { readonly kind: 'program'; readonly fixture: string; readonly args: readonly string[]; readonly snapshot: string };

/** The argument of the process that continues them. */
const ROLE = 'continue-cases';

export const toText = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const fromText = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));

export function programOptions(fixture: string, args: readonly string[]): SandboxOptions {
  return {
    source: loadFixture(fixture),
    args: [fixture, ...args],
    stdin: 'some lines\nto read\n',
    capabilities: [
      Capability.filesystemAccess({ memory: { 'in.txt': 'a file' } }),
      Capability.random({ seed: 3n }),
      Capability.clock({}),
    ],
  };
}

/** Runs what was left to its end, and tells everything about it. */
export async function ending(sandbox: WasmSandbox): Promise<string[]> {
  const { execution } = sandbox;
  const outcome = await execution?.run().then(String, describeError);
  const { stdoutBytes, stderrBytes } = sandbox.output();
  const { gasUsed, memoryBytes, peakMemoryBytes, functionCalls } = sandbox.getResourceStats();
  return [
    `${outcome} with ${execution?.gasUsed} of ${gasUsed}`,
    `${memoryBytes} bytes, at most ${peakMemoryBytes}, ${functionCalls} calls`,
    `${toText(stdoutBytes)} ${toText(stderrBytes)}`,
    ...[...sandbox.files()].map(([path, bytes]) => `${path} ${bytes.length} ${hashOf(bytes)}`),
  ];
}

async function finish(item: Case): Promise<string[]> {
  if (item.kind === 'program') {
    return ending(await WasmSandbox.restore(fromText(item.snapshot), programOptions(item.fixture, item.args)));
  }
  const instance = instantiate(decode(fromText(item.module)));
  const execution = instance.install?.(new WireReader(fromText(item.image)));
  let outcome: string;
  try {
    execution?.advance();
    outcome = JSON.stringify(execution?.results, (_key, value) => (typeof value === 'bigint' ? `${value}n` : value));
  } catch (error) {
    outcome = describeError(error);
  }
  return [outcome, ...stateOf(instance)];
}

/** What a new process makes of the cases. */
export async function elsewhere(cases: readonly Case[]): Promise<string[][]> {
  const script = await oneFile('test/life/elsewhere.ts');
  const { stdout, stderr, status } = spawnSync(process.execPath, [script, ROLE], {
    input: JSON.stringify(cases),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`the other process failed: ${stderr}`);
  return JSON.parse(stdout) as string[][];
}

/** The same in this process. */
export async function here(cases: readonly Case[]): Promise<string[][]> {
  const outcomes: string[][] = [];
  for (const item of cases) outcomes.push(await finish(item));
  return outcomes;
}

if (process.argv[2] === ROLE) {
  // Not by readFileSync, which fails where nothing has been written yet.
  const cases = JSON.parse(await text(process.stdin)) as Case[];
  await snapshots.load();
  process.stdout.write(JSON.stringify(await here(cases)));
}
