/**
 * A drop-in for the host's `WebAssembly` where that is missing or forbidden: glue code written for it runs here,
 * metered and limited. The default export has no limits but on memory and stack.
 * @module wasm-sandbox/webassembly
 */

import type { Loop } from '../interpreter/machine/store.ts';
import type { Slices } from '../wasm/engine.ts';
import { CpuTimeoutExceeded, UsageError } from '../wasm/errors.ts';
import { DEFAULT_LIMITS } from '../wasm/limits.ts';
import { describe, quote } from '../wasm/quote.ts';
import { provideInterpreter } from './sync/parts.ts';
import { settlesWithin } from './time/turn.ts';
import { createNamespace, type WebAssemblyNamespace } from './webassembly/namespace.ts';
import type { NamespaceOptions } from './webassembly/options.ts';
import { asHosts } from './webassembly/shape.ts';

export type { ImportObject } from '../wasm/imports.ts';
export type { CompileOptions } from './webassembly/builtins.ts';
export { withWebAssembly } from './webassembly/global.ts';
export type { Headings, Streamed } from './webassembly/loading.ts';
export type {
  GlobalDescriptor,
  HostMemoryParts,
  InterpretedMemoryParts,
  MemoryDescriptor,
  MemoryParts,
  ReferenceName,
  TableDescriptor,
  TagDescriptor,
  ValueName,
  WebAssemblyNamespace,
} from './webassembly/namespace.ts';
export type { BufferSource, Module, ModuleExportDescriptor, ModuleImportDescriptor } from './webassembly/objects.ts';
export type { NamespaceFigures } from './webassembly/options.ts';

/** Limits hold for all instances together, and for the memories and tables that are made beside them. */
export interface WebAssemblyOptions {
  /** Whether each instance, memory and table has the limits for itself; false if absent. */
  readonly perInstance?: boolean | undefined;
  /** Instances there may be together: a namespace keeps them as long as it is kept itself; 10,000 if absent. */
  readonly instanceLimit?: number | undefined;
  /**
   * `native` is the host's own; `auto` that for every module which it can run, and the interpreter for the others. The
   * interpreter if absent.
   */
  readonly engine?: 'interpreter' | 'native' | 'auto' | undefined;
  /** Units of the gas schedule; without limit if absent. */
  readonly gasLimit?: bigint | number | undefined;
  /** Bytes of all memories and tables together; 256 MiB if absent. */
  readonly memoryLimit?: number | undefined;
  /** Bytes of stack weight; 768 KiB if absent. */
  readonly stackLimit?: number | undefined;
  /** Milliseconds of wall-clock time for a call from outside, what a promising one waits included; without limit if absent. */
  readonly timeout?: number | undefined;
  /**
   * False: the interpreter counts no gas, which makes it some percent faster. `gasUsed` stays 0n; the limits on memory,
   * stack and time hold. Together with `gasLimit` or `engine: 'native'` it is an error. True if absent.
   */
  readonly metering?: boolean | undefined;
}

provideInterpreter();

const SLICE_GAS = 200_000;
/** The same in checkpoints, loop headers and function entries, where no gas is counted. */
const SLICE_CHECKPOINTS = 10_000;

function positive(name: string, value: number | undefined): number | undefined {
  if (value !== undefined && !(value > 0 && Number.isFinite(value))) {
    throw new UsageError(`${name} must be a positive number, not ${describe(value)}`);
  }
  return value;
}

function gas(value: bigint | number | undefined): bigint | undefined {
  if (value === undefined) return undefined;
  const isCount =
    typeof value === 'bigint' ? value >= 0n && value < 1n << 64n : Number.isSafeInteger(value) && value >= 0;
  if (!isCount)
    throw new UsageError(`gasLimit must be a bigint or a safe integer from 0 to 2^64 - 1, not ${describe(value)}`);
  return BigInt(value);
}

function create(
  options: WebAssemblyOptions,
  make: (options: NamespaceOptions) => WebAssemblyNamespace = createNamespace,
  unmetered?: Loop,
): WebAssemblyNamespace {
  const timeout = positive('timeout', options.timeout);
  const { perInstance = false } = options;
  if (typeof perInstance !== 'boolean')
    throw new UsageError(`perInstance must be true or false, not ${describe(perInstance)}`);
  const together = perInstance
    ? undefined
    : { instances: positive('instanceLimit', options.instanceLimit) ?? DEFAULT_LIMITS.instances };
  const limits = {
    gas: gas(options.gasLimit),
    memoryBytes: positive('memoryLimit', options.memoryLimit) ?? DEFAULT_LIMITS.memoryBytes,
    stackBytes: positive('stackLimit', options.stackLimit) ?? DEFAULT_LIMITS.stackBytes,
  };
  const outside = asHosts;
  if (timeout === undefined) return make({ limits, enter: (run) => run(), unmetered, together, outside });

  const late = () => new CpuTimeoutExceeded(`CPU timeout exceeded: the call did not end within ${timeout} ms`);
  let deadline: number | undefined;
  function runUntil<T>(end: number, run: () => T): T {
    // A call from inside a host function shares the time of the call it serves.
    if (deadline !== undefined) return run();
    deadline = end;
    try {
      return run();
    } finally {
      deadline = undefined;
    }
  }
  const slices: Slices = {
    gas: unmetered === undefined ? SLICE_GAS : SLICE_CHECKPOINTS,
    onSlice() {
      if (deadline !== undefined && performance.now() >= deadline) throw late();
    },
  };
  return make({
    limits,
    slices,
    unmetered,
    together,
    outside,
    enter: (run) => runUntil(performance.now() + timeout, run),
    startClock() {
      const end = performance.now() + timeout;
      return {
        enter: (run) => runUntil(end, run),
        async wait(settled) {
          const inTime = await settlesWithin(settled, end - performance.now());
          if (!inTime || performance.now() >= end) throw late();
        },
      };
    },
  });
}

/**
 * Makes a namespace with limits of its own.
 * @throws UsageError
 */
export async function createWebAssembly(options: WebAssemblyOptions = {}): Promise<WebAssemblyNamespace> {
  const { engine = 'interpreter', metering = true } = options;
  if (engine !== 'interpreter' && engine !== 'native' && engine !== 'auto') {
    throw new UsageError(`engine must be 'interpreter', 'native' or 'auto', not ${quote(String(engine))}`);
  }
  if (typeof metering !== 'boolean') {
    throw new UsageError(`metering must be true or false, not ${quote(String(metering))}`);
  }
  // What follows is loaded only now, as most have no use for it.
  if (!metering) return createUnmetered(options, engine);
  if (engine === 'interpreter') return create(options);
  const { createAutoNamespace, createNativeNamespace, nativeUnavailable } = await import('./webassembly/native.ts');
  if (engine === 'native') return create(options, createNativeNamespace);
  return create(options, nativeUnavailable() === undefined ? createAutoNamespace : createNamespace);
}

async function createUnmetered(options: WebAssemblyOptions, engine: string): Promise<WebAssemblyNamespace> {
  if (engine === 'native') throw new UsageError("metering: false is not for engine: 'native', which always counts gas");
  if (options.gasLimit !== undefined) throw new UsageError('a gasLimit needs metering: leave one of the two out');
  const { runUnmetered } = await import('../interpreter/machine/unmetered-loop.generated.ts');
  return create(options, createNamespace, runUnmetered);
}

/** On the interpreter, with a meter, and without limits but on the memory (256 MiB) and stack (768 KiB) of each instance. */
const WebAssembly: WebAssemblyNamespace = create({ perInstance: true });
export default WebAssembly;
