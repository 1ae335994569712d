/**
 * WASI preview 2 for one component: the functions of its interfaces behind the gate, on the state that preview 1 has:
 * streams, clock, random sequence, descriptors.
 */

import { HostError } from '../../wasm/errors.ts';
import { HOST_CALL, WASI_CALL } from '../../wasm/gas.ts';
import type { CallingGuest, WasmValue } from '../../wasm/host.ts';
import { ignore, isThenable, whenSettled } from '../../wasm/thenable.ts';
import type { HostCallContext } from '../call.ts';
import type { PolicyRequest } from '../decide.ts';
import type { Gate } from '../gate.ts';
import type { NetworkState } from '../net/requests.ts';
import type { Program } from '../wasi/program.ts';
import type { WasiState } from '../wasi/state.ts';
import { INTERFACES } from './interfaces.ts';
import { camelCase, parseName, pascalCase } from './names.ts';
import type { Kind } from './resources.ts';
import { ScratchCaller } from './scratch.ts';
import type { Interface, Preview2, Row } from './table.ts';

/** What the calls of a component cost beside what any host function costs, in bytes moved. */
const BASE_BYTES = (WASI_CALL.base - HOST_CALL.base) / WASI_CALL.perByte;

/** An interface as programs of components import it: functions and classes by their names. */
export type WitInterface = Readonly<Record<string, unknown>>;

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** Who calls. */
export interface ComponentGuests {
  /** The guest that calls now. */
  readonly caller: () => CallingGuest;
  /** Whether it can wait for promises. */
  readonly mayWait: boolean;
  /** Told of what a call fails with, at once or later. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
}

/** What it is made of. */
export interface Preview2Parts extends ComponentGuests {
  readonly program: Program;
  readonly gate: Gate;
  readonly network: NetworkState;
}

export class Preview2Host implements Preview2 {
  readonly state: WasiState;
  readonly network: NetworkState;
  readonly mayWait: boolean;
  headerBytes = 0;
  bodyBytes = 0;
  private readonly gate: Gate;
  private readonly guests: ComponentGuests;
  private readonly classes = new Map<string, object>();
  private readonly made: ReadonlyMap<string, WitInterface>;

  constructor({ program, gate, network, ...guests }: Preview2Parts) {
    this.state = program.wasi;
    this.network = network;
    this.mayWait = guests.mayWait;
    this.gate = gate;
    this.guests = guests;
    // All of them, as what one gives has methods of another.
    this.made = new Map(Object.entries(INTERFACES).map(([name, rows]) => [name, this.make(name, rows)]));
  }

  /** Undefined for what WASI does not have, or is not offered here. @param name without a version */
  find(name: string): WitInterface | undefined {
    return this.made.get(name);
  }

  hold<S>(kind: Kind<S>, state: S): object {
    const object = Object.create(this.classOf(kind.name)) as object;
    kind.bind(object, state);
    return object;
  }

  give(call: HostCallContext, bytes: Uint8Array): number {
    return (call.memory as ScratchCaller['memory']).add(bytes);
  }

  private classOf(resource: string): object {
    let prototype = this.classes.get(resource);
    if (prototype === undefined) {
      prototype = {};
      this.classes.set(resource, prototype);
    }
    return prototype;
  }

  private make(name: string, rows: Interface): WitInterface {
    const made: Record<string, unknown> = Object.create(null);
    for (const [key, each] of Object.entries(rows)) {
      const { kind, resource, name: own = '' } = parseName(key);
      const func = this.guard(`${name}.${key}`, each);
      if (resource === undefined) {
        made[camelCase(own)] = (...args: unknown[]) => func(args);
        continue;
      }
      const shown = pascalCase(resource);
      const type = (made[shown] ??= this.makeClass(resource)) as { readonly prototype: object };
      const method: Method = function (...args) {
        return func([this, ...args]);
      };
      if (kind === 'resource-drop') define(type.prototype, DISPOSE, method);
      else if (kind === 'method') define(type.prototype, camelCase(own), method);
      else define(type, kind === 'static' ? camelCase(own) : 'construct', (...args: unknown[]) => func(args));
    }
    return made;
  }

  private makeClass(resource: string): object {
    /** With `new`, as constructors of WIT are called, where the interface has one. */
    function Resource(...args: unknown[]): object {
      const { construct } = Resource as { construct?: (...args: unknown[]) => object };
      if (construct === undefined) throw new TypeError(`resources of the kind ${resource} cannot be made`);
      return construct(...args);
    }
    Resource.prototype = this.classOf(resource);
    return Resource;
  }

  private guard(
    label: string,
    { asks, call, refused = call, waits = false }: Row,
  ): (args: readonly unknown[]) => unknown {
    const asking =
      typeof asks === 'function'
        ? (args: readonly WasmValue[]): PolicyRequest => asks(this, ...(args as never[]))
        : asks;
    const body =
      (handler: Row['call']) =>
      (context: HostCallContext, args: readonly WasmValue[]): WasmValue =>
        handler(this, context, ...(args as never[]));
    const guarded = this.gate.guard(label, asking, body(call), body(refused));
    return (args) => {
      const { caller, onFailure } = this.guests;
      const scratch = new ScratchCaller(caller());
      const value = told(
        () => {
          scratch.chargeBytes(BASE_BYTES);
          return guarded(scratch, args);
        },
        (error) => {
          onFailure?.(error);
          throw error;
        },
      );
      return isThenable(value) && !(waits && this.mayWait) ? refuseToWait(label, value) : value;
    };
  }
}

/** As the program of a component looks for it. */
const DISPOSE: symbol = Symbol.dispose ?? Symbol.for('dispose');

function define(object: object, name: PropertyKey, value: unknown): void {
  Object.defineProperty(object, name, { value, configurable: true, writable: true });
}

/** Makes a call. What it fails with, at once or later, goes through `failed`. */
export function told(call: () => unknown, failed: (error: unknown) => never): unknown {
  try {
    const value = call();
    return isThenable(value) ? whenSettled(value, (settled) => settled, failed) : value;
  } catch (error) {
    return failed(error);
  }
}

/** @throws HostError always */
export function refuseToWait(label: string, promise: PromiseLike<unknown>): never {
  ignore(promise);
  throw new HostError(`${label} would have to wait: make the component with { async: true }, so that its calls can`);
}
