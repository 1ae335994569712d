/** One instance of a component, from when it was made to when it ends, or is reset. */

import { ComponentHost, hasPayload } from '../../policy/component.ts';
import { Capability } from '../../policy/index.ts';
import { granting, type Policy } from '../../policy/sandboxed.ts';
import { plainPayload } from '../../wasm/error-data.ts';
import {
  CallAborted,
  ComponentError,
  HostError,
  LinkError,
  MemoryLimitExceeded,
  type ResourceFigures,
  UsageError,
  WasmSandboxError,
} from '../../wasm/errors.ts';
import { HOST_CALL, WASI_CALL } from '../../wasm/gas.ts';
import { type CallingGuest, exitStatus, type HostCalls } from '../../wasm/host.ts';
import { NO_GUEST } from '../../wasm/host-call.ts';
import { isOf } from '../../wasm/is-of.ts';
import { messageOf, quote } from '../../wasm/quote.ts';
import { isThenable, whenSettled } from '../../wasm/thenable.ts';
import { disposedError } from '../call/disposed.ts';
import { exitStatusBehind, failureOf } from '../call/failures.ts';
import type { RuntimeParts } from '../runtime/needs.ts';
import type { Settings } from '../sandbox/options.ts';
import { type CallTime, Stopwatch } from '../time/stopwatch.ts';
import { nextTurn, Sleeper, settlesWithin } from '../time/turn.ts';
import type { Module } from '../webassembly/objects.ts';
import type { CallClock } from '../webassembly/promises.ts';
import type { ComponentDescription, Instantiate } from './code.ts';
import { type CoreEngine, Cores } from './engine.ts';
import { type Entrance, wrapExports } from './exports.ts';
import { createRealm, type Realm, Transfer } from './realm.ts';

/** What a component keeps over a reset. */
export interface Ground {
  readonly description: ComponentDescription;
  readonly make: (realm: Realm) => Instantiate;
  readonly modules: ReadonlyMap<string, Module>;
  readonly engine: CoreEngine;
  readonly settings: Settings;
  readonly imports: ReadonlyMap<string, object>;
  readonly runtime: RuntimeParts;
}

export class Life {
  readonly host: ComponentHost;
  readonly exports: Readonly<Record<string, unknown>>;
  functionCalls = 0;
  private readonly settings: Settings;
  private readonly clock = new Stopwatch();
  private readonly cores: Cores;
  private readonly transfer: Transfer;
  private readonly sleeper = new Sleeper();
  private readonly isAsync: boolean;
  /** The guests that are served by the host now, the innermost last. */
  private readonly callers: CallingGuest[] = [];
  /** The time of the call that is under way. */
  private active: CallTime | undefined;
  private ending: 'disposed' | 'reset' | undefined;
  /** What has ended a call in the middle, and with it what its guest can be trusted to have in its memory. */
  private fault: unknown;
  /** Settles when it ends. */
  private readonly over: Promise<void>;
  private settleOver: () => void = () => undefined;
  /** Ends the call of the host that the guest waits for. */
  private giveUp: ((error: unknown) => void) | undefined;

  /** @throws LinkError; MemoryLimitExceeded, and whatever ends a start function */
  constructor(ground: Ground) {
    const { settings, imports, runtime, description, modules } = ground;
    const { limits } = settings;
    this.settings = settings;
    this.isAsync = description.isAsync;
    this.over = new Promise((resolve) => {
      this.settleOver = resolve;
    });
    this.transfer = new Transfer(limits.memoryBytes);
    const policy = withImports(settings.policy, imports);
    const { environment, openFolder } = runtime;
    const { sleep } = this.sleeper;
    const hostOptions = {
      args: settings.args,
      environment,
      openFolder,
      time: { sleep },
      timeLeft: () => this.clock.left,
    };
    this.host = new ComponentHost(policy, hostOptions, {
      caller: () => this.callers.at(-1) ?? NO_GUEST,
      mayWait: this.isAsync,
      onFailure: (error) => this.failWaiting(error),
    });
    this.cores = new Cores(ground.engine, limits, {
      clock: this.clock,
      hostCalls: this.hostCalls(),
      enter: (run) => this.enter(run),
      startClock: () => this.startClock(),
    });
    const instantiate = ground.make(createRealm(this.cores.namespace, this.transfer));
    const linked = Object.create(null) as Record<string, unknown>;
    for (const name of description.imports) linked[name] = this.link(name, imports.get(name));
    const made = this.door('the component', 'new', () =>
      instantiate(
        (name) => modules.get(name),
        linked,
        (module, coreImports) => this.cores.instantiate(module, coreImports),
      ),
    );
    this.exports = wrapExports(made as Record<string, unknown>, (name, how, call) => this.call(name, how, call));
  }

