/** Watches sandboxes and pools, for whichever library takes the figures and spans. */

import {
  type AuditEvent,
  type AuditSink,
  Capability,
  type GuestFunctionDeclaration,
  type HostFunctionPrice,
  type HostFunctionsCapability,
  type PlainFunction,
} from '../../policy/index.ts';
import { WasmSandboxError } from '../../wasm/errors.ts';
import { escapeUnprintable, quote } from '../../wasm/quote.ts';
import { isThenable, whenSettled } from '../../wasm/thenable.ts';
import type { Execution } from '../call/execution.ts';
import { callback, record, refuse, text } from '../checks/check.ts';
import type { PoolStats } from '../pool/stats.ts';
import type { ResourceStats } from '../sandbox/stats.ts';
import { type Failure, failureOf } from './failure.ts';
import { type HistogramName, LABELS, toNumber } from './figures.ts';

/** What is said of a span or a figure. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** A span that has begun. */
export interface Span {
  /** Runs something with the span as the one that is active, for whatever begins others. */
  within<T>(work: () => T): T;
  end(attributes: Attributes, failure: Failure | undefined): void;
}

/** What takes spans. */
export interface Spans {
  /** Below the parent; else below the one that is active. */
  begin(name: string, attributes: Attributes, parent?: Span): Span;
  /** Notes something in the span that is active. */
  note(name: string, attributes: Attributes): void;
}

/** What takes figures. */
export interface Metrics {
  /** @throws UsageError for attributes of an embedder's that it cannot take */
  check(attributes: Attributes): void;
  record(figure: HistogramName, value: number, labels: Attributes): void;
  countRequest(labels: Attributes): void;
  /** Reads a pool whenever somebody collects. @returns what ends that */
  observePool(read: () => PoolStats, labels: Attributes): () => void;
}

/** A sandbox, whichever way it waits. */
export interface WatchedSandbox {
  /** As its options say. */
  readonly instanceId: string;
  /** What the guest has used. */
  getResourceStats(): ResourceStats;
}

/** What was wrapped, by what was made of it: host functions are called by the sandbox itself. */
const wrappedSandboxes = new WeakMap<object, object>();
const itself = (sandbox: object): object => wrappedSandboxes.get(sandbox) ?? sandbox;

type Method = (...args: unknown[]) => unknown;

/** Methods that call the guest, with the name of the function among their arguments. */
const CALLS: Readonly<Record<string, (args: readonly unknown[]) => unknown>> = {
  call: ([name]) => name,
  callWithTimeout: ([name]) => name,
  callWithAudit: ([name]) => name,
  callBatch: () => undefined,
  run: () => '_start',
};

const LONGEST_NAME = 100;
/** Of attributes; libraries drop others, or throw. */
const VALUES: ReadonlySet<string> = new Set(['string', 'number', 'boolean']);

/**
 * What watches sandboxes and pools. Nothing is patched: what it gives back is watched, and what it was given is not.
 * Errors are told by class and kind; their messages, and whatever else a guest can choose, are not passed on.
 */
export class Telemetry {
  /**
   * Takes the audit of a policy: counts each request by function, kind and answer, and notes it in the span that is active.
   * Paths, URLs and values are left out.
   */
  readonly sink: AuditSink;
  readonly #metrics: Metrics;
  readonly #spans: Spans;
  /** Of calls by sandbox, the innermost last; and of executions. */
  readonly #calls = new WeakMap<object, Span[]>();
  readonly #executions = new WeakMap<object, Span>();
  readonly #wrapped = new WeakSet<object>();

  /** @internal */
  constructor(metrics: Metrics, spans: Spans) {
    this.#metrics = metrics;
    this.#spans = spans;
    this.sink = (event) => this.#audit(event);
  }

  /**
   * Makes a sandbox within a span `wasm.load`.
   * @param make such as `() => WasmSandbox.create(options)`
   * @param attributes as {@link Telemetry.wrap} takes them
   * @returns the sandbox, as {@link Telemetry.wrap} gives it
   * @throws what `make` throws
   */
  async load<S extends WatchedSandbox>(make: () => S | Promise<S>, attributes: Attributes = {}): Promise<S> {
    callback('what makes the sandbox', make);
    this.#check(attributes);
    const began = performance.now();
    const span = this.#spans.begin('wasm.load', attributes);
    let sandbox: S | undefined;
    let failure: Failure | undefined;
    try {
      sandbox = await span.within(make);
      return this.wrap(sandbox, attributes);
    } catch (error) {
      failure = failureOf(error);
      throw error;
    } finally {
      const labels = { ...attributes, ...labelsOf(sandbox && statsOf(sandbox), failure) };
      this.#metrics.record('loadDuration', secondsSince(began), labels);
      span.end(labels, failure);
    }
  }

