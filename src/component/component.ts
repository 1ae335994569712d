/** Components of WebAssembly: programs with typed exports, whose core modules run under one set of limits. */

import type { AuditEvent } from '../../policy/index.ts';
import type { EngineName } from '../../wasm/engine.ts';
import { ComponentError, type ResourceFigures, UsageError } from '../../wasm/errors.ts';
import { DEFAULT_LIMITS } from '../../wasm/limits.ts';
import { quote } from '../../wasm/quote.ts';
import { disposedError } from '../call/disposed.ts';
import { exitStatusBehind } from '../call/failures.ts';
import { type Output, outputOf, type RunResult } from '../call/output.ts';
import { fetchAll, type ModuleSource } from '../module/source.ts';
import { makeDisposable } from '../runtime/disposable.ts';
import { loadRuntimeFor } from '../runtime/provided.ts';
import { Module } from '../webassembly/objects.ts';
import { type ComponentCode, programOf } from './code.ts';
import { loadCoreEngine } from './engine.ts';
import { evaluate } from './evaluate.ts';
import { type Ground, Life } from './life.ts';
import {
  type ComponentOptions,
  checkComponentOptions,
  moduleLimitOf,
  type TranspiledOptions,
  withoutVersion,
} from './options.ts';
import { transpileBytes } from './transpiler.ts';

/** Functions and interfaces by their names, where nothing more is known. */
// biome-ignore lint/suspicious/noExplicitAny: what a component exports is its own; types come from its declarations.
export type ComponentExports = Readonly<Record<string, any>>;

/** Since the component was made or last reset. Gas and memory are those of all core modules together. */
export interface ComponentStats extends ResourceFigures {
  readonly instanceId: string;
  /** What runs the core modules. */
  readonly engine: EngineName;
  /** Calls of exports. */
  readonly functionCalls: number;
  /** Milliseconds of wall-clock time in which calls were under way; not exact, and not reproducible. */
  readonly cpuTimeMs: number;
}

/** What WASI calls the function that runs a program. */
const RUN = 'wasi:cli/run';

/**
 * A component, instantiated. Its exports are called directly. They return at once, and nothing in them can be waited for,
 * unless it was made with `async`: then they give promises.
 * @typeParam E its exports, as the declarations have them that "wasm-sandbox component" writes (`Root`)
 */
export class Component<E extends object = ComponentExports> {
  readonly #ground: Ground;
  #life: Life | undefined;
  #isDisposed = false;

  private constructor(ground: Ground) {
    this.#ground = ground;
    this.#life = new Life(ground);
  }

  /**
   * Transpiles a component and makes an instance of it, which needs the package `@bytecodealliance/jco-transpile`, and a
   * runtime that makes modules of text. Start functions run.
   * @param source where the component comes from, as a module's bytes may
   * @throws CompileError where it is none, or not supported; LinkError where an import is missing; UsageError, and whatever
   *   ends a start function
   */
  static async create<E extends object = ComponentExports>(
    source: ModuleSource,
    options: ComponentOptions = {},
  ): Promise<Component<E>> {
    const checked = checkComponentOptions(options);
    const { bytes } = await fetchAll(source, moduleLimitOf(options) ?? DEFAULT_LIMITS.moduleBytes);
    const settings = { name: 'component', declarations: false, withUrl: false, isAsync: checked.isAsync };
    const { text, modules } = await transpileBytes(bytes, settings);
    return Component.#make(await evaluate(text), new Map(modules), checked);
  }

  /**
   * Makes an instance of a component that was transpiled ahead of time.
   * @param code the module that "wasm-sandbox component" wrote, imported
   * @throws as {@link Component.create}
   */
  static async from<E extends object = ComponentExports>(
    code: ComponentCode,
    options: TranspiledOptions = {},
  ): Promise<Component<E>> {
    const checked = checkComponentOptions(options);
    const { description } = programOf(code);
    if (checked.isAsync !== undefined) {
      throw new UsageError('async is no option of Component.from: it was said when the component was transpiled');
    }
    const sources = new Map<string, ModuleSource>();
    for (const name of description.modules) {
      const given = Object.hasOwn(checked.modules, name) ? checked.modules[name] : undefined;
      sources.set(name, given ?? besideProgram(name, code.url));
    }
    return Component.#make(code, sources, checked);
  }

