/** WASI for every engine alike: the policy layer's own, so that no contender gains by a faster host. */

import type { FuncType } from '../wasm/types.ts';
import type { Compiled, HostImport, Imports, Unit, Value } from './engine.ts';
import type { Product } from './product.ts';

/** A guest program on its way: a fresh instance, and where its output goes. */
export interface Command {
  /** Runs it to its end; returns its exit status. */
  readonly run: () => number;
  readonly stdout: () => string;
  readonly gasUsed: (() => bigint) | undefined;
}

export interface CommandOptions {
  /** With the program's own name. */
  readonly args: readonly string[];
  /** What the clock shows at one reading after the other, in milliseconds; a virtual clock if absent. */
  readonly times?: readonly number[] | undefined;
  /** Imports beside WASI, which take and return nothing. */
  readonly stubs?: readonly string[] | undefined;
}

export function prepareCommand(product: Product, unit: Unit, compiled: Compiled, options: CommandOptions): Command {
  const { SecurityPolicy, Capability, createHost } = product.policy;
  const { GuestExit } = product.host;
  const { args, times } = options;
  const strict = SecurityPolicy.strict();
  let readings = 0;
  const read = () => times?.[readings++] ?? Number.MAX_SAFE_INTEGER;
  const host =
    times === undefined
      ? createHost(strict, { args })
      : createHost(strict.with(Capability.clock()), { args, time: { wallClock: read, monotonic: read } });
  // A clock is read when it is made, to know where it began.
  readings = 0;

  let memory: () => ArrayBuffer = () => new ArrayBuffer(0);
  const caller = {
    memory: {
      get byteLength() {
        return memory().byteLength;
      },
      view(pointer: number, length: number) {
        const buffer = memory();
        return pointer + length <= buffer.byteLength ? new Uint8Array(buffer, pointer, length) : undefined;
      },
    },
    gasUsed: () => 0n,
    chargeBytes: () => undefined,
  };
  const imported = (module: string, name: string, type: FuncType): HostImport => {
    if (options.stubs?.includes(`${module}.${name}`)) return { type, call: () => undefined };
    const granted = host.resolve(module, name, type);
    if (granted === undefined) throw new Error(`${unit.name} imports ${module}.${name}, which WASI does not have`);
    return { type, call: (...args) => granted.call(caller, args) as Value | undefined };
  };
  const imports: Record<string, Record<string, HostImport>> = {};
  for (const item of unit.module.imports) {
    if (item.kind !== 'function') throw new Error(`${unit.name} imports a ${item.kind}`);
    const functions = (imports[item.module] ??= {});
    functions[item.name] = imported(item.module, item.name, unit.module.types[item.typeIndex] as FuncType);
  }

  const guest = compiled.instantiate(imports as Imports);
  memory = guest.memory;
  return {
    run() {
      try {
        guest.invoke('_start', []);
        return 0;
      } catch (error) {
        if (error instanceof GuestExit) return error.status;
        throw error;
      }
    },
    stdout: () => new TextDecoder().decode(host.output('stdout')),
    gasUsed: guest.gasUsed,
  };
}