  /**
   * The same sandbox, with each call of its guest in a span `wasm.call`, and in the histograms. What is called by the sandbox
   * itself is not watched. Doing it again does nothing.
   * @param attributes go to spans and figures: few, and none that a guest can choose, such as the tenant
   */
  wrap<S extends WatchedSandbox>(sandbox: S, attributes: Attributes = {}): S {
    if (this.#wrapped.has(sandbox)) return sandbox;
    const own = this.#check(attributes);
    const methods = new Map<string | symbol, Method>();
    const wrapped = new Proxy(sandbox, {
      get: (target, key) => {
        // A sandbox's private state is found by itself alone.
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function' || key === 'constructor') return value;
        const method = methods.get(key) ?? this.#method(target, String(key), value as Method, own, wrapped);
        methods.set(key, method);
        return method;
      },
    });
    this.#wrapped.add(wrapped);
    wrappedSandboxes.set(wrapped, itself(sandbox));
    return wrapped;
  }

  #check(attributes: Attributes): Attributes {
    const own = { ...(record('the attributes', attributes) as Attributes) };
    for (const [name, value] of Object.entries(own)) {
      if (!VALUES.has(typeof value)) refuse(`the attribute ${quote(name)}`, 'a string, a number or a boolean', value);
    }
    this.#metrics.check(own);
    return own;
  }

