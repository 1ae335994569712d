/** What a component is made with. */

import { UsageError } from '../../wasm/errors.ts';
import { quote } from '../../wasm/quote.ts';
import { record, refuse } from '../checks/check.ts';
import { suggest } from '../checks/similar.ts';
import type { ModuleSource } from '../module/source.ts';
import { checkOption, type Settings, type SourcelessOptions, settle } from '../sandbox/options.ts';

/** Of a sandbox's options, those that hold for a component. */
const SHARED = [
  'securityPolicy',
  'capabilities',
  'memoryLimit',
  'stackLimit',
  'gasLimit',
  'cpuTimeout',
  'moduleLimit',
  'engine',
  'args',
  'env',
  'stdin',
  'onStdout',
  'onStderr',
  'instanceId',
] as const satisfies readonly (keyof SourcelessOptions)[];

/**
 * Interfaces of the embedder's, by their names with or without versions: functions and classes of resources, by their names
 * in camel case. A function that a world imports by itself is the `default` of an interface of its name.
 */
export type ComponentImports = Readonly<Record<string, object>>;

/**
 * Options of a sandbox, and these. Unknown names are UsageErrors. Limits hold for all core modules of the component together;
 * `memoryLimit` bounds what one call passes in or out as well.
 */
export interface ComponentOptions extends Pick<SourcelessOptions, (typeof SHARED)[number]> {
  /** What the component imports beside WASI. They come before WASI's of the same name. */
  readonly imports?: ComponentImports | undefined;
  /**
   * Whether its exports give promises, so that functions it imports may: those of `imports`, standard streams, clocks, HTTP.
   * False unless given. It then runs on the interpreter, which alone can leave a guest.
   */
  readonly async?: boolean | undefined;
}

/** For a component that was transpiled ahead of time. */
export interface TranspiledOptions extends Omit<ComponentOptions, 'async'> {
  /** Its core modules, by the names of their files; those beside the program unless given. */
  readonly modules?: Readonly<Record<string, ModuleSource>> | undefined;
}

export interface CheckedOptions {
  readonly settings: Settings;
  /** By name without version. */
  readonly imports: ReadonlyMap<string, object>;
  readonly modules: Readonly<Record<string, ModuleSource>>;
  readonly isAsync: boolean | undefined;
}

const OWN = ['imports', 'modules', 'async'] as const;

const isShared = (name: string): boolean => (SHARED as readonly string[]).includes(name);
const isOwn = (name: string): boolean => (OWN as readonly string[]).includes(name);

/** Bytes of no module: the sandbox's options are checked with a source, and there is none. */
const NO_SOURCE = new Uint8Array(0);

/** @throws UsageError */
export function checkComponentOptions(options: unknown): CheckedOptions {
  const given = record('the options of a component', options);
  for (const name of Object.keys(given)) {
    if (isShared(name) || isOwn(name)) continue;
    const known = suggest(name, [...OWN, ...SHARED], 'the options are');
    throw new UsageError(`a component has no option ${quote(name)}; ${known}`);
  }
  const shared = Object.fromEntries(Object.entries(given).filter(([name]) => isShared(name)));
  const { imports = {}, modules = {}, async: isAsync } = given;
  if (isAsync !== undefined && typeof isAsync !== 'boolean') refuse('async', 'true or false', isAsync);
  return {
    settings: settle({ ...shared, source: NO_SOURCE }),
    imports: importsOf(imports),
    modules: record('modules', modules) as Readonly<Record<string, ModuleSource>>,
    isAsync,
  };
}

/** Bytes that the component may have. @throws UsageError */
export function moduleLimitOf(options: ComponentOptions): number | undefined {
  const { moduleLimit } = options;
  return moduleLimit === undefined ? undefined : checkOption('moduleLimit', moduleLimit);
}

function importsOf(value: unknown): ReadonlyMap<string, object> {
  return new Map(
    Object.entries(record('imports', value)).map(([name, functions]) => {
      // The namespace of a module is one too.
      if (typeof functions !== 'object' || functions === null) {
        refuse(`imports: ${quote(name)}`, 'an object of functions and classes', functions);
      }
      return [withoutVersion(name), functions] as const;
    }),
  );
}

/** `wasi:io/streams@0.2.3` without what follows the `@`. */
export function withoutVersion(name: string): string {
  const at = name.indexOf('@');
  return at < 0 ? name : name.slice(0, at);
}
