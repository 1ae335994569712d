/**
 * Which registers a frame has in use: locals that may still be read, and operands. What others hold is left over from what
 * ran before, and depends on who has run it; a snapshot has zeros there.
 */

import { livenessOf } from '../../wasm/liveness.ts';
import { typeOfFunction, type WasmModule } from '../../wasm/module.ts';
import { F32, I32, isDefaultable, isReference, slotsOf, type ValType } from '../../wasm/types.ts';
import { CodeBuffer, HEADER_WORDS, LEAVE_PC, type Lowering, op, placesOf } from '../code/index.ts';
import { fingerprint, lowerAlone } from './fingerprint.ts';
import { stepAt } from './places.ts';

/** A register, from the frame's first, and how many words of it and behind it; none of a reference, which is beside it. */
export type Used = readonly [register: number, words: number];

export interface UsedRegisters {
  readonly fingerprint: number;
  /** By offset in words from the entry. */
  readonly at: ReadonlyMap<number, readonly Used[]>;
}

/** What is known before an instruction is lowered. */
interface State {
  /** Of the instruction in the module's bytes. */
  readonly offset: number;
  readonly operands: readonly Used[];
}

const COPY_VECTOR = op('copy.v128');
const IN_COPY = placesOf('copy.v128');
const COPY_REFERENCE = op('copy.ref');
/** Moves that leave the upper half of a register as it was. */
const NARROW: readonly number[] = (['copy32', 'const32', 'address'] as const).map((name) => op(name));

function wordsOf(type: ValType): number {
  if (isReference(type)) return 0;
  return type === I32 || type === F32 ? 1 : 2 * slotsOf([type]);
}

function stateOf({ operands, reader }: Lowering): State {
  const used: Used[] = [];
  for (let position = 0; position < operands.height; position++) {
    if (!operands.isConstant(position)) used.push([operands.place(position), wordsOf(operands.type(position))]);
  }
  return { offset: reader.offset, operands: used };
}

/** Takes as long as lowering the function twice does, and for each offset as its frame has slots. */
export function usedRegisters(module: WasmModule, body: number, offsets: Iterable<number>): UsedRegisters {
  return new Finder(module, body).find([...new Set(offsets)].sort((a, b) => a - b));
}

/** Words that a move writes. */
function movedBy(instruction: number): number {
  if (instruction === COPY_VECTOR) return 4;
  if (instruction === COPY_REFERENCE) return 0;
  return NARROW.includes(instruction) ? 1 : 2;
}

class Finder {
  private readonly module: WasmModule;
  private readonly body: number;
  private readonly code = new CodeBuffer();
  private readonly entry = LEAVE_PC + 1 + HEADER_WORDS;
  private locals: { readonly register: number; readonly type: ValType }[] = [];

  constructor(module: WasmModule, body: number) {
    this.module = module;
    this.body = body;
  }

  find(offsets: readonly number[]): UsedRegisters {
    const { module, body, code } = this;
    const states = new Map<number, State>();
    /** Where the instruction begins among whose words an offset is. */
    const begins = new Map<number, number>();
    this.lower(offsets, states, begins);
    const inner = offsets.filter((offset) => offset !== 0 && !states.has(offset));
    if (inner.length > 0) this.lower([...new Set(inner.map((offset) => begins.get(offset) ?? 0))], states, new Map());
    const found = offsets.map((offset) => {
      const from = states.has(offset) ? offset : (begins.get(offset) ?? offset);
      return { offset, state: offset === 0 ? undefined : states.get(from), from };
    });
    const { codeStart } = module.bodies.at(body);
    const asked = found.map(({ state }) => state?.offset ?? codeStart);
    const ascending = [...new Set(asked)].sort((a, b) => a - b);
    const live = livenessOf(module, body, ascending);
    const params = typeOfFunction(module, module.importedFunctions + body).params.length;
    const at = new Map<number, readonly Used[]>();
    found.forEach(({ offset, state, from }, i) => {
      const place = ascending.indexOf(asked[i] as number);
      const used: Used[] = [...(state?.operands ?? []), ...this.moved(from, offset)];
      const count = offset === 0 ? params : this.locals.length;
      for (let local = 0; local < count; local++) {
        const { register, type } = this.locals[local] as (typeof this.locals)[number];
        // One without a default has no value to stand for it.
        const isKept = live.mayRead(place, local) || (isReference(type) && !isDefaultable(type));
        if (isKept) used.push([register, wordsOf(type)]);
      }
      at.set(offset, used);
    });
    return { fingerprint: fingerprint(code), at };
  }

  /** Notes the last state at each offset, as what comes before it emits nothing. */
  private lower(offsets: readonly number[], states: Map<number, State>, begins: Map<number, number>): void {
    const { code, module, entry } = this;
    const wanted = [...offsets].sort((a, b) => a - b);
    let next = 0;
    let before = 0;
    lowerAlone(code, module, this.body, (lowering) => {
      const { operands, locals } = lowering;
      if (this.locals.length !== locals.count) {
        this.locals = Array.from({ length: locals.count }, (_, local) => ({
          register: operands.local(local),
          type: locals.type(local),
        }));
      }
      if (lowering.isDead) return;
      const offset = code.length - entry;
      for (; next < wanted.length && (wanted[next] as number) < offset; next++) {
        if (!states.has(wanted[next] as number)) begins.set(wanted[next] as number, before);
      }
      if (wanted[next] === offset) states.set(offset, stateOf(lowering));
      before = offset;
    });
    for (; next < wanted.length; next++) {
      if (!states.has(wanted[next] as number)) begins.set(wanted[next] as number, before);
    }
  }

  /** What the moves before an instruction have put into registers. */
  private moved(from: number, to: number): Used[] {
    const { code, entry } = this;
    const used: Used[] = [];
    for (let pc = entry + from; pc < entry + to; ) {
      const { here, next } = stepAt(code, pc);
      used.push([code.words[pc + IN_COPY.result] as number, movedBy(here)]);
      pc = next;
    }
    return used;
  }
}