  figures(): ResourceFigures {
    return this.cores.totals();
  }

  get cpuTimeMs(): number {
    return this.clock.elapsed;
  }

  /** Its functions fail from now on; a call that is under way ends when the guest next calls its host. */
  end(as: 'disposed' | 'reset'): void {
    if (this.ending !== undefined) return;
    this.ending = as;
    this.host.close();
    this.sleeper.cancel();
    this.settleOver();
  }

  private call(name: string, how: Entrance, call: () => unknown): unknown {
    // With the guest all that it held is gone.
    if (how === 'drop' && (this.fault ?? this.ending) !== undefined) return undefined;
    try {
      this.requireAlive();
      if (this.active !== undefined) {
        throw new UsageError(`${quote(name)} was called within a call of the component, which is not reentrant`);
      }
      if (this.fault !== undefined) {
        throw new HostError(
          `${quote(name)} cannot be called, as a call of the component has failed (${messageOf(this.fault)}): reset it first`,
          { cause: this.fault },
        );
      }
      this.functionCalls++;
      return this.door(name, how, call);
    } catch (error) {
      // Whoever waits for what a function gives is told of failures in one way.
      if (this.isAsync && how === 'call') return Promise.reject(error);
      throw error;
    }
  }

  /** Runs what the program of the component does, and says in the library's words how it failed. */
  private door(name: string, how: Entrance, call: () => unknown): unknown {
    const time = this.clock.begin({ limit: this.settings.cpuTimeout });
    this.active = time;
    this.transfer.begin();
    const end = (): void => {
      time.end();
      this.active = undefined;
      this.callers.length = 0;
      this.transfer.payer = undefined;
    };
    const failed = (error: unknown): never => {
      end();
      this.sleeper.cancel();
      const failure = failureOf(quote(name), failureIn(name, error), () => this.figures());
      if (!leavesWhole(failure)) this.fault ??= failure;
      throw failure;
    };
    let value: unknown;
    try {
      value = time.run(call);
    } catch (error) {
      return failed(error);
    }
    if (this.isAsync && how === 'call' && isThenable(value)) {
      return whenSettled(
        value,
        (settled) => {
          end();
          return settled;
        },
        failed,
      );
    }
    end();
    return value;
  }

  /** What the embedder drops of the component's runs without a door. */
  private enter<T>(run: () => T): T {
    if (this.active !== undefined) return this.active.run(run);
    this.requireAlive();
    return this.clock.runSync(this.settings.cpuTimeout, run);
  }

  private startClock(): CallClock {
    const time = this.active;
    if (time === undefined) throw new UsageError('the call of the component is over');
    return {
      enter: (run) => time.run(run),
      wait: async (settled) => {
        const inTime = await settlesWithin(Promise.race([settled, this.over]), time.left);
        this.requireRunning();
        if (!inTime || time.left <= 0) throw time.exceeded();
      },
    };
  }

  /**
   * The program that the transpiler writes does not go on where what it waits for fails. The error of a `result` is for the
   * guest, unless the function has none.
   */
  private failWaiting(error: unknown): void {
    const { giveUp } = this;
    if (giveUp === undefined) return;
    if (hasPayload(error)) void nextTurn().then(() => giveUp(error));
    else giveUp(error);
  }

  /** For a call that is under way. @throws SandboxDisposed, CallAborted; UsageError */
  private requireRunning(): void {
    if (this.isAsync && this.ending === 'reset') throw new CallAborted('Call aborted: the component was reset');
    this.requireAlive();
  }

