/** Writes what saves values, and restores them: any, and the globals of a module. */

import type { Mnemonic } from '../../wasm/opcodes.ts';
import { F32, F64, V128, type ValType } from '../../wasm/types.ts';
import type { CodeWriter } from '../code.ts';
import { type Layout, savedGlobals } from '../layout.ts';
import type { SlotKind, SlotPlace } from './slots.ts';

const BITS: Readonly<Partial<Record<ValType, Mnemonic>>> = {
  [F32]: 'i32.reinterpret_f32',
  [F64]: 'i64.reinterpret_f64',
};

const VALUES: Readonly<Partial<Record<ValType, Mnemonic>>> = {
  [F32]: 'f32.reinterpret_i32',
  [F64]: 'f64.reinterpret_i64',
};

/** The numbers of the globals that values are put into. */
export interface SlotGlobals {
  slot(kind: SlotKind, place: number): number;
}

/** Takes the value from the stack. @param scratch a local for a vector, where one is needed */
export function saveValue(
  code: CodeWriter,
  globals: SlotGlobals,
  { type, kind, first }: SlotPlace,
  scratch: () => number,
): void {
  if (type === V128) {
    const vector = scratch();
    code.at('local.set', vector);
    for (const lane of [0, 1]) {
      code.at('local.get', vector);
      code.op('i64x2.extract_lane');
      code.u8(lane);
      code.at('global.set', globals.slot(kind, first + lane));
    }
    return;
  }
  const bits = BITS[type];
  if (bits !== undefined) code.op(bits);
  code.at('global.set', globals.slot(kind, first));
}

/** Puts the value onto the stack. */
export function loadValue(code: CodeWriter, globals: SlotGlobals, { type, kind, first }: SlotPlace): void {
  code.at('global.get', globals.slot(kind, first));
  if (type === V128) {
    code.op('i64x2.splat');
    code.at('global.get', globals.slot(kind, first + 1));
    code.op('i64x2.replace_lane');
    code.u8(1);
  }
  const value = VALUES[type];
  if (value !== undefined) code.op(value);
}

/** The function that saves the globals of the module's own that can be changed: engines show some as other bits, or not at all. */
export function saveGlobals(code: CodeWriter, layout: Layout): void {
  code.raw(1, 1, V128);
  for (const [global, place] of savedGlobals(layout.module)) {
    code.at('global.get', layout.global(global));
    saveValue(code, layout, place, () => 0);
  }
}

/** The function that takes them from where they have been saved. */
export function restoreGlobals(code: CodeWriter, layout: Layout): void {
  code.raw(0);
  for (const [global, place] of savedGlobals(layout.module)) {
    loadValue(code, layout, place);
    code.at('global.set', layout.global(global));
  }
}
