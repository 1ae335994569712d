/**
 * The types of values in generated modules: the engine's own, references to exceptions, and references to functions of
 * one type. These are objects of which equal ones are the same, so that all types compare with `===`.
 */

import { F32, F64, I32, I64, isRefType, V128, type ValType } from '../../wasm/types.ts';

/** A function type. A `FuncType` of the decoder is one too. */
export interface Signature {
  readonly params: readonly Type[];
  readonly results: readonly Type[];
}

export const EXNREF = 0x69;

export class FunctionReference {
  readonly to: Signature;
  readonly nullable: boolean;
  readonly key: string;

  private constructor(to: Signature, nullable: boolean, key: string) {
    this.to = to;
    this.nullable = nullable;
    this.key = key;
  }

  private static readonly known = new Map<string, FunctionReference>();

  static of(to: Signature, nullable: boolean): FunctionReference {
    const key = `(ref ${nullable ? 'null ' : ''}${signatureKey(to)})`;
    let found = FunctionReference.known.get(key);
    if (found === undefined) {
      found = new FunctionReference(to, nullable, key);
      FunctionReference.known.set(key, found);
    }
    return found;
  }

  toString(): string {
    return this.key;
  }
}

export type Type = ValType | typeof EXNREF | FunctionReference;

/** Equal for equal types. */
export function signatureKey({ params, results }: Signature): string {
  return `${params}:${results}`;
}

export function isReference(type: Type): boolean {
  return typeof type === 'object' || type === EXNREF || isRefType(type);
}

const NUMBERS: readonly Type[] = [I32, I64, F32, F64, V128];

/** Whether JavaScript can be given values of the type, and the tests know how. */
export function isEngineType(type: Type): type is ValType {
  return typeof type === 'number' && (NUMBERS.includes(type) || isRefType(type));
}
