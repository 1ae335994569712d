/**
 * Runs a module under two namespaces of the shape of `WebAssembly` and compares everything that can be seen: how
 * instantiation ends, what calls return or trap with, calls to the host and their arguments, and the memory, globals
 * and tables left behind. Works on the bytes alone: what the module imports is made up from its own description.
 */

import { Buffer } from 'node:buffer';
import { decode } from '../../wasm/decode.ts';
import { functionTypeAt, typeOfFunction, type WasmModule } from '../../wasm/module.ts';
import {
  EXTERNREF,
  F32,
  F64,
  FUNCREF,
  type FuncType,
  type GlobalType,
  I32,
  I64,
  type TableType,
  typeName,
  type ValType,
} from '../../wasm/types.ts';
import { FUEL } from '../generate/module.ts';
import { fromJs, TOKENS, toJs, type ValueText, valueText } from '../generate/values.ts';
import { nativeFeatures } from '../spec/probes.ts';

/** Whether the host gives a function of an exception as one. V8 had legacy exceptions when it gave what it has inside. */
const GIVES_FUNCTIONS = nativeFeatures.includes('exceptions');

/** What is used of a namespace; the host's own `WebAssembly` has it. */
export type Namespace = Pick<
  typeof WebAssembly,
  'Module' | 'Instance' | 'Memory' | 'Table' | 'Global' | 'CompileError' | 'LinkError' | 'RuntimeError'
> &
  // Where an engine has exceptions.
  Partial<Pick<typeof WebAssembly, 'Tag' | 'Exception'>>;

export interface Call {
  readonly export: string;
  readonly args: readonly ValueText[];
}

export interface Program {
  readonly bytes: Uint8Array;
  readonly calls: readonly Call[];
}

/** All that was seen of a run. */
export interface Observation {
  /** One line for the instantiation, one for each call made to or by the guest, in their order. */
  readonly events: readonly string[];
  /** Memory, by name. */
  readonly memories: ReadonlyMap<string, Uint8Array>;
  /** Globals and table elements, by name. */
  readonly values: ReadonlyMap<string, ValueText>;
  /** An engine ran out of stack, whose size is its own business: nothing after that can be compared. */
  readonly overflowed: boolean;
}

/**
 * Traps as V8 and the specification word them. V8 does not tell some kinds apart, and reports a bulk operation out of
 * a segment's bounds as out of the table's or memory's. Of what is neither aligned nor in bounds it says now the one, now the other.
 */
const TRAP_CLASSES: readonly (readonly [RegExp, string])[] = [
  [/unreachable/, 'unreachable'],
  [/(?:divide|remainder) by zero/, 'divide by zero'],
  [/unrepresentable|integer overflow|invalid conversion to integer/, 'not representable'],
  [/function signature mismatch|uninitialized element|indirect call type mismatch/, 'wrong callee'],
  [/null (?:function |exception )?reference|dereferencing a null pointer|rethrowing null value/, 'null reference'],
  [/unaligned|memory access out of bounds|out of bounds memory access|data segment/, 'memory out of bounds'],
  [
    /table index is out of bounds|table access|undefined element|element segment|table initializer/i,
    'table out of bounds',
  ],
];

const OVERFLOW = 'stack overflow';

/** What the host's functions throw. */
class HostFailure extends Error {}

/** How a failure is to be called, whatever engine it comes from. */
export function classify(error: unknown, ns: Namespace): string {
  if (error instanceof HostFailure) return `the host threw: ${error.message}`;
  const message = error instanceof Error ? error.message : String(error);
  if (/call stack|stack limit/i.test(message)) return OVERFLOW;
  if (error instanceof ns.RuntimeError) {
    return `trap: ${TRAP_CLASSES.find(([pattern]) => pattern.test(message))?.[1] ?? message}`;
  }
  if (error instanceof ns.LinkError) return 'LinkError';
  if (error instanceof ns.CompileError) return `CompileError: ${message}`;
  if (ns.Exception !== undefined && error instanceof ns.Exception) return 'exception';
  if (error instanceof TypeError) return 'TypeError';
  return `${(error as Error)?.name}: ${message}`;
}

