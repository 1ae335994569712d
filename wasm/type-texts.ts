/**
 * Keys of the types that name others, are in a hierarchy or in a group: found only when somebody compares them with
 * those of another module. Within a module equal types are one object.
 */

import { Part } from './part.ts';
import type { DefinedType, TypeKeys } from './types.ts';

/** What makes the keys: loaded for modules that have such types. */
export const typeKeys = new Part<typeof import('./type-keys.ts')>('types', () => import('./type-keys.ts'));

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
    if (this.groups.length > 0) typeKeys.now.addKeys(this);
    return this.keys.get(type) as string;
  }
}
