/**
 * Random function bodies, valid by construction. A body is a list of steps, each a short list of decisions; a step
 * looks at the types on the operand stack, adds what operands it lacks, and emits an instruction. Signatures come from
 * the opcode table.
 */

import { type Mnemonic, type Opcode, opcode } from '../../wasm/opcodes.ts';
import {
  EXTERNREF,
  F32,
  F64,
  FUNCREF,
  type GlobalType,
  I32,
  I64,
  type RefType,
  V128,
  type ValType,
} from '../../wasm/types.ts';
import { Choices } from './choices.ts';
import type { Immediate, Instruction } from './encode.ts';
import { beginCatch, endOfTry, type GeneratedFeature, LATER_ACTIONS, laterTypes } from './later.ts';
import {
  ACCESSES,
  ATOMICS,
  COMPARISONS,
  constant,
  lanesOf,
  makeCanonical,
  makeCanonicalLanes,
  makesNaN,
  makesNaNLanes,
  NUMERIC,
  typesOf,
  VECTOR_ACCESSES,
  VECTOR_OPERATIONS,
} from './rows.ts';
import { FunctionReference, isReference, type Signature, type Type } from './types.ts';
import { INTERESTING } from './values.ts';

/** What a body may refer to. */
export interface Surroundings {
  /** Imported ones first; all of them exported, so that references to them are declared. */
  readonly functions: readonly Signature[];
  readonly globals: readonly GlobalType[];
  readonly tables: readonly TableInfo[];
  readonly memories: readonly { readonly pages: number; readonly max: number | undefined }[];
  /** Parameters of each tag. */
  readonly tags: readonly (readonly Type[])[];
  readonly dataSegments: number;
  readonly elementSegments: readonly RefType[];
  /** The global counted down at function entries and loop headers, where there is one. */
  readonly fuel: number | undefined;
  /** The i64 global into which values go that would be lost. */
  readonly sum: number;
  /** Whether every instruction that may make a NaN is followed by instructions that make it canonical. */
  readonly canonicalNaN: boolean;
  /** What bodies may use beyond release 2.0. */
  readonly features: readonly GeneratedFeature[];
  /** Whether there are vectors. */
  readonly vectors: boolean;
}

export interface TableInfo {
  readonly element: RefType;
  readonly max: number | undefined;
  /** What active segments put there, as far as known: function indices. */
  readonly functions: readonly (number | undefined)[];
}

export interface Frame {
  readonly kind: 'function' | 'block' | 'loop' | 'if' | 'else' | 'try' | 'do' | 'catch' | 'catch_all';
  readonly type: Signature;
  /** Height of the operand stack outside. */
  readonly floor: number;
  unreachable: boolean;
}

const BLOCK_RESULTS: readonly ValType[] = [I32, I64, F32, F64, I32, I64, FUNCREF, EXTERNREF];

export type Action = (body: BodyGenerator, choices: Choices) => void;

/** What a step may do, and how often. */
export type WeightedActions = readonly (readonly [weight: number, action: Action])[];

/** The first is what an empty step does. */
const ACTIONS: WeightedActions = [
  [1, (b) => b.emit('nop')],
  [40, (b, c) => b.numeric(c)],
  [12, (b, c) => b.decide(c)],
  [6, (b, c) => b.synthesise(c.pick([I32, I64, F32, F64]), c)],
  [8, (b, c) => b.localGet(c)],
  [9, (b, c) => b.localSet(c)],
  [4, (b, c) => b.global(c)],
  [12, (b, c) => b.access(c)],
  [8, (b, c) => b.open(c)],
  [6, (b, c) => b.close(c)],
  [3, (b, c) => b.alternative(c)],
  [5, (b, c) => b.branch(c)],
  [6, (b, c) => b.call(c)],
  [4, (b, c) => b.callIndirect(c)],
  [4, (b, c) => b.bulkMemory(c)],
  [4, (b, c) => b.table(c)],
  [3, (b, c) => b.reference(c)],
  [4, (b, c) => b.select(c)],
  [5, (b, c) => b.drop(c)],
  [16, (b, c) => b.vector(c)],
];
const repeated = (actions: WeightedActions): readonly Action[] =>
  actions.flatMap(([weight, action]) => Array<Action>(weight).fill(action));
const WEIGHTED = repeated(ACTIONS);

