/**
 * What one hostile input costs, in a process of its own: `node --expose-gc … '{"name":…,"engine":…,"count":…}'` prints a
 * {@link Cost} as JSON. Before it is measured, the host has compiled the library's code: with small inputs of the same kind,
 * and with ordinary ones.
 */

import { cpuTime } from '../../bench/clock.ts';
import { WasmSandbox } from '../../src/index.ts';
import { instrument } from '../../src/instrument.ts';
import { parse } from '../../src/text.ts';
import { createWebAssembly } from '../../src/webassembly.ts';
import { plain } from '../complexity/candidate.ts';
import { peak, resetPeak } from '../complexity/footprint.ts';
import { CALLED, GRANTED, SIZED, type Sized, type Use } from './sized.ts';
import { SNAPSHOT_OPTIONS } from './sized-snapshots.ts';

export interface Task {
  readonly name: string;
  readonly engine: 'interpreter' | 'native';
  readonly count: number;
}

export interface Cost {
  readonly bytes: number;
  /** Milliseconds of processor time: preparation and the first call. */
  readonly time: number;
  /** The same of an ordinary module of as many bytes. */
  readonly plain: number;
  /** Bytes by which the process grew at most, its guest's own memory left out. */
  readonly grown: number;
  /** How it ended. */
  readonly ending: string;
}

const GAS = 100_000_000n;
const ROUNDS = 5;
const WARM_ROUNDS = 3;
const WARM_BYTES = 16_384;

const collect = (globalThis as { gc?: () => void }).gc ?? (() => undefined);
const nothing = () => undefined;
const fields = new Proxy({}, { get: () => nothing });
/** Has everything, and all of it is a function. */
const imports = new Proxy({}, { get: () => fields });

type Done = { readonly ending: string; readonly guest: number };
type Engine = Task['engine'];
type Given = Pick<Sized, 'argument' | 'gas'>;

/** Ordinary bytes for a use. */
function ordinary(use: Use, size: number): Uint8Array {
  if (use !== 'text') return plain(size);
  const code = '(drop (i32.add (i32.const 1) (i32.const 2)))\n';
  return new TextEncoder().encode(
    `(module (func (export "${CALLED}")\n${code.repeat(Math.ceil(size / code.length))}))`,
  );
}

async function runModule(bytes: Uint8Array, engine: Engine, { argument, gas = GAS }: Given = {}): Promise<Done> {
  const sandbox = await WasmSandbox.fromBytes(bytes, { engine, gasLimit: gas, capabilities: GRANTED });
  try {
    const ending = await sandbox.call(CALLED, argument === undefined ? [] : [argument]).then(
      () => 'ran',
      (error: unknown) => (error as Error).constructor.name,
    );
    return { ending, guest: sandbox.getResourceStats().peakMemoryBytes };
  } finally {
    sandbox.dispose();
  }
}

const USES: Readonly<Record<Use, (bytes: Uint8Array, engine: Engine, given?: Given) => Promise<Done>>> = {
  module: runModule,
  text: (bytes, engine, given) => runModule(parse(bytes), engine, given),
  artifact: async (bytes) => {
    const { length } = await instrument(bytes);
    return { ending: `${(length / bytes.length).toFixed(1)} times the bytes`, guest: 0 };
  },
  namespace: async (bytes, engine) => {
    const namespace = await createWebAssembly({ engine, gasLimit: GAS });
    const module = new namespace.Module(bytes as BufferSource);
    namespace.Module.customSections(module, 'name');
    const found = namespace.Module.imports(module).length + namespace.Module.exports(module).length;
    const instance = new namespace.Instance(module, imports as never);
    const called = instance.exports[CALLED];
    if (typeof called === 'function') called();
    return { ending: `${found + Object.values(instance.exports).length} imports and exports`, guest: 0 };
  },
  snapshot: async (bytes) => {
    // An ordinary one is a module.
    if (bytes[0] === 0) return runModule(bytes, 'interpreter');
    const sandbox = await WasmSandbox.restore(bytes, SNAPSHOT_OPTIONS);
    const guest = sandbox.getResourceStats().peakMemoryBytes;
    sandbox.dispose();
    return { ending: 'restored', guest };
  },
};

async function ended(run: () => Promise<Done>): Promise<Done & { readonly time: number }> {
  const start = cpuTime();
  try {
    const done = await run();
    return { ...done, time: cpuTime() - start };
  } catch (error) {
    const time = cpuTime() - start;
    const { name, message } = error as Error;
    return { ending: `${(error as Error).constructor.name ?? name}: ${message.slice(0, 60)}`, guest: 0, time };
  }
}

/** The same in other bytes, so that nothing is found that was kept. */
function varied(use: Use, bytes: Uint8Array, round: number): Uint8Array {
  if (use === 'snapshot' && bytes[0] !== 0) return bytes.slice();
  return Uint8Array.from([...bytes, ...(use === 'text' ? [0x20, 0x3b, 0x3b, 0x30 + round] : [0, 2, 1, round])]);
}

async function measure({ name, engine, count }: Task): Promise<Cost> {
  const { use, make, ...given } = SIZED[name] as Sized;
  const small = await make(Math.max(1, Math.round(count / 100)));
  for (let round = 0; round < WARM_ROUNDS; round++) {
    for (const bytes of [small, ordinary(use, WARM_BYTES)]) {
      await ended(() => USES[use](varied(use, bytes, round), engine, given));
    }
  }
  const bytes = await make(count);
  collect();
  const { rss } = process.memoryUsage();
  resetPeak();
  const first = await ended(() => USES[use](bytes, engine, given));
  const grown = Math.max(0, (peak() ?? rss) - rss - first.guest);
  const best = async (of: Uint8Array, with_: Given, before: number, good: number) => {
    let least = before;
    for (let round = 0; round < ROUNDS && least > good; round++) {
      const other = varied(use, of, round);
      const { time } = await ended(() => USES[use](other, engine, with_));
      least = Math.min(least, time);
    }
    return least;
  };
  const usual = await best(ordinary(use, bytes.length), {}, Number.POSITIVE_INFINITY, 0);
  const time = await best(bytes, given, first.time, 10 * usual + 20);
  return { bytes: bytes.length, time, plain: usual, grown, ending: first.ending };
}

// Whatever is printed else is not the answer.
process.stdout.write(`${JSON.stringify(await measure(JSON.parse(process.argv[2] as string) as Task))}\n`);