/** Values of imported globals: small enough to be offsets. */
const GLOBAL_BITS: Readonly<Partial<Record<ValType, bigint>>> = {
  [I32]: 3n,
  [I64]: 0x1_0000_0005n,
  [F32]: 0x3fc0_0000n,
  [F64]: 0xc004_0000_0000_0000n,
  [EXTERNREF]: 1n,
};

class Run {
  readonly ns: Namespace;
  readonly module: WasmModule;
  readonly events: string[] = [];
  /** Of all calls to the host so far. */
  private hash = 0n;
  /** Exports of the instance, or what was imported when there is no instance. */
  private readonly items = new Map<string, unknown>();
  private readonly names = new Map<unknown, string>();

  constructor(ns: Namespace, module: WasmModule) {
    this.ns = ns;
    this.module = module;
  }

  execute(calls: readonly Call[]): Observation {
    const { ns, module } = this;
    const imports = this.imports();
    try {
      const instance = new ns.Instance(new ns.Module(module.bytes as BufferSource), imports as WebAssembly.Imports);
      this.events.push('instantiated');
      for (const [name, value] of Object.entries(instance.exports)) {
        this.items.set(name, value);
        if (typeof value === 'function') this.names.set(value, name);
      }
    } catch (error) {
      this.events.push(`instantiation ended: ${classify(error, ns)}`);
    }
    for (const call of calls) {
      if (this.items.has(call.export) && !this.overflowed) this.events.push(this.call(call, true));
    }
    return this.observe();
  }

  private get overflowed(): boolean {
    return this.events.some((event) => event.endsWith(OVERFLOW));
  }

  private readonly nameOf = (value: unknown): string => this.names.get(value) ?? `unknown ${typeof value}`;

  private call({ export: name, args }: Call, isOutermost: boolean): string {
    const fuel = this.items.get('fuel');
    if (isOutermost && fuel instanceof this.ns.Global) fuel.value = FUEL;
    const type = this.typeOf(name);
    const line = `${name}(${args.join(', ')})`;
    try {
      const values = args.map((arg) => toJs(arg, (other) => this.items.get(other) ?? null));
      const result = (this.items.get(name) as (...values: unknown[]) => unknown)(...values);
      return `${line} = ${this.resultTexts(type, result).join(', ')}`;
    } catch (error) {
      return `${line}: ${classify(error, this.ns)}${this.payload(error)}`;
    }
  }

  /** The tag of a guest's exception and what it carries; empty for another failure. */
  private payload(error: unknown): string {
    const { Exception, Tag } = this.ns;
    if (Exception === undefined || Tag === undefined || !(error instanceof Exception)) return '';
    const tags = [...this.items].filter(([, item]) => item instanceof Tag) as [string, WebAssembly.Tag][];
    const [name, tag] = tags.find(([, known]) => error.is(known)) ?? [];
    if (tag === undefined) return ' of an unknown tag';
    const { params } = functionTypeAt(this.module, this.module.tags[Number(name?.slice(1))] as number);
    const values = params.map((type, i) =>
      type === FUNCREF && !GIVES_FUNCTIONS ? 'a function' : this.anyText(error.getArg(tag, i)),
    );
    return ` ${name}(${values.join(', ')})`;
  }

  /** A value whose type is not known. */
  private anyText(value: unknown): string {
    if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
    if (typeof value === 'bigint' || value === null) return String(value);
    return TOKENS.includes(value) ? `token ${TOKENS.indexOf(value)}` : this.nameOf(value);
  }

  private resultTexts({ results }: FuncType, result: unknown): string[] {
    if (results.length === 0) return [result === undefined ? 'nothing' : `${typeof result} instead of nothing`];
    if (results.length === 1) return [fromJs(results[0] as ValType, result, this.nameOf)];
    if (!Array.isArray(result) || result.length !== results.length)
      return [`${String(result)} instead of ${results.length} values`];
    return results.map((type, i) => fromJs(type, result[i], this.nameOf));
  }

  private typeOf(name: string): FuncType {
    const found = this.module.exports.find((entry) => entry.name === name);
    return typeOfFunction(this.module, found?.index ?? 0);
  }

  private imports(): Record<string, Record<string, unknown>> {
    const imports: Record<string, Record<string, unknown>> = {};
    for (const entry of this.module.imports) {
      const target = (imports[entry.module] ??= {});
      target[entry.name] = this.importValue(entry);
      this.items.set(entry.name, target[entry.name]);
    }
    return imports;
  }