export class BodyGenerator {
  readonly code: Instruction[] = [];
  readonly around: Surroundings;
  private readonly actions: readonly Action[];
  private readonly blockResults: readonly Type[];
  readonly stack: Type[] = [];
  readonly frames: Frame[];
  /** Parameters and declared locals. */
  readonly locals: readonly Type[];
  /** Types of the locals behind them, which steps do not know of: they may hold a NaN that is not canonical. */
  private readonly scratch: Type[] = [];
  /** Bits of the constant of a type that came last. */
  private readonly lastBits = new Map<ValType, bigint>();
  private readonly parameters: number;

  constructor(around: Surroundings, type: Signature, locals: readonly Type[]) {
    this.around = around;
    this.actions = [...WEIGHTED, ...around.features.flatMap((feature) => repeated(LATER_ACTIONS[feature]))];
    this.blockResults = [...BLOCK_RESULTS, ...(around.vectors ? [V128, V128] : []), ...laterTypes(around)] as Type[];
    this.locals = [...type.params, ...locals];
    this.parameters = type.params.length;
    this.frames = [{ kind: 'function', type, floor: 0, unreachable: false }];
    this.burnFuel();
  }

  /** Follows the steps, then closes whatever is open. */
  run(steps: readonly (readonly number[])[]): { locals: Type[]; body: Instruction[] } {
    for (const step of steps) {
      const choices = new Choices(step);
      const action = choices.pick(this.actions);
      // Not too much code that is never reached.
      if (this.frame.unreachable && this.frames.length > 1 && choices.once(2)) this.close(choices);
      else action(this, choices);
    }
    while (this.frames.length > 1) this.close(new Choices([]));
    if (!this.frame.unreachable) {
      for (const [local, type] of this.locals.entries()) {
        this.code.push(['local.get', local], ...this.addToSum(type));
      }
    }
    this.settle(this.frame.type.results, new Choices(Array(24).fill(1)));
    return { locals: [...this.locals.slice(this.parameters), ...this.scratch], body: this.code };
  }

  emit(instruction: Instruction): void {
    this.code.push(instruction);
  }

  get frame(): Frame {
    return this.frames.at(-1) as Frame;
  }

  /** Operands the innermost construct may use. */
  get available(): Type[] {
    return this.stack.slice(this.frame.floor);
  }

  /** Returns at once after so many loop rounds and calls, whatever the rest does. */
  private burnFuel(): void {
    const { fuel } = this.around;
    if (fuel === undefined) return;
    const results = (this.frames[0] as Frame).type.results.map((type) => constant(type, 0n));
    this.code.push(['global.get', fuel], 'i32.eqz', 'if', ...results, 'return', 'end');
    this.code.push(['global.get', fuel], ['i32.const', 1], 'i32.sub', ['global.set', fuel]);
  }

  scratchLocal(type: Type): number {
    if (!this.scratch.includes(type)) this.scratch.push(type);
    return this.locals.length + this.scratch.indexOf(type);
  }

  /** Sees to it that operands of these types are on top. */
  need(types: readonly Type[], choices: Choices): void {
    const { available } = this;
    const fits = (count: number) =>
      available.slice(available.length - count).every((type, i) => type === types[i + types.length - count]);
    // In unreachable code, what is not there has any type.
    if (this.frame.unreachable && available.length < types.length && fits(available.length)) return;
    let present = Math.min(types.length, available.length);
    const begins = (count: number) => available.slice(available.length - count).every((type, i) => type === types[i]);
    while (!begins(present)) present--;
    for (const type of types.slice(present)) this.synthesise(type, choices);
  }

  apply(params: readonly Type[], results: readonly Type[]): void {
    this.stack.length = Math.max(this.frame.floor, this.stack.length - params.length);
    this.stack.push(...results);
  }

  /** Pushes a value of the type from a constant, local, global or table. */
  synthesise(type: Type, choices: Choices): void {
    const source = choices.below(4);
    const locals = source === 1 || source === 2 ? indicesOf(this.locals, type) : [];
    const globals =
      source === 3
        ? indicesOf<Type>(
            this.around.globals.map((global) => global.type),
            type,
          )
        : [];
    if (locals.length > 0) this.emit(['local.get', choices.pick(locals)]);
    else if (globals.length > 0) this.emit(['global.get', choices.pick(globals)]);
    else if (type === FUNCREF && choices.once(2)) this.emit(['ref.func', choices.below(this.around.functions.length)]);
    else if (type instanceof FunctionReference && !(type.nullable && choices.once(4))) {
      this.emit(['ref.func', choices.pick(this.functionsOf(type.to))]);
    } else this.emit(constant(type, isReference(type) ? 0n : this.anyBits(type as ValType, choices)));
    this.stack.push(type);
  }

