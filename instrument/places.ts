/**
 * Where a guest was that runs natively, from the stack that the engine writes down with every error. V8 and SpiderMonkey give
 * the place of each function in the code that was woven; JavaScriptCore gives none.
 */

import type { ErrorDetails, StackFrame } from '../wasm/errors.ts';
import type { WasmModule } from '../wasm/module.ts';
import { functionName } from '../wasm/names.ts';
import { complete } from '../wasm/steps.ts';
import { Writer } from '../wasm/writer.ts';
import type { WeaveOptions } from './analyse.ts';
import { BodyWeaver } from './body.ts';
import type { Layout } from './layout.ts';
import { Trace } from './trace.ts';

/** What has to be kept of a module that was woven to find places in it. */
export interface WovenPlaces {
  readonly layout: Layout;
  readonly options: WeaveOptions;
  /** Offset of the first body's size. */
  readonly base: number;
  /** By body, offset of its size from there. */
  readonly starts: Int32Array;
}

/** Name of the module, or its number where it has none; number of the function, offset in the module. */
const FRAME = /(?:wasm:\/\/wasm\/([^\s:]*):)?wasm-function\[(\d+)\]:0x([0-9a-f]+)/g;
/** What V8 adds to a name. */
const NUMBER = /-[0-9a-f]{8}$/;

export interface RawFrame {
  /** Undefined where the engine does not say. */
  readonly module: string | undefined;
  readonly index: number;
  readonly offset: number;
}

/** The functions of WebAssembly on an error's stack, the innermost first. */
export function rawFrames(error: unknown): readonly RawFrame[] {
  let stack: unknown;
  try {
    ({ stack } = error as Error);
  } catch {
    // Whoever writes stacks in this process may have thrown.
  }
  if (typeof stack !== 'string') return [];
  return Array.from(stack.matchAll(FRAME), ([, module, index, offset]) => ({
    module: module?.replace(NUMBER, ''),
    index: Number(index),
    offset: Number.parseInt(offset as string, 16),
  }));
}

interface Traced {
  readonly trace: Trace;
  /** Where the first instruction is. */
  readonly start: number;
}

/** Bodies whose traces are kept. */
const MOST_TRACED = 16;

export class PlaceFinder {
  private readonly places: WovenPlaces;
  private readonly traced = new Map<number, Traced>();

  constructor(places: WovenPlaces) {
    this.places = places;
  }

  get module(): WasmModule {
    return this.places.layout.module;
  }

  /** The body and the offset in the original; undefined where the function is none of its own. */
  find({ index, offset }: RawFrame): { readonly body: number; readonly offset: number } | undefined {
    const { layout } = this.places;
    const body = index - layout.firstOwn;
    if (body < 0 || body >= layout.module.bodies.length) return undefined;
    const { trace, start } = this.trace(body);
    return { body, offset: trace.find(offset - start) ?? layout.module.bodies.at(body).codeStart };
  }

  /** Weaves the body once more: its numbers are known, so that it gives the same bytes. */
  private trace(body: number): Traced {
    let found = this.traced.get(body);
    if (found === undefined) {
      const { layout, options, base, starts } = this.places;
      const trace = new Trace();
      const weaver = new BodyWeaver(layout, options, trace);
      complete(weaver.weave(body, new Writer()));
      found = { trace, start: base + (starts[body] as number) + weaver.codeOffset };
      if (this.traced.size >= MOST_TRACED) this.traced.clear();
      this.traced.set(body, found);
    }
    return found;
  }
}

/** A frame as errors show it. */
export function stackFrame(module: WasmModule, body: number, offset: number): StackFrame {
  const functionIndex = module.importedFunctions + body;
  return {
    functionIndex,
    functionName: functionName(module, functionIndex),
    offset,
    codeOffset: offset - module.codeStart,
  };
}

/** For errors: the innermost place, and all of them. */
export function detailsOf(frames: readonly StackFrame[]): ErrorDetails {
  const [innermost] = frames;
  if (innermost === undefined) return {};
  const { functionIndex, functionName: name, offset } = innermost;
  return { functionIndex, functionName: name, offset, frames: () => frames };
}
