/** Where values are put when a frame is left: globals of the rewritten module, which the host reads before the next frame. */

import { EXTERNREF, F32, F64, FUNCREF, I32, I64, V128, type ValType } from '../../wasm/types.ts';

/** Floats are kept as their bits, and vectors as two halves. */
export const SLOT_TYPES = { i32: I32, i64: I64, funcref: FUNCREF, externref: EXTERNREF } as const;
export type SlotKind = keyof typeof SLOT_TYPES;
export const SLOT_KINDS = Object.keys(SLOT_TYPES) as SlotKind[];

/** Which kind a value takes, and how many. */
const TAKEN: Readonly<Partial<Record<ValType, readonly [kind: SlotKind, count: number]>>> = {
  [I32]: ['i32', 1],
  [F32]: ['i32', 1],
  [I64]: ['i64', 1],
  [F64]: ['i64', 1],
  [V128]: ['i64', 2],
  [FUNCREF]: ['funcref', 1],
  [EXTERNREF]: ['externref', 1],
};

/** Where a value is: so many of a kind from a number on. */
export interface SlotPlace {
  readonly type: ValType;
  readonly kind: SlotKind;
  readonly first: number;
  readonly count: number;
}

/** The places of a frame's values, in their order. */
export function slotPlaces(types: Iterable<ValType>): readonly SlotPlace[] {
  const used: Partial<Record<SlotKind, number>> = {};
  return Array.from(types, (type): SlotPlace => {
    const [kind, count] = TAKEN[type] as readonly [SlotKind, number];
    const first = used[kind] ?? 0;
    used[kind] = first + count;
    return { type, kind, first, count };
  });
}