  /** Functions of exactly this type. */
  functionsOf(type: Signature): number[] {
    return this.around.functions.flatMap((other, i) => (sameType(other, type) ? [i] : []));
  }

  private anyBits(type: ValType, choices: Choices): bigint {
    if (type === V128) return this.anyVector(choices);
    const interesting = INTERESTING[type];
    if (interesting === undefined) return 0n;
    const last = this.lastBits.get(type);
    const source = choices.below(8);
    let bits = choices.pick(interesting);
    // Near the one before, as comparisons and carries are decided by the last bits, or by those of one half.
    if (source > 4 && last !== undefined) bits = last ^ choices.pick([0n, 1n, 1n << 31n, 1n << 32n, 1n << 63n, 0xffn]);
    else if (source === 4) bits = BigInt(choices.below(9999)) * 0x9e37_79b9_7f4a_7c15n + bits;
    bits = BigInt.asUintN(type === I32 || type === F32 ? 32 : 64, bits);
    this.lastBits.set(type, bits);
    return bits;
  }

  /** Lanes of one kind, or of two. */
  private anyVector(choices: Choices): bigint {
    const half = (): bigint => {
      const type = choices.pick([I32, F32, F64, I64] as const);
      if (type === F64 || type === I64) return this.anyBits(type, choices);
      return (this.anyBits(type, choices) << 32n) | this.anyBits(type, choices);
    };
    const low = half();
    return ((choices.once(2) ? half() : low) << 64n) | low;
  }

  /** Takes a value off the stack and into the sum. */
  addToSum(type: Type): Instruction[] {
    const { sum } = this.around;
    const asI64: Readonly<Partial<Record<ValType, Instruction[]>>> = {
      [I32]: ['i64.extend_i32_u'],
      [I64]: [],
      [F32]: ['i32.reinterpret_f32', 'i64.extend_i32_u'],
      [F64]: ['i64.reinterpret_f64'],
    };
    if (type === V128) {
      const local = this.scratchLocal(V128);
      const lane = (i: number): Instruction[] => [
        ['local.get', local],
        ['i64x2.extract_lane', i],
        ...this.addToSum(I64),
      ];
      return [['local.set', local], ...lane(0), ...lane(1)];
    }
    const rotated: Instruction[] = [['global.get', sum], ['i64.const', 23], 'i64.rotl', 'i64.xor', ['global.set', sum]];
    const bits = typeof type === 'number' ? asI64[type as ValType] : undefined;
    return [...(bits ?? ['ref.is_null', 'i64.extend_i32_u']), ...rotated];
  }

  /** Operands for an instruction: new ones, or what is on the stack as far as it goes. */
  operands(types: readonly Type[], choices: Choices): void {
    if (choices.once(2)) for (const type of types) this.synthesise(type, choices);
    else this.need(types, choices);
  }

  pushI32(value: number): void {
    this.emit(['i32.const', value]);
    this.stack.push(I32);
  }

  instruction(
    mnemonic: Mnemonic,
    immediates: readonly number[],
    params: readonly Type[],
    results: readonly Type[],
  ): void {
    this.emit([mnemonic, ...immediates]);
    this.apply(params, results);
  }

  numeric(choices: Choices): void {
    let start = choices.below(NUMERIC.length);
    if (!choices.once(4)) {
      // Rather a row for the operands that are there.
      for (let i = 0; i < NUMERIC.length; i++) {
        const params = typesOf((NUMERIC[(start + i) % NUMERIC.length] as Opcode).params);
        const top = this.available.slice(-params.length);
        if (top.length === params.length && top.every((type, at) => type === params[at])) {
          start = (start + i) % NUMERIC.length;
          break;
        }
      }
    }
    let row = NUMERIC[start] as Opcode;
    const isGuarded = row.traps.length > 0 && !choices.once(3);
    if (isGuarded && row.mnemonic.includes('.trunc_')) {
      row = opcode(row.mnemonic.replace('.trunc_', '.trunc_sat_') as Mnemonic);
    }
    const params = typesOf(row.params);
    this.operands(params, choices);
    if (isGuarded && row.traps.length > 0) {
      // A divisor that is odd is not zero.
      const type = params[1] as ValType;
      this.code.push(constant(type, 1n), type === I32 ? 'i32.or' : 'i64.or');
    }
    this.instruction(row.mnemonic, [], params, typesOf(row.results));
    if (makesNaN(row) && this.around.canonicalNaN) {
      const type = typesOf(row.results)[0] as typeof F32 | typeof F64;
      this.code.push(...makeCanonical(type, this.scratchLocal(type)));
    }
  }

