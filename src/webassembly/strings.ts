/** The builtins of `wasm:js-string` (JavaScript API, 5.13): what guests do with strings of JavaScript's. */

import { ArrayObject } from '../../interpreter/gc/objects.ts';
import { HostCaller } from '../../interpreter/machine/host-caller.ts';
import { StringObject, stringBytes } from '../../interpreter/values/string.ts';
import { decode } from '../../wasm/decode.ts';
import { PREAMBLE } from '../../wasm/encoding.ts';
import { Trap, type TrapKind } from '../../wasm/errors.ts';
import { STRING_CALL } from '../../wasm/gas.ts';
import { type CallingGuest, HostFunction, type WasmValue } from '../../wasm/host.ts';
import { EXTERNREF, type FuncType, funcType, I32, nonNull } from '../../wasm/types.ts';

const CODE_UNIT_BYTES = 2;
/** Code units that are made a string at a time: few enough to be arguments. */
const CHUNK = 1_024;
/** Code units that engines copy anyway, as they make no rope or window of so few. */
const SHORT = 12;

/** A guest that calls a builtin. */
class Caller {
  private readonly guest: CallingGuest;

  constructor(guest: CallingGuest) {
    this.guest = guest;
  }

  /** Charges for code units that are about to be copied or compared. */
  pay(units: number): void {
    this.guest.chargeBytes(CODE_UNIT_BYTES * units);
  }

  fail(kind: TrapKind): never {
    throw this.guest instanceof HostCaller ? this.guest.trap(kind) : new Trap(kind);
  }

  /** The string that a reference is. */
  text(value: WasmValue): string {
    if (value instanceof StringObject) return value.text;
    return typeof value === 'string' ? value : this.fail('cast-failure');
  }

  array(value: WasmValue): Uint16Array {
    return value instanceof ArrayObject ? (value.elements as Uint16Array) : this.fail('null-reference');
  }

  /** A string of so many code units, which count before they are there. */
  make(length: number, text: () => string): WasmValue {
    if (!(this.guest instanceof HostCaller)) return flat(text());
    this.guest.allocate(stringBytes(length));
    return new StringObject(flat(text()));
  }
}

/**
 * A copy. Engines make of `+` a rope and of `slice` a window, which keep what they were made of alive, and put work off that
 * has been paid for now.
 */
function flat(text: string): string {
  return text.length <= SHORT ? text : ` ${text}`.slice(1);
}

/** A place in a string. */
function placeIn(caller: Caller, text: string, index: WasmValue): number {
  const place = unsigned(index);
  return place < text.length ? place : caller.fail('string-out-of-bounds');
}

function unsigned(value: WasmValue): number {
  return (value as number) >>> 0;
}

function textOfUnits(units: Uint16Array): string {
  let text = '';
  for (let at = 0; at < units.length; at += CHUNK) {
    // To spread them takes ten times as long.
    text += Reflect.apply(String.fromCharCode, null, units.subarray(at, at + CHUNK));
  }
  return text;
}

type Run = (caller: Caller, args: readonly WasmValue[]) => WasmValue;

const STRING = nonNull(EXTERNREF);
/** Those that take an array: types that only a module has. */
const WITH_ARRAYS = decode(
  Uint8Array.from([
    ...PREAMBLE,
    ...[1, 21, 3, 0x5e, 0x77, 1],
    ...[0x60, 3, 0x63, 0, 0x7f, 0x7f, 1, 0x64, 0x6f],
    ...[0x60, 3, 0x6f, 0x63, 0, 0x7f, 1, 0x7f],
  ]),
).types;
const [, FROM_ARRAY, INTO_ARRAY] = WITH_ARRAYS as unknown as readonly [unknown, FuncType, FuncType];

const ROWS: Readonly<Record<string, readonly [type: FuncType, run: Run]>> = {
  cast: [
    funcType([EXTERNREF], [STRING]),
    (caller, [value]) => {
      caller.text(value);
      return value;
    },
  ],
  test: [
    funcType([EXTERNREF], [I32]),
    (_, [value]) => (value instanceof StringObject || typeof value === 'string' ? 1 : 0),
  ],
  fromCharCodeArray: [
    FROM_ARRAY,
    (caller, [array, from, to]) => {
      const units = caller.array(array);
      const start = unsigned(from);
      const end = unsigned(to);
      if (start > end || end > units.length) caller.fail('array-out-of-bounds');
      caller.pay(end - start);
      return caller.make(end - start, () => textOfUnits(units.subarray(start, end)));
    },
  ],
  intoCharCodeArray: [
    INTO_ARRAY,
    (caller, [value, array, from]) => {
      const text = caller.text(value);
      const units = caller.array(array);
      const start = unsigned(from);
      if (start + text.length > units.length) caller.fail('array-out-of-bounds');
      caller.pay(text.length);
      for (let i = 0; i < text.length; i++) units[start + i] = text.charCodeAt(i);
      return text.length;
    },
  ],
  fromCharCode: [
    funcType([I32], [STRING]),
    (caller, [unit]) => caller.make(1, () => String.fromCharCode(unit as number)),
  ],
  fromCodePoint: [
    funcType([I32], [STRING]),
    (caller, [value]) => {
      const point = unsigned(value);
      if (point > 0x10_ffff) caller.fail('invalid-code-point');
      return caller.make(point > 0xffff ? 2 : 1, () => String.fromCodePoint(point));
    },
  ],
  charCodeAt: [
    funcType([EXTERNREF, I32], [I32]),
    (caller, [value, index]) => {
      const text = caller.text(value);
      return text.charCodeAt(placeIn(caller, text, index));
    },
  ],
  codePointAt: [
    funcType([EXTERNREF, I32], [I32]),
    (caller, [value, index]) => {
      const text = caller.text(value);
      return text.codePointAt(placeIn(caller, text, index));
    },
  ],
  length: [funcType([EXTERNREF], [I32]), (caller, [value]) => caller.text(value).length],
  concat: [
    funcType([EXTERNREF, EXTERNREF], [STRING]),
    (caller, [one, other]) => {
      const first = caller.text(one);
      const second = caller.text(other);
      const length = first.length + second.length;
      caller.pay(length);
      return caller.make(length, () => first + second);
    },
  ],
  substring: [
    funcType([EXTERNREF, I32, I32], [STRING]),
    (caller, [value, from, to]) => {
      const text = caller.text(value);
      const start = Math.min(unsigned(from), text.length);
      const end = Math.min(unsigned(to), text.length);
      const length = Math.max(0, end - start);
      caller.pay(length);
      return caller.make(length, () => text.slice(start, start + length));
    },
  ],
  equals: [
    funcType([EXTERNREF, EXTERNREF], [I32]),
    (caller, [one, other]) => {
      const first = one === null ? null : caller.text(one);
      const second = other === null ? null : caller.text(other);
      if (first === null || second === null || first.length !== second.length) return first === second ? 1 : 0;
      caller.pay(first.length);
      return first === second ? 1 : 0;
    },
  ],
  compare: [
    funcType([EXTERNREF, EXTERNREF], [I32]),
    (caller, [one, other]) => {
      const first = caller.text(one);
      const second = caller.text(other);
      caller.pay(Math.min(first.length, second.length));
      if (first === second) return 0;
      return first < second ? -1 : 1;
    },
  ],
};

/** By name. */
export const STRING_BUILTINS: ReadonlyMap<string, HostFunction> = new Map(
  Object.entries(ROWS).map(([name, [type, run]]) => [
    name,
    new HostFunction(type, STRING_CALL, (guest, args) => run(new Caller(guest), args), { keepsViews: false }),
  ]),
);
