/**
 * Functions that go on at a place of another, made when somebody is to go on there: each in a module of its own, which
 * shares everything with the instance that the guest has. So the code of that carries nothing for it.
 */

import { decode } from '../../wasm/decode.ts';
import { PREAMBLE, SECTION_IDS } from '../../wasm/encoding.ts';
import { CompileError } from '../../wasm/errors.ts';
import type { LeftPlace } from '../../wasm/left.ts';
import { MODULE_LIMITS } from '../../wasm/limits.ts';
import { typeOfFunction, type WasmModule } from '../../wasm/module.ts';
import { ChargePoints, type FunctionPlan } from '../../wasm/plan.ts';
import { complete } from '../../wasm/steps.ts';
import { FUNCREF, I32, V128, type ValType } from '../../wasm/types.ts';
import { Writer } from '../../wasm/writer.ts';
import { blank, CodeWriter } from '../code.ts';
import type { WasmHost } from '../host.ts';
import { segmentKey, segmentsOf } from '../layout.ts';
import { type LeavePoint, type LeavePoints, leavePoints } from '../leave/points.ts';
import { SLOT_TYPES, type SlotKind } from '../leave/slots.ts';
import { LeaveWriter } from '../leave/writer.ts';
import type { Calling, MeteredModule } from '../metered.ts';
import { PlaceFinder, type RawFrame } from '../places.ts';
import { writeFuncType, writeLimits } from '../sections.ts';
import { weave } from '../weave.ts';
import { type Named, type Numbers, namedBy, needsVector, type PeeledPlaces, peel, placesOf } from './peel.ts';

/** How its module calls what it imports, followed by the number that it has in the guest's. */
export const IMPORTS = {
  module: 'guest',
  function: 'f',
  global: 'g',
  table: 't',
  memory: 'm',
  references: 'r',
} as const;
/** And what it exports; values by kind and number. */
export const EXPORTS = { run: 'run', value: 'v' } as const;

export interface Continuation {
  readonly code: WebAssembly.Module;
  readonly importName: string;
  readonly exportPrefix: string;
  readonly named: Named;
  /** What the operations that it names are imported as. */
  readonly operations: readonly string[];
  readonly places: PeeledPlaces;
  /** Where it is left, in terms of the function that it goes on with. */
  readonly points: LeavePoints;
  /** Of its module, in stacks that the engine writes down. */
  readonly name: string;
  /** The offset in the original of a function's frame there. */
  find(frame: RawFrame): number | undefined;
  /** Units behind which it is left and entered again: see {@link Continuations.portion}. */
  portion: number;
}

/** Of one module: those that were made, and null where there can be none. */
export class Continuations {
  private readonly made = new Map<string, Continuation | null>();
  private readonly host: WasmHost;
  private readonly metered: MeteredModule;
  private bytes = 0;

  constructor(host: WasmHost, metered: MeteredModule) {
    this.host = host;
    this.metered = metered;
  }

  private readonly pointsOf = new Map<number, LeavePoints>();

  /** Whether there is any. */
  get isEmpty(): boolean {
    return this.bytes === 0;
  }

  /** Where the function of a body can be left. */
  points(body: number): LeavePoints {
    let found = this.pointsOf.get(body);
    if (found === undefined) {
      found = leavePoints(this.metered.module, body);
      if (this.pointsOf.size >= MOST.points) this.pointsOf.clear();
      this.pointsOf.set(body, found);
    }
    return found;
  }

  /** Bytes of the body, which is what making one takes time for; none where it was made, or cannot be. */
  costs(body: number, place: LeftPlace): number {
    if (this.made.has(keyOf(body, place))) return 0;
    const { codeStart, end } = this.metered.module.bodies.at(body);
    return end - codeStart;
  }

  /** Undefined where there can be none. */
  at(body: number, point: LeavePoint): Continuation | undefined {
    const key = keyOf(body, point);
    let found = this.made.get(key);
    if (found === undefined) {
      found = this.isFull ? null : this.make(body, point);
      this.made.set(key, found);
    }
    return found ?? undefined;
  }

  /**
   * Units that one may use before it is left for a moment. Engines compile code well once it has run for a while, and a
   * loop only enters what they have made when its function is called again.
   */
  portion(continuation: Continuation): number {
    const { portion } = continuation;
    continuation.portion = portion > PORTION.last ? Number.POSITIVE_INFINITY : portion * PORTION.factor;
    return portion;
  }

  private get isFull(): boolean {
    return this.made.size >= MOST.count || this.bytes > MOST.base + MOST.perByte * this.metered.module.bytes.length;
  }

  private make(body: number, point: LeavePoint): Continuation | null {
    try {
      const made = make(this.metered, body, point);
      if (made === undefined) return null;
      const { bytes, ...rest } = made;
      this.bytes += bytes.length;
      return { ...rest, code: new this.host.Module(bytes), portion: PORTION.first };
    } catch (error) {
      // What is too large with all that is added is interpreted.
      if (error instanceof CompileError || error instanceof this.host.CompileError) return null;
      throw error;
    }
  }
}