  vector(choices: Choices): void {
    if (!this.around.vectors) {
      this.numeric(choices);
      return;
    }
    const row = choices.pick(VECTOR_OPERATIONS);
    const params = typesOf(row.params);
    this.operands(params, choices);
    const immediates: Immediate[] = [];
    if (row.immediates === 'lane') immediates.push(choices.below(lanesOf(row)));
    if (row.immediates === 'shuffle') {
      const [first, step] = [choices.below(32), choices.below(32)];
      immediates.push(Uint8Array.from({ length: 16 }, (_, i) => (first + i * step) % 32));
    }
    this.emit([row.mnemonic, ...immediates]);
    this.apply(params, typesOf(row.results));
    const lanes = makesNaNLanes(row);
    if (lanes !== undefined && this.around.canonicalNaN) {
      this.code.push(...makeCanonicalLanes(lanes, this.scratchLocal(V128)));
    }
  }

  /** A comparison, and what depends on it. */
  decide(choices: Choices): void {
    const row = choices.pick(COMPARISONS);
    const params = typesOf(row.params);
    this.operands(params, choices);
    this.instruction(row.mnemonic, [], params, [I32]);
    const use = choices.below(4);
    if (use === 1) this.open(choices, 'if');
    else if (use === 2) this.branch(choices, 'br_if');
    else if (use === 3) this.select(choices);
  }

  localGet(choices: Choices): void {
    if (this.locals.length === 0) {
      this.synthesise(I32, choices);
      return;
    }
    const local = choices.below(this.locals.length);
    this.instruction('local.get', [local], [], [this.locals[local] as Type]);
  }

  localSet(choices: Choices): void {
    const isTee = choices.once(2);
    const top = this.available.at(-1);
    const matching = top === undefined ? [] : indicesOf(this.locals, top);
    if (this.locals.length === 0) return;
    const local = matching.length > 0 ? choices.pick(matching) : choices.below(this.locals.length);
    const type = this.locals[local] as Type;
    this.need([type], choices);
    this.instruction(isTee ? 'local.tee' : 'local.set', [local], [type], isTee ? [type] : []);
  }

  global(choices: Choices): void {
    const { globals, fuel, sum } = this.around;
    const index = choices.below(globals.length);
    const global = globals[index];
    if (global === undefined) return;
    const isSet = choices.once(2);
    if (!isSet || !global.mutable || index === fuel || index === sum) {
      this.instruction('global.get', [index], [], [global.type]);
      return;
    }
    this.need([global.type], choices);
    this.instruction('global.set', [index], [global.type], []);
  }

  /** A memory; -1 where there is none. */
  private memoryIndex(choices: Choices): number {
    const { memories } = this.around;
    return memories.length > 1 ? choices.below(memories.length) : memories.length - 1;
  }

  access(choices: Choices): void {
    this.accessBy(choices.pick(this.around.vectors && choices.once(3) ? VECTOR_ACCESSES : ACCESSES), choices);
  }

  atomic(choices: Choices): void {
    const row = choices.pick(ATOMICS);
    if (row.immediates === 'zero') this.emit(row.mnemonic);
    else this.accessBy(row, choices);
  }

  private accessBy(row: Opcode, choices: Choices): void {
    const index = this.memoryIndex(choices);
    if (index < 0) {
      this.numeric(choices);
      return;
    }
    const isAtomic = row.gas === 'atomic';
    const params = typesOf(row.params);
    const offset = choices.once(8)
      ? choices.pick([0xffff, 0x10000, 0x7fffffff, 0xffffffff, 0xfffffff8])
      : choices.below(isAtomic ? 2 : 16) * (isAtomic ? 8 : 1);
    const align = choices.once(4) && !isAtomic ? 0 : undefined;
    this.need(params, choices);
    if (!choices.once(8)) {
      const mask = choices.pick([0xff, 0xfff, 0xffff]) & (isAtomic && !choices.once(6) ? ~7 : ~0);
      const values = params.slice(1);
      const [value, second] = values;
      if (second !== undefined) this.emit('drop');
      if (value !== undefined) this.emit(['local.set', this.scratchLocal(value)]);
      this.code.push(['i32.const', mask], 'i32.and');
      for (const type of values) this.emit(['local.get', this.scratchLocal(type)]);
    }
    const memory = index === 0 ? {} : { memory: index };
    const memarg = align === undefined ? { offset, ...memory } : { offset, align, ...memory };
    if (row.immediates === 'memarg lane') this.emit([row.mnemonic, memarg, choices.below(lanesOf(row))]);
    else this.emit([row.mnemonic, memarg]);
    this.apply(params, typesOf(row.results));
  }

