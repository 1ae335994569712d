/** All that the program of a component can reach: the namespace of its core modules, and counted ways into memory. */

import { HostError, MemoryLimitExceeded, RuntimeError, Trap } from '../../wasm/errors.ts';
import type { CallingGuest } from '../../wasm/host.ts';
import type { WebAssemblyNamespace } from '../webassembly/namespace.ts';

/** Handles in one table; as many resources of a kind may be held at once. */
const MOST_HANDLES = 65_536;
/** Resources of a kind that may have been made: the program remembers each, to tell whose it is. */
const MOST_MADE = 1_048_576;

/** What a value that is read by itself counts for, beside its bytes: about what it takes in JavaScript. */
const READ_BYTES = 16;

/** The views of memory that bytes and lists of numbers pass through. */
const ARRAYS = {
  Uint8Array,
  Int8Array,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  BigUint64Array,
  BigInt64Array,
  Float32Array,
  Float64Array,
} as const;

const GETTERS = [
  ...['getUint8', 'getInt8', 'getUint16', 'getInt16', 'getUint32', 'getInt32', 'getBigUint64', 'getBigInt64'],
  ...['getFloat32', 'getFloat64'],
] as const;

/** What the program is given by these names, in place of what is global. */
export const REALM_NAMES = [
  'WebAssembly',
  'globalThis',
  'console',
  'TextDecoder',
  'DataView',
  'FinalizationRegistry',
  'holdHandle',
  'setTimeout',
  ...Object.keys(ARRAYS),
] as const;

export type Realm = Readonly<Record<(typeof REALM_NAMES)[number], unknown>>;

/** What the rules of the component model end a call for; to the program, whatever ends guests is of this class. */
class ComponentTrap extends HostError {
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof RuntimeError;
  }
}

/**
 * What passes between a component and its host. Lists may lie in one another and overlap, so that what they hold is not
 * bounded by the memory that they lie in.
 */
export class Transfer {
  /** The guest that is served now, which pays. */
  payer: CallingGuest | undefined;
  private readonly limit: number;
  private bytes = 0;

  /** @param limit bytes of one call, either way */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** A call begins, or has ended. */
  begin(): void {
    this.bytes = 0;
  }

  /** @throws MemoryLimitExceeded; what a charge throws */
  count(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes > this.limit) {
      throw new MemoryLimitExceeded(
        `Memory limit exceeded: the values that one call passes are more than ${this.limit} bytes`,
      );
    }
    this.payer?.chargeBytes(bytes);
  }
}

export function createRealm(namespace: WebAssemblyNamespace, transfer: Transfer): Realm {
  const { Global, Module, Instance, Suspending, promising, SuspendError } = namespace;
  const waiting = { Instance, Suspending, promising, SuspendError };
  const WebAssembly = Object.freeze({ Global, Module, RuntimeError: ComponentTrap, ...waiting });
  return {
    WebAssembly,
    // It looks for the namespace, and for a variable that has it print what it does.
    globalThis: Object.freeze({ WebAssembly }),
    console: SILENT,
    TextDecoder: countedDecoder(transfer),
    DataView: countedView(transfer),
    // What is not dropped is dropped with the component: a collector would call the guest at no time that can be told.
    FinalizationRegistry: NoRegistry,
    // For components that wait by means of their own alone, of which there are none here.
    setTimeout: ignored,
    holdHandle({ length, _createdReps: made }: HandleTable): void {
      if (length > 2 * MOST_HANDLES) refuseHandle(`more than ${MOST_HANDLES} resources of one kind are held`);
      if (made.size > MOST_MADE) refuseHandle(`more than ${MOST_MADE} resources of one kind have been made`);
    },
    ...Object.fromEntries(Object.entries(ARRAYS).map(([name, array]) => [name, countedArray(array, transfer)])),
  } as Realm;
}

/** As the program has it: two places for each handle. */
interface HandleTable {
  readonly length: number;
  readonly _createdReps: ReadonlySet<number>;
}

function refuseHandle(why: string): never {
  throw new MemoryLimitExceeded(`Memory limit exceeded: ${why}`);
}

const SILENT = Object.freeze({ debug: ignored, error: ignored, log: ignored, warn: ignored });

function ignored(): void {
  // Nobody is told what the program says of itself.
}

class NoRegistry {
  register(): void {
    // See above.
  }
  unregister(): void {
    // See above.
  }
}

/** Reaching outside of a memory is a trap. */
function inBounds<T>(reach: () => T): T {
  try {
    return reach();
  } catch (error) {
    if (error instanceof RangeError) throw new Trap('memory-out-of-bounds');
    throw error;
  }
}

function countedView(transfer: Transfer): typeof DataView {
  class CountedView extends DataView<ArrayBuffer> {}
  const prototype = DataView.prototype as unknown as Record<string, (...args: unknown[]) => unknown>;
  const define = (name: string, before: () => void): void => {
    const method = prototype[name] as (...args: unknown[]) => unknown;
    Object.defineProperty(CountedView.prototype, name, {
      value(this: DataView, ...args: unknown[]) {
        before();
        return inBounds(() => Reflect.apply(method, this, args));
      },
    });
  };
  for (const name of GETTERS) {
    define(name, () => transfer.count(READ_BYTES));
    define(name.replace('get', 'set'), ignored);
  }
  return CountedView as typeof DataView;
}

function countedDecoder(transfer: Transfer): typeof TextDecoder {
  return class extends TextDecoder {
    constructor(label?: string) {
      // What is no UTF-8 ends the call. In UTF-16 it may be the host that has passed half of a pair.
      super(label, { fatal: label === undefined, ignoreBOM: true });
    }

    override decode(input: ArrayBufferView): string {
      transfer.count(input.byteLength);
      try {
        return super.decode(input as ArrayBufferView<ArrayBuffer>);
      } catch (cause) {
        throw new HostError(`the component passes a text that is no UTF-8`, { cause });
      }
    }
  } as typeof TextDecoder;
}

function countedArray<A extends (typeof ARRAYS)[keyof typeof ARRAYS]>(array: A, transfer: Transfer): A {
  return new Proxy(array, {
    construct(target, args) {
      const made = inBounds(() => Reflect.construct(target, args) as ArrayBufferView);
      transfer.count(made.byteLength);
      return made;
    },
  });
}