  #method(
    sandbox: WatchedSandbox,
    name: string,
    method: Method,
    attributes: Attributes,
    wrapped: WatchedSandbox,
  ): Method {
    // Its methods call what they are taken from.
    if (name === 'functions') return method.bind(wrapped);
    if (name === 'start') {
      return (...args) => this.#start(sandbox, () => method.apply(sandbox, args) as Execution, args[0], attributes);
    }
    const named = Object.hasOwn(CALLS, name) ? CALLS[name] : undefined;
    if (named === undefined) return method.bind(sandbox);
    return (...args) => this.#call(sandbox, () => method.apply(sandbox, args), named(args), attributes);
  }

  #call(sandbox: WatchedSandbox, make: () => unknown, name: unknown, attributes: Attributes): unknown {
    const calls = this.#calls.get(itself(sandbox)) ?? [];
    this.#calls.set(itself(sandbox), calls);
    const gasBefore = statsOf(sandbox)?.gasUsed;
    const { span, end } = this.#begin(sandbox, name, attributes, calls.at(-1));
    calls.push(span);
    const settle = (error?: unknown): void => {
      calls.splice(calls.lastIndexOf(span), 1);
      const stats = statsOf(sandbox) ?? figuresOf(error);
      // A reset begins anew.
      const isOfCall = stats !== undefined && gasBefore !== undefined && stats.gasUsed >= gasBefore;
      end(error, isOfCall ? stats.gasUsed - gasBefore : undefined);
    };
    return settled(() => span.within(make), settle);
  }

  #start(sandbox: WatchedSandbox, make: () => Execution, name: unknown, attributes: Attributes): Execution {
    const { span, end } = this.#begin(sandbox, name, attributes, this.#calls.get(itself(sandbox))?.at(-1));
    try {
      const execution = span.within(make);
      this.#executions.set(execution, span);
      execution.onEnd(() => end(execution.error, execution.gasUsed));
      return execution;
    } catch (error) {
      end(error, undefined);
      throw error;
    }
  }

  #begin(sandbox: WatchedSandbox, name: unknown, attributes: Attributes, parent: Span | undefined) {
    const began = performance.now();
    const { instanceId } = sandbox;
    const told = { ...attributes, 'wasm.sandbox.id': instanceId, ...(typeof name === 'string' && functionNamed(name)) };
    const span = this.#spans.begin('wasm.call', told, parent);
    const end = (error: unknown, gas: bigint | undefined): void => {
      const failure = error === undefined ? undefined : failureOf(error);
      const stats = statsOf(sandbox);
      const figures = stats ?? figuresOf(error);
      const labels = { ...attributes, ...labelsOf(stats, failure) };
      const memory = figures?.peakMemoryBytes;
      this.#metrics.record('callDuration', secondsSince(began), labels);
      if (gas !== undefined) this.#metrics.record('callGas', toNumber(gas), labels);
      if (memory !== undefined) this.#metrics.record('callMemory', memory, labels);
      const used = {
        ...(gas !== undefined && { 'wasm.gas.used': toNumber(gas) }),
        ...(memory !== undefined && { 'wasm.memory.peak': memory }),
      };
      span.end({ ...labelsOf(stats, failure), ...used }, failure);
    };
    return { span, end };
  }

  /**
   * {@link Capability.hostFunctions}, with each call of a function in a span `wasm.host_call` below the guest's call, also
   * where the guest has waited or was run by a scheduler. What the function itself begins is below that.
   * @throws UsageError
   */
  hostFunctions(
    module: string,
    functions: Readonly<Record<string, PlainFunction | GuestFunctionDeclaration>>,
    price?: HostFunctionPrice,
  ): HostFunctionsCapability {
    const watched = Object.entries(record('the functions', functions)).map(([name, declared]) => {
      const label = `${module}.${name}`;
      return [name, this.#hostFunction(label, declared as PlainFunction | GuestFunctionDeclaration)] as const;
    });
    return Capability.hostFunctions(module, Object.fromEntries(watched), price);
  }

  #hostFunction(label: string, declared: PlainFunction | GuestFunctionDeclaration): GuestFunctionDeclaration {
    const isPlain = typeof declared === 'function';
    // The maker says what is wrong with it.
    if (!isPlain && typeof declared?.call !== 'function') return declared;
    const types = isPlain ? {} : { ...declared };
    return {
      ...types,
      call: (caller, args) => {
        const began = performance.now();
        const { execution, sandbox } = caller;
        const parent = (execution && this.#executions.get(execution)) ?? (sandbox && this.#calls.get(sandbox)?.at(-1));
        const of = { [LABELS.hostFunction]: label };
        const span = this.#spans.begin('wasm.host_call', of, parent);
        const body = () => (isPlain ? (declared as Method)(...args) : declared.call(caller, args));
        return settled(
          () => span.within(body),
          (error, isFailed) => {
            const failure = isFailed ? failureOf(error) : undefined;
            const labels = { ...of, ...labelsOf(undefined, failure) };
            this.#metrics.record('hostCallDuration', secondsSince(began), labels);
            span.end(labels, failure);
          },
        );
      },
    };
  }

  #audit({ function: name, request, allowed, rule, bytes }: AuditEvent): void {
    const labels = {
      [LABELS.hostFunction]: name,
      [LABELS.request]: request.kind,
      [LABELS.allowed]: allowed,
    };
    this.#metrics.countRequest(labels);
    this.#spans.note('wasm.request', {
      ...labels,
      'wasm.request.rule': rule,
      ...(bytes !== undefined && { 'wasm.request.bytes': bytes }),
    });
  }

  /**
   * Gives all figures of a pool whenever metrics are collected.
   * @param name tells it from other pools
   * @returns what ends that
   */
  observe(pool: { getStats(): PoolStats }, name: string): () => void {
    callback('the getStats of a pool', pool.getStats);
    return this.#metrics.observePool(() => pool.getStats(), { [LABELS.pool]: text('the name of a pool', name) });
  }
}

/** Calls a function, and says when it is over: at once, or when its promise has settled. */
function settled(call: () => unknown, end: (error: unknown, isFailed: boolean) => void): unknown {
  const failed = (error: unknown): never => {
    end(error, true);
    throw error;
  };
  const returned = <T>(value: T): T => {
    end(undefined, false);
    return value;
  };
  let value: unknown;
  try {
    value = call();
  } catch (error) {
    return failed(error);
  }
  return isThenable(value) ? whenSettled(value, returned, failed) : returned(value);
}

const secondsSince = (began: number) => (performance.now() - began) / 1_000;

/** The host says it; but an embedder may take it from a request. */
function functionNamed(name: string): Attributes {
  return { 'wasm.function': escapeUnprintable(name.slice(0, LONGEST_NAME)) };
}

function labelsOf(stats: ResourceStats | undefined, failure: Failure | undefined): Attributes {
  return {
    ...(stats !== undefined && { [LABELS.engine]: stats.engine }),
    ...(failure !== undefined && { [LABELS.error]: failure.type }),
  };
}

/** Undefined where there is no instance any more. */
function statsOf(sandbox: WatchedSandbox): ResourceStats | undefined {
  try {
    return sandbox.getResourceStats();
  } catch {
    return undefined;
  }
}

const figuresOf = (error: unknown) => (error instanceof WasmSandboxError ? error.resources : undefined);