/** The first portion, by what it grows, and how large it is where nothing more is to be gained. */
const PORTION = { first: 16_000_000, factor: 4, last: 1_000_000_000 } as const;

const keyOf = (body: number, { kind, offset }: LeftPlace) => `${body} ${kind} ${offset}`;

/** What is kept of one module. */
const MOST = { count: 1_000, base: 1 << 20, perByte: 8, points: 100 } as const;

const modules = new WeakMap<WasmHost, WeakMap<MeteredModule, Continuations>>();

export function continuationsOf(host: WasmHost, metered: MeteredModule): Continuations {
  let ofHost = modules.get(host);
  if (ofHost === undefined) {
    ofHost = new WeakMap();
    modules.set(host, ofHost);
  }
  let found = ofHost.get(metered);
  if (found === undefined) {
    found = new Continuations(host, metered);
    ofHost.set(metered, found);
  }
  return found;
}

function make(metered: MeteredModule, body: number, point: LeavePoint) {
  const { module } = metered;
  const { closed, lends } = metered.calling as Calling;
  const named = namedBy(metered, body);
  const { locals } = leavePoints(module, body);
  const places = placesOf(module, body, locals, point);
  const parts = new Parts(module, named, metered.referable ?? []);
  const peeled = peel(module, body, point, places, parts);
  if (peeled === undefined || locals.length + 1 > MODULE_LIMITS.locals) return undefined;
  const head = new Writer();
  const declared = needsVector(places) ? [...locals, V128] : locals;
  declare(head, declared);
  head.append(peeled.code);
  const own = decode(parts.assemble(head));
  const { codeStart } = own.bodies.at(0);
  const charges = new ChargePoints();
  for (const { offset, cost, check } of peeled.charges) charges.push(codeStart + offset, cost, check);
  const plan: FunctionPlan = { entryCost: 0, weight: 0, points: charges, catches: false };
  const name = `${NAME}${++made}`;
  const {
    bytes,
    importName,
    exportPrefix,
    places: woven,
  } = complete(
    weave(own, {
      canonicalNaN: true,
      refills: true,
      leaves: (layout) => new LeaveWriter(layout),
      continues: { name, plan, refund: peeled.refund, closed, lends, operations: parts.operations },
    }),
  );
  const points = translated(leavePoints(own, 0), peeled.origins, codeStart);
  const finder = new PlaceFinder(woven);
  const find = (frame: RawFrame) => {
    const at = finder.find(frame)?.offset;
    return at === undefined ? undefined : originOf(peeled.origins, at - codeStart);
  };
  const operations = [...parts.operations.keys()];
  return { bytes, importName, exportPrefix, named, operations, places, points, name, find };
}

/** Names of modules in this process are all different. */
const NAME = 'continuation-';
let made = 0;

/** Where the instruction was that is at a place now, or the last one before it. */
function originOf(origins: readonly number[], at: number): number | undefined {
  let low = 0;
  let high = origins.length / 2;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((origins[2 * middle] as number) <= at) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? undefined : origins[2 * low - 1];
}

/** In terms of the code that each was copied from. */
function translated(found: LeavePoints, origins: readonly number[], codeStart: number): LeavePoints {
  let next = 0;
  const points = found.points.map((point) => {
    if (point.kind === 'entry') return point;
    const now = point.offset - codeStart;
    while (next < origins.length && (origins[next] as number) < now) next += 2;
    return { ...point, offset: origins[next + 1] as number };
  });
  return { ...found, points };
}

/** As runs of one type. */
function declare(out: Writer, locals: readonly ValType[]): void {
  const runs: { type: ValType; count: number }[] = [];
  for (const type of locals) {
    const last = runs.at(-1);
    if (last?.type === type) last.count++;
    else runs.push({ type, count: 1 });
  }
  out.u32(runs.length);
  for (const { type, count } of runs) {
    out.u32(count);
    out.u8(type);
  }
}

const numbered = (list: readonly number[]) => new Map(list.map((original, number) => [original, number]));

/** The module around a function, which is put together when its code is known. */
class Parts implements Numbers {
  private readonly module: WasmModule;
  private readonly named: Named;
  private readonly functions: ReadonlyMap<number, number>;
  private readonly globals: ReadonlyMap<number, number>;
  private readonly types: { params: readonly ValType[]; results: readonly ValType[] }[] = [];
  private readonly typeNumbers = new Map<string, number>();
  private readonly values = new Map<string, { readonly number: number; readonly kind: SlotKind }>();

  private readonly segments = { data: new Map<number, number>(), elements: new Map<number, number>() };
  /** By what each is imported as, which {@link segmentKey} says of it here: its number. */
  readonly operations = new Map<string, number>();
  readonly references: number;
  private readonly referable: ReadonlyMap<number, number>;

