/** Writes what saves values, and restores them: any, and the globals of a module. */

import type { Mnemonic } from '../../wasm/opcodes.ts';
import { F32, F64, V128, type ValType } from '../../wasm/types.ts';
import type { CodeWriter } from '../code.ts';
import { type Layout, ownMutableGlobals } from '../layout.ts';
import { type SlotPlace, slotPlaces } from './slots.ts';

const BITS: Readonly<Partial<Record<ValType, Mnemonic>>> = {
  [F32]: 'i32.reinterpret_f32',
  [F64]: 'i64.reinterpret_f64',
};

const VALUES: Readonly<Partial<Record<ValType, Mnemonic>>> = {
  [F32]: 'f32.reinterpret_i32',
  [F64]: 'f64.reinterpret_i64',
};

/** Takes the value from the stack. @param scratch a local for a vector, where one is needed */
export function saveValue(
  code: CodeWriter,
  layout: Layout,
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
      code.at('global.set', layout.slot(kind, first + lane));
    }
    return;
  }
  const bits = BITS[type];
  if (bits !== undefined) code.op(bits);
  code.at('global.set', layout.slot(kind, first));
}

function loadValue(code: CodeWriter, layout: Layout, { type, kind, first }: SlotPlace): void {
  code.at('global.get', layout.slot(kind, first));
  if (type === V128) {
    code.op('i64x2.splat');
    code.at('global.get', layout.slot(kind, first + 1));
    code.op('i64x2.replace_lane');
    code.u8(1);
  }
  const value = VALUES[type];
  if (value !== undefined) code.op(value);
}

/** The globals of the module's own that can be changed, and where they are saved. */
function eachGlobal(layout: Layout, visit: (global: number, place: SlotPlace) => void): void {
  const { module } = layout;
  const globals = ownMutableGlobals(module);
  const places = slotPlaces(globals.map((global) => module.globals[global]?.type as ValType));
  globals.forEach((global, i) => {
    visit(layout.global(global), places[i] as SlotPlace);
  });
}

/** The function that saves them: engines show some as other bits, or not at all. */
export function saveGlobals(code: CodeWriter, layout: Layout): void {
  code.raw(1, 1, V128);
  eachGlobal(layout, (global, place) => {
    code.at('global.get', global);
    saveValue(code, layout, place, () => 0);
  });
}

/** The function that takes them from where they have been saved. */
export function restoreGlobals(code: CodeWriter, layout: Layout): void {
  code.raw(0);
  eachGlobal(layout, (global, place) => {
    loadValue(code, layout, place);
    code.at('global.set', global);
  });
}
