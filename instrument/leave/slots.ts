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

/** By type and number, as code of many places has them again and again. */
const places = new Map<ValType, (SlotPlace | undefined)[]>();
/** Those from here on are made each time. */
const MOST_KEPT = 1_000;

function placeAt(type: ValType, first: number): SlotPlace {
  let ofType = places.get(type);
  if (ofType === undefined) {
    ofType = [];
    places.set(type, ofType);
  }
  const known = ofType[first];
  if (known !== undefined) return known;
  const [kind, count] = TAKEN[type] as readonly [SlotKind, number];
  const place = { type, kind, first, count };
  if (first < MOST_KEPT) ofType[first] = place;
  return place;
}

/** The places of a frame's values, in their order. */
export function slotPlaces(types: readonly ValType[]): readonly SlotPlace[] {
  const used: Record<SlotKind, number> = { i32: 0, i64: 0, funcref: 0, externref: 0 };
  const found: SlotPlace[] = [];
  for (const type of types) {
    const [kind, count] = TAKEN[type] as readonly [SlotKind, number];
    found.push(placeAt(type, used[kind]));
    used[kind] += count;
  }
  return found;
}