  private hostCalls(): HostCalls {
    return {
      gas: { base: HOST_CALL.base, perByte: WASI_CALL.perByte },
      serve: (caller, call) => {
        this.requireRunning();
        this.callers.push(caller);
        this.transfer.payer = caller;
        this.transfer.begin();
        const end = (): void => {
          // Where the call was given up, there is nobody left.
          const at = this.callers.lastIndexOf(caller);
          if (at < 0) return;
          this.callers.length = at;
          this.giveUp = undefined;
          this.transfer.payer = this.callers.at(-1);
          this.transfer.begin();
        };
        const returned = <T>(value: T): T => {
          end();
          // A function of the embedder's may have ended the component.
          this.requireRunning();
          return value;
        };
        const failed = (error: unknown): never => {
          end();
          if (isOf(error, WasmSandboxError) || exitStatus(error) !== undefined) throw error;
          // What the guest passes does not fit what it declares.
          throw new HostError(`a call of the host failed: ${messageOf(error)}`, { cause: error });
        };
        let value: unknown;
        try {
          value = call();
        } catch (error) {
          return failed(error);
        }
        if (!this.isAsync || !isThenable(value)) return returned(value);
        const givenUp = new Promise<never>((_, reject) => {
          this.giveUp = reject;
        });
        return whenSettled(Promise.race([value, givenUp]), returned, failed);
      },
    };
  }

  /** The embedder's functions come before WASI's. @throws LinkError */
  private link(name: string, own: object | undefined): unknown {
    if (own === undefined) {
      const found = this.host.find(name);
      if (found !== undefined) return found;
      const why = name.startsWith('wasi:') ? 'WASI preview 2 does not have it here' : 'it was not given';
      throw new LinkError(`import ${quote(name)}: ${why}; give an object of its functions in imports`);
    }
    const linked = Object.create(null) as Record<string, unknown>;
    for (const [key, value] of Object.entries(own)) {
      linked[key] = isFunction(value) ? this.host.guard(name, key, value) : value;
    }
    return linked;
  }

  /** @throws SandboxDisposed; UsageError */
  private requireAlive(): void {
    if (this.ending === 'disposed') throw disposedError(this.settings.instanceId);
    if (this.ending === 'reset') throw new UsageError('the component was reset: take its exports again');
  }
}

/** Classes of resources are the program's to look at; they are told from functions by their text. */
function isFunction(value: unknown): value is (...args: unknown[]) => unknown {
  return typeof value === 'function' && !Function.prototype.toString.call(value).startsWith('class');
}

/** The policy, with a grant of what the embedder passes. */
function withImports(policy: Policy, imports: ReadonlyMap<string, object>): Policy {
  const grants = [...imports].flatMap(([name, own]) => {
    const functions = Object.entries(own).filter(([, value]) => isFunction(value));
    return functions.length === 0 ? [] : [Capability.hostFunctions(name, Object.fromEntries(functions))];
  });
  return granting(policy, grants);
}

/** Whether the guest can be called again: it has ended by itself, or was not called at all. */
function leavesWhole(failure: unknown): boolean {
  return isOf(failure, ComponentError) || isOf(failure, UsageError) || exitStatusBehind(failure) !== undefined;
}

/** How the program says that a `result` is an error. */
function isResult(error: unknown): error is Error & { readonly payload: unknown } {
  return error instanceof Error && error.constructor.name === 'ComponentError' && Object.hasOwn(error, 'payload');
}

function failureIn(name: string, error: unknown): unknown {
  if (isOf(error, WasmSandboxError) || exitStatus(error) !== undefined) return error;
  if (isResult(error)) {
    const { payload } = error;
    const said = payload === undefined ? '' : `: ${messageOf(JSON.stringify(plainPayload(payload)))}`;
    return new ComponentError(`${quote(name)} returned an error${said}`, { function: name, payload });
  }
  if (error instanceof RangeError && /call stack/i.test(error.message)) {
    return new MemoryLimitExceeded(
      `Memory limit exceeded: ${quote(name)} needs more of the host's stack than there is`,
    );
  }
  const reason = messageOf(error);
  // Of a host function that has no `result` to fail with.
  if (hasPayload(error)) return new HostError(`a call of the host failed: ${reason}`, { cause: error });
  // What the guest returns is of no case that its type has; everything else is in what it was given.
  if (/discriminant/.test(reason))
    return new HostError(`${quote(name)} returned what is not of its type: ${reason}`, { cause: error });
  if (/unexpectedly undefined/.test(reason))
    return new LinkError(`an import was not given: ${reason}`, { cause: error });
  return new UsageError(`the arguments of ${quote(name)} do not fit: ${reason}`, { cause: error });
}