  open(choices: Choices, wanted?: 'if'): void {
    const kind = wanted ?? choices.pick(['block', 'loop', 'if', 'block', 'if'] as const);
    if (kind === 'if') {
      this.need([I32], choices);
      this.apply([I32], []);
    }
    const { available } = this;
    const taken = Math.min(available.length, choices.pick([0, 1, 0, 2, 3]));
    const params = available.slice(available.length - taken);
    const results = this.anyResults(choices);
    if (params.length === 0 && results.length === 0) this.emit(kind);
    else
      this.emit(params.length === 0 && results.length === 1 ? [kind, results[0] as Type] : [kind, { params, results }]);
    this.enter(kind, { params, results });
    if (kind === 'loop') this.burnFuel();
  }

  /** An `if` without parameters and results, on a condition from the stack. */
  openIf(choices: Choices): void {
    this.need([I32], choices);
    this.apply([I32], []);
    this.emit('if');
    this.enter('if', { params: [], results: [] });
  }

  /** Takes the topmost reference for one of the next wider type. */
  weaken(): void {
    const top = this.available.at(-1);
    if (!(top instanceof FunctionReference)) return;
    this.stack[this.stack.length - 1] = top.nullable ? FUNCREF : FunctionReference.of(top.to, true);
  }

  /** Results for a block. */
  anyResults(choices: Choices): Type[] {
    return Array.from({ length: choices.pick([0, 1, 0, 1, 2, 3]) }, () => choices.pick(this.blockResults));
  }

  enter(kind: Frame['kind'], type: Signature): void {
    this.apply(type.params, []);
    this.frames.push({ kind, type, floor: this.stack.length, unreachable: false });
    this.stack.push(...type.params);
  }

  /** Makes the operands of the innermost construct exactly `types`. */
  private settle(types: readonly Type[], choices: Choices): void {
    const { available } = this;
    const ends = (count: number) =>
      available.slice(available.length - count).every((type, i) => type === types[i + types.length - count]);
    if (this.frame.unreachable && available.length < types.length && ends(available.length)) return;
    const { kind, unreachable } = this.frame;
    if (available.length > types.length && ends(types.length) && !unreachable && kind !== 'loop') {
      // A branch may leave operands behind.
      this.emit(['br', 0]);
      this.becomeUnreachable();
      return;
    }
    let kept = Math.min(available.length, types.length);
    while (!available.slice(0, kept).every((type, i) => type === types[i])) kept--;
    for (let i = available.length; i > kept; i--) this.drop(choices);
    for (const type of types.slice(kept)) this.synthesise(type, choices);
  }

  close(choices: Choices): void {
    const { frame } = this;
    if (frame.kind === 'function') {
      this.numeric(choices);
      return;
    }
    const { params, results } = frame.type;
    if (frame.kind === 'if' && (params.length !== results.length || params.some((type, i) => type !== results[i]))) {
      this.alternative(choices);
    }
    // Rather with an arm that catches.
    if (frame.kind === 'do' && choices.below(4) > 1 && beginCatch(this, choices)) return;
    this.settle(results, choices);
    const closed = this.frames.pop() as Frame;
    this.emit(closed.kind === 'do' ? endOfTry(this, choices) : 'end');
    this.stack.length = closed.floor;
    this.stack.push(...results);
  }

  /** `else`, where it may stand. */
  alternative(choices: Choices): void {
    const { frame } = this;
    if (frame.kind !== 'if') {
      this.numeric(choices);
      return;
    }
    this.nextArm('else', 'else', frame.type.params, choices);
  }