  private importValue(entry: WasmModule['imports'][number]): unknown {
    const { ns, module } = this;
    switch (entry.kind) {
      case 'function':
        return this.hostFunction(entry.name, module.types[entry.typeIndex] as FuncType);
      case 'memory': {
        const { min, max } = entry.type.limits;
        return new ns.Memory({ initial: min, ...(max === undefined ? {} : { maximum: max }) });
      }
      case 'table': {
        const { min, max } = entry.type.limits;
        const element = entry.type.element === FUNCREF ? 'anyfunc' : 'externref';
        return new ns.Table({ element, initial: min, ...(max === undefined ? {} : { maximum: max }) });
      }
      case 'global': {
        const { type, mutable } = entry.type;
        const value = toJs(valueText(type, GLOBAL_BITS[type] ?? 0n), () => null);
        const descriptor = { value: descriptorName(type), mutable };
        return new ns.Global(descriptor as WebAssembly.GlobalDescriptor, value);
      }
      case 'tag': {
        const parameters = functionTypeAt(module, entry.typeIndex).params.map(descriptorName);
        return new (ns.Tag as typeof WebAssembly.Tag)({ parameters });
      }
    }
  }

  /** Writes down its arguments; does things to the guest; returns values that depend on all calls before, or throws. */
  private hostFunction(name: string, { params, results }: FuncType): (...args: unknown[]) => unknown {
    return (...args) => {
      const texts = params.map((type, i) => fromJs(type, args[i], this.nameOf));
      if (args.length !== params.length) texts.push(`${args.length} arguments`);
      const line = `host ${name}(${texts.join(', ')})`;
      this.events.push(line);
      let hash = (this.hash = hashOf(`${this.hash}${line}`));
      if (hash % 16n === 0n) throw new HostFailure(`number ${hash}`);
      if (hash % 16n === 1n) this.throwTag(hash);
      this.interfere(hash);
      const values = results.map((type) => {
        hash = hashOf(String(hash));
        return hostResult(type, hash);
      });
      return values.length > 1 ? values : values[0];
    };
  }

  /** Throws an exception of one of the tags that the host and the guest share, if there are any. */
  private throwTag(hash: bigint): void {
    const { ns, module } = this;
    const shared = [...module.imports, ...module.exports].filter((entry) => entry.kind === 'tag');
    const tags = shared.map(({ name }) => name).filter((name) => this.items.has(name));
    const name = tags[Number((hash >> 4n) % BigInt(tags.length || 1))];
    if (name === undefined || ns.Exception === undefined) return;
    const { params } = functionTypeAt(module, module.tags[Number(name.slice(1))] as number);
    const payload = params.map((type, i) => hostResult(type, hashOf(`${hash}${i}`)));
    throw new ns.Exception(this.items.get(name) as WebAssembly.Tag, payload);
  }

  /** What a host may do while a guest waits for it: grow and change what they share, and call the guest again. */
  private interfere(hash: bigint): void {
    const names = [...this.items.keys()];
    const name = names[Number((hash >> 8n) % BigInt(names.length))] as string;
    const item = this.items.get(name);
    const bits = hash >> 16n;
    const { ns } = this;
    if (hash % 3n === 0n || name === 'fuel') return;
    try {
      if (item instanceof ns.Memory) {
        if (bits % 2n === 0n) this.events.push(`  grew ${name} from ${item.grow(1)}`);
        else new Uint8Array(item.buffer).fill(Number(bits % 100n), Number(bits % 64n), 65);
      } else if (item instanceof ns.Table) {
        if (bits % 2n === 0n) this.events.push(`  grew ${name} from ${item.grow(1, null)}`);
        else item.set(Number(bits % 8n), null);
      } else if (item instanceof ns.Global) {
        if (typeof item.value === 'number') item.value = Number(bits % 100n);
        else if (typeof item.value === 'bigint') item.value = BigInt.asIntN(64, bits);
      } else if (typeof item === 'function' && this.names.has(item)) {
        const { params, results } = this.typeOf(name);
        if ([...params, ...results].some((type) => type === F32 || type === F64)) return;
        const args = params.map((type) => valueText(type, type === FUNCREF ? 0n : bits));
        this.events.push(`  ${this.call({ export: name, args }, false)}`);
      }
    } catch (error) {
      this.events.push(`  ${name}: ${error instanceof RangeError ? 'RangeError' : classify(error, ns)}`);
    }
  }

