/** Guests that are left somewhere, and their snapshots: what forgers begin with. */

import { readFileSync } from 'node:fs';
import { loadFixture } from '../../fixtures/load.node.ts';
import { Capability, type SandboxOptions, WasmSandbox } from '../../src/index.ts';
import { unpack } from '../../src/snapshot/container.ts';
import { decode } from '../../wasm/decode.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { compile } from '../generate/text.ts';
import { programOptions } from '../life/elsewhere.ts';
import { sequence } from '../life/programs.ts';

import { type Node, readTree } from './format.ts';

/** One module under one set of options, left in several places. */
export interface Guest {
  readonly name: string;
  readonly module: WasmModule;
  readonly options: SandboxOptions;
  readonly trees: readonly Node[];
}

/** What no snapshot may get a guest beyond. */
export const LIMITS = { memoryLimit: 2 ** 20, stackLimit: 2 ** 15, gasLimit: 2_000_000n } as const;

const ALL_KINDS = compile(readFileSync(new URL('./guest.wat', import.meta.url), 'utf8'));

/** Values of every kind that a host can give, and a promise of one now and then. */
function host(value: unknown, n: number): unknown {
  const values = ['a text', n, null, 1.5, true, 12_345_678_901_234_567_890n, value, undefined];
  const answer = values[n & 7];
  return n % 3 === 2 ? Promise.resolve(answer) : answer;
}

const OBJECTS: SandboxOptions = {
  source: ALL_KINDS,
  ...LIMITS,
  capabilities: [Capability.hostFunctions('env', { host })],
};

const CALLS = [
  ['objects', 40],
  ['exceptions', 30],
  ['rethrown', 24],
  ['waiting', 24],
  ['deep', 9],
  ['memories', 12],
] as const;

const PROGRAMS = [
  ['files', 'write', '/new.txt', 'text', 'mkdir', '/sub', 'list', '/', 'cat', '/in.txt'],
  ['hello', 'one'],
  ['minivm', '50'],
] as const;

async function treeOf(sandbox: WasmSandbox, module: WasmModule): Promise<Node> {
  const bytes = await sandbox.snapshot({ compress: false });
  return readTree(await unpack(bytes, { kind: 'snapshot', maxBytes: 2 ** 30 }), module);
}

/** Snapshots of a call, left at some of the places where it can be. */
async function leave(options: SandboxOptions, module: WasmModule, name: string, args: unknown[], places: number) {
  const trees: Node[] = [];
  const next = sequence(name.length + args.length + places);
  const whole = await WasmSandbox.create(options);
  const before = whole.getResourceStats().gasUsed;
  await whole
    .start(name, args)
    .run()
    .catch(() => undefined);
  const gas = Number(whole.getResourceStats().gasUsed - before);
  for (let i = 0; i < places; i++) {
    const sandbox = await WasmSandbox.create(options);
    const execution = sandbox.start(name, args);
    const until = next() % gas;
    for (let used = 0; used <= until; used = Number(execution.gasUsed) + 1) {
      const state = execution.step(until - used);
      if (state === 'done' || state === 'failed') break;
      await execution.whenReady();
    }
    if (execution.state === 'paused') trees.push(await treeOf(sandbox, module));
  }
  trees.push(await treeOf(whole, module));
  return trees;
}

/** @param places at which each call is left */
export async function makeGuests(places: number): Promise<Guest[]> {
  const guests: Guest[] = [];
  const all = decode(ALL_KINDS);
  const trees: Node[] = [];
  for (const [name, n] of CALLS) trees.push(...(await leave(OBJECTS, all, name, [n], places)));
  guests.push({ name: 'all kinds', module: all, options: OBJECTS, trees });
  for (const [fixture, ...args] of PROGRAMS) {
    const options = { ...programOptions(fixture, args), ...LIMITS, memoryLimit: 4 * 2 ** 20, gasLimit: 20_000_000n };
    const module = decode(loadFixture(fixture));
    guests.push({ name: fixture, module, options, trees: await leave(options, module, '_start', [], places) });
  }
  return guests;
}
