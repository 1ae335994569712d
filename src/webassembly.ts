/**
 * A drop-in for the host's `WebAssembly` where that is missing or forbidden: glue code written for it runs here,
 * metered and limited. The default export has no limits but on memory and stack.
 */

import type { Slices } from '../wasm/engine.ts';
import { CpuTimeoutExceeded, UsageError } from '../wasm/errors.ts';
import { DEFAULT_LIMITS } from '../wasm/limits.ts';
import { createNamespace, type WebAssemblyNamespace } from './webassembly/namespace.ts';

export type {
  GlobalDescriptor,
  ImportObject,
  MemoryDescriptor,
  TableDescriptor,
  WebAssemblyNamespace,
} from './webassembly/namespace.ts';
export type { ModuleExportDescriptor, ModuleImportDescriptor } from './webassembly/objects.ts';

/** Limits hold for each instance by itself. */
export interface WebAssemblyOptions {
  readonly engine?: 'interpreter' | undefined;
  /** Units of the gas schedule; without limit if absent. */
  readonly gasLimit?: bigint | number | undefined;
  /** Bytes of all memories and tables together; 256 MiB if absent. */
  readonly memoryLimit?: number | undefined;
  /** Bytes of stack weight; 512 KiB if absent. */
  readonly stackLimit?: number | undefined;
  /** Milliseconds of wall-clock time for a call from outside; without limit if absent. */
  readonly timeout?: number | undefined;
}

const SLICE_GAS = 200_000;

function positive(name: string, value: number | undefined): number | undefined {
  if (value !== undefined && !(value > 0 && Number.isFinite(value))) {
    throw new UsageError(`${name} must be a positive number, not ${String(value)}`);
  }
  return value;
}

function gas(value: bigint | number | undefined): bigint | undefined {
  if (value === undefined) return undefined;
  const isCount =
    typeof value === 'bigint' ? value >= 0n && value < 1n << 64n : Number.isSafeInteger(value) && value >= 0;
  if (!isCount)
    throw new UsageError(`gasLimit must be a bigint or a safe integer from 0 to 2^64 - 1, not ${String(value)}`);
  return BigInt(value);
}

function create(options: WebAssemblyOptions): WebAssemblyNamespace {
  const timeout = positive('timeout', options.timeout);
  const limits = {
    gas: gas(options.gasLimit),
    memoryBytes: positive('memoryLimit', options.memoryLimit) ?? DEFAULT_LIMITS.memoryBytes,
    stackBytes: positive('stackLimit', options.stackLimit) ?? DEFAULT_LIMITS.stackBytes,
  };
  if (timeout === undefined) return createNamespace({ limits, enter: (run) => run() });

  let deadline: number | undefined;
  const slices: Slices = {
    gas: SLICE_GAS,
    onSlice() {
      if (deadline !== undefined && performance.now() >= deadline) {
        throw new CpuTimeoutExceeded(`CPU timeout exceeded: the call did not end within ${timeout} ms`);
      }
    },
  };
  return createNamespace({
    limits,
    slices,
    enter(run) {
      // A call from inside a host function shares the time of the call it serves.
      if (deadline !== undefined) return run();
      deadline = performance.now() + timeout;
      try {
        return run();
      } finally {
        deadline = undefined;
      }
    },
  });
}

/**
 * Makes a namespace with limits of its own.
 * @throws UsageError
 */
export async function createWebAssembly(options: WebAssemblyOptions = {}): Promise<WebAssemblyNamespace> {
  if (options.engine !== undefined && options.engine !== 'interpreter') {
    throw new UsageError(`engine ${JSON.stringify(options.engine)} is not available: use 'interpreter'`);
  }
  return create(options);
}

const WebAssembly: WebAssemblyNamespace = create({});
export default WebAssembly;