  /** Ends an arm of the innermost construct, and begins another with these operands. */
  nextArm(kind: Frame['kind'], instruction: Instruction, operands: readonly Type[], choices: Choices): void {
    const { type, floor } = this.frame;
    this.settle(type.results, choices);
    this.emit(instruction);
    this.frames.pop();
    this.stack.length = floor;
    this.stack.push(...operands);
    this.frames.push({ kind, type, floor, unreachable: false });
  }

  becomeUnreachable(): void {
    this.frame.unreachable = true;
    this.stack.length = this.frame.floor;
  }

  labelTypes(label: number): readonly Type[] {
    const { kind, type } = this.frames[this.frames.length - 1 - label] as Frame;
    return kind === 'loop' ? type.params : type.results;
  }

  branch(choices: Choices, wanted?: 'br_if'): void {
    const label = choices.below(this.frames.length);
    const types = this.labelTypes(label);
    // Out of the whole function not too often: the rest of it would be dead.
    const kind =
      wanted ??
      choices.pick(
        this.frames.length > 1
          ? (['br_if', 'br', 'br_if', 'br_table', 'br_if', 'br_table', 'return', 'unreachable'] as const)
          : (['br_if'] as const),
      );
    switch (kind) {
      case 'br':
        this.need(types, choices);
        this.emit(['br', label]);
        this.becomeUnreachable();
        return;
      case 'br_if':
        this.need([...types, I32], choices);
        this.instruction('br_if', [label], [...types, I32], [...types]);
        return;
      case 'br_table': {
        this.need([...types, I32], choices);
        const alike = this.frames.map((_, i) => i).filter((i) => this.labelTypes(i).join() === types.join());
        const targets = Array.from({ length: choices.below(5) }, () => choices.pick(alike));
        if (!choices.once(4)) this.code.push(['i32.const', 7], 'i32.and');
        this.emit(['br_table', targets, label]);
        this.becomeUnreachable();
        return;
      }
      case 'return':
        this.need((this.frames[0] as Frame).type.results, choices);
        this.emit('return');
        this.becomeUnreachable();
        return;
      case 'unreachable':
        if (choices.once(2) && this.labelTypes(0).length === 0)
          this.code.push(['i32.const', choices.below(2)], ['br_if', 0]);
        this.emit('unreachable');
        this.becomeUnreachable();
        return;
    }
  }

  call(choices: Choices): void {
    const index = choices.below(this.around.functions.length);
    const type = this.around.functions[index] as Signature;
    this.need(type.params, choices);
    this.instruction('call', [index], type.params, type.results);
  }

  callIndirect(choices: Choices): void {
    const callee = this.pushIndirect(this.around.functions, choices);
    if (callee === undefined) {
      this.call(choices);
      return;
    }
    const { type, table } = callee;
    this.emit(['call_indirect', type, table]);
    this.apply([...type.params, I32], type.results);
  }

  /** Arguments and an index for an indirect call of one of the types; undefined where no table is. */
  pushIndirect(types: readonly Signature[], choices: Choices): { type: Signature; table: number } | undefined {
    const tables = this.around.tables.flatMap((table, i) => (table.element === FUNCREF ? [i] : []));
    if (tables.length === 0) return undefined;
    const table = choices.pick(tables);
    const type = choices.pick(types);
    const places = (this.around.tables[table] as TableInfo).functions.flatMap((index, place) =>
      index !== undefined && sameType(this.around.functions[index] as Signature, type) ? [place] : [],
    );
    if (places.length > 0 && !choices.once(8)) {
      this.need(type.params, choices);
      this.pushI32(choices.pick(places));
    } else this.smallIndex(type.params, choices);
    return { type, table };
  }

  /** Sees to operands of these types and, above them, an index mostly within a small table. */
  private smallIndex(types: readonly Type[], choices: Choices): void {
    if (choices.once(2)) {
      this.need(types, choices);
      this.pushI32(choices.below(12));
      return;
    }
    this.need([...types, I32], choices);
    if (choices.once(8)) return;
    this.code.push(['i32.const', 7], 'i32.and');
    if (this.available.length === 0) this.stack.push(I32);
  }