  private observe(): Observation {
    const memories = new Map<string, Uint8Array>();
    const values = new Map<string, ValueText>();
    const describe = (name: string, kind: string, index: number) => {
      const item = this.items.get(name);
      if (item === undefined) return;
      if (kind === 'memory') memories.set(name, new Uint8Array((item as WebAssembly.Memory).buffer).slice());
      if (kind === 'global') {
        const { type } = this.module.globals[index] as GlobalType;
        values.set(name, fromJs(type, (item as WebAssembly.Global).value, this.nameOf));
      }
      if (kind === 'table') {
        const table = item as WebAssembly.Table;
        const { element } = this.module.tables[index] as TableType;
        values.set(`${name}.length`, String(table.length));
        for (let i = 0; i < table.length; i++) values.set(`${name}[${i}]`, fromJs(element, table.get(i), this.nameOf));
      }
    };
    if (!this.overflowed) {
      const counts: Record<string, number> = {};
      for (const { kind, name } of this.module.imports) {
        const index = (counts[kind] ??= 0);
        counts[kind] = index + 1;
        describe(name, kind, index);
      }
      for (const { kind, name, index } of this.module.exports) describe(name, kind, index);
    }
    return { events: this.events, memories, values, overflowed: this.overflowed };
  }
}

/** A type as the JavaScript API's descriptors have it. */
function descriptorName(type: ValType): keyof WebAssembly.ValueTypeMap {
  return (type === FUNCREF ? 'anyfunc' : typeName(type)) as keyof WebAssembly.ValueTypeMap;
}

/** FNV-1a. */
function hashOf(text: string): bigint {
  let hash = 0xcbf2_9ce4_8422_2325n;
  for (let i = 0; i < text.length; i++) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(text.charCodeAt(i))) * 0x100_0000_01b3n);
  }
  return hash;
}

/** Never a NaN: its bits would be the engine's choice. */
function hostResult(type: ValType, hash: bigint): unknown {
  switch (type) {
    case I64:
      return BigInt.asIntN(64, hash);
    case F32:
      return Math.fround(Number(BigInt.asIntN(16, hash)) / 8);
    case F64:
      return Number(BigInt.asIntN(40, hash)) / 16;
    case EXTERNREF:
      return TOKENS[Number(hash % BigInt(TOKENS.length))];
    case FUNCREF:
      return null;
    default:
      return Number(BigInt.asIntN(32, hash));
  }
}

/** Runs the program's calls on a fresh instance. The bytes must be a valid module. */
export function observe(ns: Namespace, { bytes, calls }: Program): Observation {
  return new Run(ns, decode(bytes)).execute(calls);
}

/** Where two runs of one program differ, in words; empty when they agree. */
export function differences(a: Observation, b: Observation): string[] {
  const found: string[] = [];
  for (let i = 0; i < Math.max(a.events.length, b.events.length); i++) {
    const [left, right] = [a.events[i], b.events[i]];
    if (left?.endsWith(OVERFLOW) || right?.endsWith(OVERFLOW)) return found;
    if (left !== right) {
      found.push(`event ${i}: ${left} / ${right}`);
      // What follows a first difference says nothing new.
      break;
    }
  }
  for (const name of new Set([...a.values.keys(), ...b.values.keys()])) {
    const [left, right] = [a.values.get(name), b.values.get(name)];
    if (left !== right) found.push(`${name}: ${left} / ${right}`);
  }
  for (const name of new Set([...a.memories.keys(), ...b.memories.keys()])) {
    const [left, right] = [a.memories.get(name), b.memories.get(name)];
    if (left === undefined || right === undefined || left.length !== right.length) {
      found.push(`${name}: ${left?.length} / ${right?.length} bytes`);
    } else if (Buffer.compare(left, right) !== 0) {
      const at = left.findIndex((byte, i) => byte !== right[i]);
      found.push(`${name}, byte ${at}: ${left[at]} / ${right[at]}`);
    }
  }
  return found;
}
