/** Random programs: a valid module and calls of its exports. And how one is kept in a file. */

import fc from 'fast-check';
import { decode } from '../../wasm/decode.ts';
import { typeOfFunction } from '../../wasm/module.ts';
import { F32, F64, FUNCREF, V128, type ValType } from '../../wasm/types.ts';
import { anyModule, type GenerateOptions } from '../generate/module.ts';
import { anyBits, type ValueText, valueText } from '../generate/values.ts';
import type { Call, Program } from './compare.ts';

/** A program as text: what the folder of counterexamples holds. */
export interface KeptProgram {
  readonly bytesHex: string;
  readonly calls: readonly Call[];
  readonly note: string;
}

export function keep({ bytes, calls }: Program, note: string): KeptProgram {
  return { bytesHex: Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(''), calls, note };
}

export function restore({ bytesHex, calls }: KeptProgram): Program {
  return { bytes: Uint8Array.from(bytesHex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16)), calls };
}

/** The exports to call: all functions that JavaScript can call without changing the bits of a float, or failing on a vector. */
function callable(bytes: Uint8Array): { name: string; params: readonly ValType[] }[] {
  const module = decode(bytes);
  return module.exports.flatMap(({ name, kind, index }) => {
    if (kind !== 'function') return [];
    const { params, results } = typeOfFunction(module, index);
    return [...params, ...results].some((type) => type === F32 || type === F64 || type === V128)
      ? []
      : [{ name, params }];
  });
}

function argument(type: ValType, bits: bigint, functions: readonly string[]): ValueText {
  if (type !== FUNCREF) return valueText(type, bits);
  return `funcref:${bits % 3n === 0n ? 'null' : functions[Number((bits >> 2n) % BigInt(functions.length))]}`;
}

/** A module, and up to `calls` calls of its functions, each in its turn. */
export function anyProgram(options: GenerateOptions = {}, calls = 16): fc.Arbitrary<Program> {
  const anyCall = fc.record({
    skip: fc.constantFrom(0, 0, 0, 1, 2),
    bits: fc.array(anyBits, { maxLength: 5, size: 'max' }),
  });
  return fc
    .record({ bytes: anyModule(options), calls: fc.array(anyCall, { maxLength: calls, size: 'max' }) })
    .map(({ bytes, calls }) => {
      const targets = callable(bytes);
      const names = targets.map(({ name }) => name);
      let at = -1;
      return {
        bytes,
        calls: calls.flatMap(({ skip, bits }) => {
          at += 1 + skip;
          const chosen = targets[at % targets.length];
          if (chosen === undefined) return [];
          return [{ export: chosen.name, args: chosen.params.map((type, i) => argument(type, bits[i] ?? 0n, names)) }];
        }),
      };
    });
}
