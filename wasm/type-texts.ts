/**
 * Keys of the types that name others, are in a hierarchy or in a group: found only when somebody compares them with
 * those of another module. Within a module equal types are one object.
 */

import { laterValidation } from './parts.ts';
import type { DefinedType, TypeKeys } from './types.ts';

export class TypeTexts implements TypeKeys {
  readonly types: readonly DefinedType[];
  /** First type and number of types of every group that has no keys yet, in order. */
  groups: number[] = [];
  readonly keys: Map<DefinedType, string> = new Map();

  constructor(types: readonly DefinedType[]) {
    this.types = types;
  }

  add(start: number, length: number): void {
    this.groups.push(start, length);
  }

  keyOf(type: DefinedType): string {
    if (this.groups.length > 0) laterValidation.now.addKeys(this);
    return this.keys.get(type) as string;
  }
}
