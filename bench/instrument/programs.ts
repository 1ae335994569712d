/** The programs to be timed, on the engine as it is and on the native engine with its meter. */

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Fixture, loadFixture, manifest } from '../../fixtures/load.node.ts';
import { nativeEngine } from '../../instrument/index.ts';
import { createHost, SecurityPolicy } from '../../policy/index.ts';
import { decode } from '../../wasm/decode.ts';
import type { Slices } from '../../wasm/engine.ts';
import { type Caller, GuestExit, HostFunction } from '../../wasm/host.ts';
import { typeOfFunction, type WasmModule } from '../../wasm/types.ts';

const PROGRAMS = process.env.WASM_PROGRAMS_DIR ?? fileURLToPath(new URL('../../../shared/programs', import.meta.url));

/** Far more than any of the programs needs, and yet limits. */
const LIMITS = { gas: 2n ** 60n, memoryBytes: 2 ** 30, stackBytes: 512 * 1024 };

export interface Contestant {
  /** One run; returns what it computed, as text. */
  run(): string;
}

export interface Benchmark {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly plain: () => Contestant;
  readonly metered: (slices?: Slices) => Contestant;
}

type Resolve = ReturnType<typeof createHost>['resolve'];

/** Raw WebAssembly with the same host functions, unmetered. */
function plainInstance(module: WasmModule, resolve: Resolve): WebAssembly.Exports {
  let exports: WebAssembly.Exports = {};
  const caller: Caller = {
    get memory() {
      const { buffer } = exports.memory as WebAssembly.Memory;
      return {
        byteLength: buffer.byteLength,
        view: (pointer: number, length: number) => new Uint8Array(buffer, pointer, length),
      };
    },
    gasUsed: () => 0n,
    chargeBytes: () => undefined,
  };
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
  module.imports.forEach(({ module: from, name, kind }, i) => {
    if (kind !== 'function') throw new TypeError(`cannot provide ${from}.${name}`);
    const found = resolve(from, name, typeOfFunction(module, i));
    if (found === undefined) throw new TypeError(`no ${from}.${name}`);
    (imports[from] ??= {})[name] = (...args: unknown[]) => found.call(caller, args) as number;
  });
  exports = new WebAssembly.Instance(new WebAssembly.Module(module.bytes as Uint8Array<ArrayBuffer>), imports).exports;
  return exports;
}

function meteredInstance(module: WasmModule, resolve: Resolve, slices: Slices | undefined) {
  const instance = nativeEngine().instantiate(module, { limits: LIMITS, imports: resolve, slices });
  instance.start();
  return instance;
}

/** A function of an export, called again and again on one instance. */
function ofExport(
  name: string,
  bytes: Uint8Array,
  call: string,
  args: readonly unknown[],
  resolve: Resolve,
): Benchmark {
  const module = decode(bytes);
  return {
    name,
    bytes,
    plain() {
      const run = plainInstance(module, resolve)[call] as (...values: unknown[]) => unknown;
      return { run: () => String(run(...args)) };
    },
    metered(slices) {
      const instance = meteredInstance(module, resolve, slices);
      return { run: () => String(instance.call(call, args)[0]) };
    },
  };
}

/** A command, on a new instance for every run. */
function ofCommand(name: string, bytes: Uint8Array, args: readonly string[]): Benchmark {
  const module = decode(bytes);
  const host = () => createHost(SecurityPolicy.strict(), { args: [name, ...args] });
  const output = (world: ReturnType<typeof createHost>) => new TextDecoder().decode(world.output('stdout'));
  const untilExit = (start: () => void) => {
    try {
      start();
    } catch (error) {
      if (!(error instanceof GuestExit)) throw error;
    }
  };
  return {
    name,
    bytes,
    plain: () => ({
      run() {
        const world = host();
        const exports = plainInstance(module, world.resolve);
        untilExit(exports._start as () => void);
        return output(world);
      },
    }),
    metered: (slices) => ({
      run() {
        const world = host();
        const instance = meteredInstance(module, world.resolve, slices);
        untilExit(() => instance.call('_start', []));
        return output(world);
      },
    }),
  };
}

function ofFixture(fixture: Fixture): Benchmark[] {
  if (!('bench' in fixture) || fixture.bench === undefined) return [];
  const bytes = loadFixture(fixture.name);
  if (fixture.kind === 'wasi') return [ofCommand(fixture.name, bytes, fixture.bench.large.args)];
  return [ofExport(fixture.name, bytes, 'run', fixture.bench.large.args, () => undefined)];
}

/** CoreMark asks for the time twice a run, and repeats itself until that is long enough: it is told what makes it short. */
function coremark(): Benchmark[] {
  const path = `${PROGRAMS}/coremark-minimal.wasm`;
  if (!existsSync(path)) return [];
  const clock = (): Resolve => {
    let calls = 0;
    return (_module, _name, type) =>
      new HostFunction(type, { base: 0, perByte: 0 }, () => {
        calls = (calls % CLOCK_CALLS) + 1;
        return calls < SHORT_CALLS ? 0 : (calls - SHORT_CALLS + 1) * 1_100;
      });
  };
  return [
    {
      ...ofExport('coremark', new Uint8Array(readFileSync(path)), 'run', [], () => undefined),
      plain: () => ofExport('coremark', new Uint8Array(readFileSync(path)), 'run', [], clock()).plain(),
      metered: (slices) => ofExport('coremark', new Uint8Array(readFileSync(path)), 'run', [], clock()).metered(slices),
    },
  ];
}

/** How often CoreMark looks at the clock when it is told so, and how often it is told that no time has passed. */
const CLOCK_CALLS = 8;
const SHORT_CALLS = 6;

/** Every benchmark there is. */
export function benchmarks(): Benchmark[] {
  return [...coremark(), ...manifest.flatMap(ofFixture)];
}