  constructor(module: WasmModule, named: Named, referable: readonly number[]) {
    this.module = module;
    this.named = named;
    this.functions = numbered(named.functions);
    this.globals = numbered(named.globals);
    this.references = module.tables.length;
    this.referable = numbered(referable);
    for (const { name, a, b } of named.operations) {
      const own = this.segments[segmentsOf(name) as 'data' | 'elements'];
      if (!own.has(a)) own.set(a, own.size);
      const key = segmentKey({ name, a: own.get(a) as number, b });
      this.operations.set(key, named.functions.length + this.operations.size);
    }
  }

  segment(kind: 'data' | 'elements', original: number): number | undefined {
    return this.segments[kind].get(original);
  }

  reference(original: number): number | undefined {
    return this.referable.get(original);
  }

  type(params: readonly ValType[], results: readonly ValType[]): number {
    const key = `${params.join()}:${results.join()}`;
    let number = this.typeNumbers.get(key);
    if (number === undefined) {
      number = this.types.push({ params, results }) - 1;
      this.typeNumbers.set(key, number);
    }
    return number;
  }

  function(original: number): number | undefined {
    return this.functions.get(original);
  }

  global(original: number): number {
    return this.globals.get(original) as number;
  }

  slot(kind: SlotKind, place: number): number {
    const key = `${kind} ${place}`;
    let found = this.values.get(key);
    if (found === undefined) {
      found = { number: this.named.globals.length + this.values.size, kind };
      this.values.set(key, found);
    }
    return found.number;
  }

  /** @param body with its locals */
  assemble(body: Writer): Uint8Array {
    const { module, named, values } = this;
    const run = this.type([], []);
    const functionTypes = named.functions.map((original) => {
      const { params, results } = typeOfFunction(module, original);
      return this.type(params, results);
    });
    const filling = this.type([I32, I32, I32], []);
    const { size } = this.referable;
    const references = (to: Writer) => {
      importing(to, IMPORTS.references, 1);
      to.u8(FUNCREF);
      writeLimits(to, { min: size, max: size });
    };
    const out = new Writer();
    out.raw(...PREAMBLE);
    section(out, 'type', this.types, writeFuncType);
    const imports: ((to: Writer) => void)[] = [
      ...named.functions.map((original, i) => (to: Writer) => {
        importing(to, IMPORTS.function + original, 0);
        to.u32(functionTypes[i] as number);
      }),
      ...[...this.operations.keys()].map((key) => (to: Writer) => {
        importing(to, key, 0);
        to.u32(key.includes('.drop') ? run : filling);
      }),
      ...module.tables.map(({ element, limits }, i) => (to: Writer) => {
        importing(to, IMPORTS.table + i, 1);
        to.u8(element);
        writeLimits(to, limits);
      }),
      ...(named.refers ? [references] : []),
      ...module.memories.map(({ limits }, i) => (to: Writer) => {
        importing(to, IMPORTS.memory + i, 2);
        writeLimits(to, limits);
      }),
      ...named.globals.map((original) => (to: Writer) => {
        const { type, mutable } = module.globals[original] as (typeof module.globals)[number];
        importing(to, IMPORTS.global + original, 3);
        to.raw(type, mutable ? 1 : 0);
      }),
    ];
    section(out, 'import', imports, (to, write) => write(to));
    section(out, 'function', [run], (to, type) => to.u32(type));
    section(out, 'global', values.values(), (to, { kind }) => {
      const code = new CodeWriter(16);
      code.raw(SLOT_TYPES[kind], 1);
      blank(code, SLOT_TYPES[kind]);
      code.op('end');
      to.append(code);
    });
    section(out, 'export', [undefined, ...values], (to, value) => {
      to.name(value === undefined ? EXPORTS.run : EXPORTS.value + value[0]);
      to.u8(value === undefined ? 0 : 3);
      to.u32(value === undefined ? named.functions.length + this.operations.size : value[1].number);
    });
    // Nothing is in them: what names them is done by the guest's own code.
    section(out, 'element', this.segments.elements.keys(), (to, original) => {
      to.raw(5, module.elements.headAt(original).type, 0);
    });
    const count = new Writer();
    count.u32(this.segments.data.size);
    out.section(SECTION_IDS.dataCount, count);
    section(out, 'code', [body], (to, code) => {
      to.u32(code.length);
      to.append(code);
    });
    section(out, 'data', this.segments.data.keys(), (to) => to.raw(1, 0));
    return out.take();
  }
}

function section<T>(
  out: Writer,
  name: keyof typeof SECTION_IDS,
  items: Iterable<T>,
  write: (to: Writer, item: T) => void,
) {
  const list = [...items];
  const content = new Writer();
  content.u32(list.length);
  for (const item of list) write(content, item);
  out.section(SECTION_IDS[name], content);
}

function importing(to: Writer, name: string, kind: number): void {
  to.name(IMPORTS.module);
  to.name(name);
  to.u8(kind);
}

/** The name of the export that has a value. */
export function valueName(kind: SlotKind, place: number): string {
  return `${EXPORTS.value}${kind} ${place}`;
}
