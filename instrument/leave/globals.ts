/** Writes what saves values: any, and the globals of a module. */

import type { Mnemonic } from '../../wasm/opcodes.ts';
import { F32, F64, V128, type ValType } from '../../wasm/types.ts';
import type { CodeWriter } from '../code.ts';
import { type Layout, ownMutableGlobals } from '../layout.ts';
import { type SlotPlace, slotPlaces } from './slots.ts';

const BITS: Readonly<Partial<Record<ValType, Mnemonic>>> = {
  [F32]: 'i32.reinterpret_f32',
  [F64]: 'i64.reinterpret_f64',
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

/** The function that saves the globals of the module's own that can be changed: engines show some of them as other bits, or not at all. */
export function writeGlobals(code: CodeWriter, layout: Layout): void {
  const { module } = layout;
  const globals = ownMutableGlobals(module);
  const places = slotPlaces(globals.map((global) => module.globals[global]?.type as ValType));
  const hasVectors = places.some(({ type }) => type === V128);
  if (hasVectors) code.raw(1, 1, V128);
  else code.raw(0);
  globals.forEach((global, i) => {
    code.at('global.get', layout.global(global));
    saveValue(code, layout, places[i] as SlotPlace, () => 0);
  });
}
