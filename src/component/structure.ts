/** What a component consists of, as far as it has to be known before anybody else is given its bytes. */

import { CompileError } from '../../wasm/errors.ts';

/** `\0asm`, then the version and the layer of components (Component Model, Binary.md). */
const PREAMBLE = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];

const SECTION = { custom: 0, module: 1, component: 4, instance: 5, canon: 8, start: 9 } as const;

/** Sections that are no lists of items. */
const WITHOUT_ITEMS: ReadonlySet<number> = new Set([SECTION.custom, SECTION.module, SECTION.component, SECTION.start]);

/** Canonical functions up to here take and give values, and make and drop resources; those beyond are for waiting. */
const LAST_SYNCHRONOUS = 0x04;

/** The encoding of strings that is either of two. */
const LATIN1_OR_UTF16 = 0x02;

/** Components within one another. */
const MAX_DEPTH = 32;

/**
 * Canonical functions, counted as often as their component may be instantiated. A few bytes can instantiate a component
 * twice that instantiates one twice, and so on; the code that the transpiler writes is in proportion to this.
 */
const MOST_FUNCTIONS = 10_000;

/**
 * Items of sections, and arguments of instances by their bytes, counted likewise: the transpiler looks at each as often as its
 * component is instantiated. That many more may come of instantiating again than the component has bytes.
 */
const MOST_ITEMS = 50_000;
const BYTES_PER_ITEM = 16;

/** What an instance of a component comes to, at most. */
interface Extent {
  readonly functions: number;
  readonly items: number;
}

/** Whether bytes are those of a component, whatever follows the first eight. */
export function isComponent(bytes: Uint8Array): boolean {
  return bytes.length >= PREAMBLE.length && PREAMBLE.every((byte, i) => bytes[i] === byte);
}

/**
 * Refuses what must not be transpiled: what is no component, has sections that reach outside of it, waits by means of its
 * own, or would become more code than it has bytes for.
 * @throws CompileError
 */
export function checkStructure(bytes: Uint8Array): void {
  if (!isComponent(bytes)) {
    const isModule = bytes.length >= 4 && PREAMBLE.slice(0, 4).every((byte, i) => bytes[i] === byte);
    const what = isModule ? 'a core module: run it with WasmSandbox' : 'no component';
    throw new CompileError(`the bytes are ${what}`, { offset: 0 });
  }
  new Walk(bytes).component(PREAMBLE.length, bytes.length, 0);
}

class Walk {
  private readonly bytes: Uint8Array;
  private at = 0;
  /** Of the components that have ended so far, the most that one comes to. */
  private most: Extent = { functions: 0, items: 0 };

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  component(start: number, end: number, depth: number): Extent {
    if (depth > MAX_DEPTH) this.fail(`components are within one another more than ${MAX_DEPTH} deep`, start);
    let functions = 1;
    let items = 1;
    for (this.at = start; this.at < end; ) {
      const id = this.bytes[this.at++] as number;
      const length = this.number(end);
      const from = this.at;
      const next = from + length;
      if (next > end) this.fail('a section reaches beyond its component', from);
      if (!WITHOUT_ITEMS.has(id)) {
        items += this.number(next) + length / BYTES_PER_ITEM;
        this.at = from;
      }
      if (id === SECTION.component) {
        if (!isComponent(this.bytes.subarray(from, next))) this.fail('a nested component does not begin as one', from);
        const nested = this.component(from + PREAMBLE.length, next, depth + 1);
        this.most = {
          functions: Math.max(this.most.functions, nested.functions),
          items: Math.max(this.most.items, nested.items),
        };
      } else if (id === SECTION.instance) {
        // Which component an instance is of depends on more than can be told here: the largest that there is by now.
        const instances = this.number(next);
        functions += instances * Math.max(1, this.most.functions);
        items += instances * this.most.items;
      } else if (id === SECTION.canon) functions += this.canon(next);
      if (functions > MOST_FUNCTIONS) {
        this.fail(`the component comes to more than ${MOST_FUNCTIONS} functions between it and others`, from);
      }
      if (items > MOST_ITEMS + this.bytes.length) {
        this.fail(
          `the component comes to more than ${MOST_ITEMS} items beyond its ${this.bytes.length} bytes, as components in it are instantiated again and again`,
          from,
        );
      }
      this.at = next;
    }
    return { functions, items };
  }

  /** @returns how many functions the section has */
  private canon(end: number): number {
    const count = this.number(end);
    for (let left = count; left > 0; left--) {
      const at = this.at;
      const kind = this.bytes[this.at++] as number;
      if (this.at > end) this.fail('a section ends too early', at);
      if (kind > LAST_SYNCHRONOUS)
        this.fail('the component waits by means of its own (async), which is not supported', at);
      if (kind <= 0x01) {
        this.at++;
        this.number(end);
        this.options(end);
        // Lifting names a type.
        if (kind === 0x00) this.number(end);
      } else this.number(end);
    }
    return count;
  }

  private options(end: number): void {
    for (let left = this.number(end); left > 0; left--) {
      const at = this.at;
      const option = this.bytes[this.at++] as number;
      if (this.at > end) this.fail('a section ends too early', at);
      // Encodings of strings; memory, realloc, post-return. Those beyond are for waiting, and for collected memory.
      if (option > 0x05) this.fail('a function of the component waits (async), which is not supported', at);
      if (option === LATIN1_OR_UTF16) {
        this.fail(
          'strings of the component are in Latin-1 or UTF-16 (latin1+utf16), which the transpiler does not support: build it for UTF-8 or UTF-16',
          at,
        );
      }
      if (option > 0x02) this.number(end);
    }
  }

  /** An unsigned LEB128 of 32 bits. */
  private number(end: number): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.at >= end) break;
      const byte = this.bytes[this.at++] as number;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return this.fail('a number is cut off or too long', this.at);
  }

  private fail(what: string, offset: number): never {
    throw new CompileError(what, { offset });
  }
}