  static async #make<E extends object>(
    code: ComponentCode,
    sources: ReadonlyMap<string, ModuleSource>,
    { settings, imports }: ReturnType<typeof checkComponentOptions>,
  ): Promise<Component<E>> {
    const { description, make } = programOf(code);
    const modules = new Map<string, Module>();
    for (const [name, source] of sources) {
      const { bytes } = await fetchAll(source, settings.moduleLimit);
      modules.set(name, new Module(bytes));
    }
    const engine = await loadCoreEngine(settings.engine, [...modules.values()], description.isAsync);
    const runtime = await loadRuntimeFor(settings.policy);
    return new Component<E>({ description, make, modules, engine, settings, imports, runtime });
  }

  /**
   * Functions by name, interfaces by theirs, with and without version and by their last part alone. Values are as the
   * declarations say. Resources that the component gives are dropped with `using`, or with the component.
   *
   * Functions throw ComponentError where they return the error of a `result`; what ends guests, as a sandbox's calls do;
   * UsageError for arguments that do not fit. After anything but a ComponentError or a UsageError, the component cannot be
   * called any more before a reset.
   */
  get exports(): E {
    return this.#alive().exports as E;
  }

  /** What it has used so far. */
  get stats(): ComponentStats {
    const life = this.#alive();
    const { engine, settings } = this.#ground;
    const { functionCalls, cpuTimeMs } = life;
    return { instanceId: settings.instanceId, engine: engine.name, functionCalls, cpuTimeMs, ...life.figures() };
  }

  /**
   * Runs the component as a program, by `wasi:cli/run`.
   * @returns how it ended, and what it has written so far
   * @throws UsageError where it is no program; whatever else ends it
   */
  run(): RunResult {
    if (this.#ground.description.isAsync) {
      throw new UsageError('the component was made with async: run it with runAsync, which gives a promise');
    }
    return { exitCode: statusOf(this.#program()), ...this.output() };
  }

  /** The same for one that may have been made with `async`, and is waited for. */
  async runAsync(): Promise<RunResult> {
    const run = this.#program();
    try {
      await run();
      return { exitCode: 0, ...this.output() };
    } catch (error) {
      return { exitCode: statusBehind(error), ...this.output() };
    }
  }

  #program(): () => unknown {
    const { exports } = this.#alive();
    const name = this.#ground.description.exports.find((each) => withoutVersion(each) === RUN);
    const run = name === undefined ? undefined : (exports[name] as { readonly run?: () => unknown }).run;
    if (run === undefined) throw new UsageError(`the component is no program: it does not export ${quote(RUN)}`);
    return run;
  }

  /** What it wrote so far to the streams for which no callback was given. */
  output(): Output {
    return outputOf(this.#alive().host);
  }

  /** The files in memory that the policy granted, with what the component made of them: copies, by absolute path. */
  files(): ReadonlyMap<string, Uint8Array> {
    return this.#alive().host.files();
  }

  /** Host calls so far, where the policy turned auditing on. */
  auditEvents(): readonly AuditEvent[] {
    return this.#alive().host.audit.events;
  }

  /** Host calls that were refused, the first 1,000 of them, whether or not auditing is on. */
  violations(): readonly AuditEvent[] {
    return this.#alive().host.violations.events;
  }

  /**
   * Starts over as if just made. Exports taken before are of no use any more, and throw UsageError.
   * @throws what {@link Component.create} throws where a start function ends
   */
  reset(): void {
    const life = this.#alive();
    life.end('reset');
    this.#life = undefined;
    this.#life = new Life(this.#ground);
  }

  /** Ends it, and lets go of what it has open. Doing it again does nothing. */
  dispose(): void {
    this.#isDisposed = true;
    this.#life?.end('disposed');
    this.#life = undefined;
  }

  /** {@link Component.dispose}. */
  close(): void {
    this.dispose();
  }

  #alive(): Life {
    if (this.#isDisposed) throw disposedError(this.#ground.settings.instanceId);
    if (this.#life === undefined)
      throw new UsageError('the component has no instance: its reset has failed. Make another one');
    return this.#life;
  }

  /** {@link Component.dispose}. */
  declare readonly [Symbol.dispose]: () => void;
  /** {@link Component.dispose}. */
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  static {
    const dispose = (component: Component) => component.dispose();
    makeDisposable(Component.prototype, { sync: dispose, async: async (component) => dispose(component) });
  }
}

/** @throws UsageError where nobody knows where the program lies */
function besideProgram(name: string, program: string | undefined): URL {
  if (program !== undefined && URL.canParse(name, program)) return new URL(name, program);
  throw new UsageError(`the core module ${quote(name)} is not there: give it in modules`);
}

function statusOf(run: () => unknown): number {
  try {
    run();
    return 0;
  } catch (error) {
    return statusBehind(error);
  }
}

/** @throws what it is, where that is no way to end a program */
function statusBehind(error: unknown): number {
  if (error instanceof ComponentError) return 1;
  const status = exitStatusBehind(error);
  if (status === undefined) throw error;
  return status;
}