  bulkMemory(choices: Choices): void {
    const { memories, dataSegments } = this.around;
    const index = this.memoryIndex(choices);
    const memory = memories[index];
    if (memory === undefined) {
      this.numeric(choices);
      return;
    }
    switch (choices.below(dataSegments > 0 ? 6 : 4)) {
      case 0:
        this.instruction('memory.size', [index], [], [I32]);
        return;
      case 1: {
        this.need([I32], choices);
        // Only where both engines must stop at the same size.
        if (memory.max === undefined || !choices.once(3))
          this.code.push(['i32.const', memory.max === undefined ? 0 : 1], 'i32.and');
        this.instruction('memory.grow', [index], [I32], [I32]);
        return;
      }
      case 2:
        this.range(choices, 0xff00, 0x200);
        this.instruction('memory.fill', [index], [I32, I32, I32], []);
        return;
      case 3:
        this.range(choices, 0xff00, 0x200);
        this.instruction('memory.copy', [index, this.memoryIndex(choices)], [I32, I32, I32], []);
        return;
      case 4:
        this.range(choices, 0xff00, 16);
        this.instruction('memory.init', [choices.below(dataSegments), index], [I32, I32, I32], []);
        return;
      default:
        this.instruction('data.drop', [choices.below(dataSegments)], [], []);
        return;
    }
  }

  /** Pushes where, what or where from, and how many; mostly within bounds. */
  private range(choices: Choices, places: number, lengths: number): void {
    if (choices.once(6)) {
      this.need([I32, I32, I32], choices);
      return;
    }
    const small = (bound: number) => (choices.below(256) * 257) % bound;
    this.pushI32(small(places));
    this.pushI32(choices.once(2) ? small(places) : choices.below(8));
    this.pushI32(small(lengths));
  }

  table(choices: Choices): void {
    const { tables, elementSegments } = this.around;
    const index = choices.below(tables.length);
    const table = tables[index];
    if (table === undefined) {
      this.reference(choices);
      return;
    }
    const { element, max } = table;
    const segments = indicesOf(elementSegments, element);
    const alike = indicesOf(
      tables.map((other) => other.element),
      element,
    );
    switch (choices.below(segments.length > 0 ? 8 : 6)) {
      case 0:
        this.instruction('table.size', [index], [], [I32]);
        return;
      case 1:
        this.smallIndex([], choices);
        this.instruction('table.get', [index], [I32], [element]);
        return;
      case 2:
        this.smallIndex([], choices);
        this.synthesise(element, choices);
        this.instruction('table.set', [index], [I32, element], []);
        return;
      case 3:
        this.synthesise(element, choices);
        if (max !== undefined && choices.once(4)) this.synthesise(I32, choices);
        else this.pushI32(choices.below(4));
        this.instruction('table.grow', [index], [element, I32], [I32]);
        return;
      case 4:
        this.pushI32(choices.below(12));
        this.synthesise(element, choices);
        this.pushI32(choices.below(8));
        this.instruction('table.fill', [index], [I32, element, I32], []);
        return;
      case 5:
        this.range(choices, 8, 6);
        this.instruction('table.copy', [index, choices.pick(alike)], [I32, I32, I32], []);
        return;
      case 6:
        this.range(choices, 8, 4);
        this.instruction('table.init', [choices.pick(segments), index], [I32, I32, I32], []);
        return;
      default:
        this.instruction('elem.drop', [choices.pick(segments)], [], []);
        return;
    }
  }

  reference(choices: Choices): void {
    const top = this.available.at(-1);
    if (top !== undefined && isReference(top)) {
      this.instruction('ref.is_null', [], [top], [I32]);
      return;
    }
    this.synthesise(choices.pick([FUNCREF, EXTERNREF]), choices);
  }

  select(choices: Choices): void {
    const type = choices.once(2) ? choices.pick(this.blockResults) : (this.available.at(-1) ?? I32);
    this.need([type, type, I32], choices);
    if (isReference(type) || choices.once(3)) this.emit(['select_t', [type]]);
    else this.emit('select');
    this.apply([type, type, I32], [type]);
  }

  /** Drops the topmost value; mostly into the sum, so that it is not lost. */
  drop(choices: Choices): void {
    const top = this.available.at(-1);
    if (top === undefined && !this.frame.unreachable) return;
    if (top === undefined || choices.once(4)) this.emit('drop');
    else this.code.push(...this.addToSum(top));
    this.apply([I32], []);
  }
}

function indicesOf<T>(items: readonly T[], wanted: T): number[] {
  return items.flatMap((item, i) => (item === wanted ? [i] : []));
}

export function sameTypes(a: readonly Type[], b: readonly Type[]): boolean {
  return a.length === b.length && a.every((type, i) => type === b[i]);
}

function sameType(a: Signature, b: Signature): boolean {
  return sameTypes(a.params, b.params) && sameTypes(a.results, b.results);
}
