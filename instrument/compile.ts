/** Instrumented modules, compiled: once for each engine. */

import { CompileError } from '../wasm/errors.ts';
import { messageOf } from '../wasm/quote.ts';
import type { WasmHost } from './host.ts';
import type { MeteredModule } from './metered.ts';

type Compiled = WeakMap<MeteredModule, WebAssembly.Module>;

const modules = new WeakMap<WasmHost, Compiled>();
/** Compilations that have not ended. */
const pending = new WeakMap<WasmHost, WeakMap<MeteredModule, Promise<void>>>();

function of<T>(map: WeakMap<WasmHost, WeakMap<MeteredModule, T>>, host: WasmHost): WeakMap<MeteredModule, T> {
  let found = map.get(host);
  if (found === undefined) {
    found = new WeakMap();
    map.set(host, found);
  }
  return found;
}

function refused(cause: unknown, { module }: MeteredModule): CompileError {
  const features = module.features.join(', ');
  const uses = features === '' ? '' : `, which uses ${features}`;
  return new CompileError(`the engine cannot run the module${uses}: ${messageOf(cause)}`, {
    cause,
    ...(features !== '' && { feature: features }),
  });
}

function keep(compiled: Compiled, metered: MeteredModule, module: WebAssembly.Module): WebAssembly.Module {
  compiled.set(metered, module);
  metered.code.giveUp();
  return module;
}

/** @throws CompileError where the engine refuses the module */
export function compile(host: WasmHost, metered: MeteredModule): WebAssembly.Module {
  const compiled = of(modules, host);
  const found = compiled.get(metered);
  if (found !== undefined) return found;
  try {
    return keep(compiled, metered, new host.Module(metered.code.bytes()));
  } catch (cause) {
    throw refused(cause, metered);
  }
}

/**
 * Has it compiled while this thread does other things, where the engine can do that; {@link compile} finds it then.
 * @throws CompileError where the engine refuses the module
 */
export function compileAhead(host: WasmHost, metered: MeteredModule): Promise<void> {
  const compiled = of(modules, host);
  if (compiled.has(metered)) return Promise.resolve();
  const waiting = of(pending, host);
  let promise = waiting.get(metered);
  if (promise === undefined) {
    promise = compileAsync(host, metered).finally(() => waiting.delete(metered));
    waiting.set(metered, promise);
  }
  return promise;
}

async function compileAsync(host: WasmHost, metered: MeteredModule): Promise<void> {
  if (host.compile === undefined) {
    compile(host, metered);
    return;
  }
  let module: WebAssembly.Module;
  try {
    module = await host.compile(metered.code.bytes());
  } catch (cause) {
    throw refused(cause, metered);
  }
  const compiled = of(modules, host);
  // Somebody may not have waited.
  if (!compiled.has(metered)) keep(compiled, metered, module);
}
