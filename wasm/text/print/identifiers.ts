/**
 * Which identifiers the things of a module get: their names where they have any that are of use, made up ones where not.
 * Where an identifier does not say the name, an annotation does.
 */

import { generatedName, type SpaceRow } from '../spaces.ts';
import { identifier, nameString } from './literals.ts';
import type { ByIndex } from './name-section.ts';

/** Identifiers stand at every use: longer names would make the text grow beyond all measure. */
const LONGEST = 100;

export class Identifiers {
  private readonly row: SpaceRow;
  private readonly names: ByIndex;
  /** Whether names become annotations where identifiers do not say them. */
  private readonly isExact: boolean;
  private readonly chosen = new Map<number, string>();
  private readonly taken = new Set<string>();
  /** What uses say, as far as there were any. */
  private readonly uses: string[] = [];

  constructor(row: SpaceRow, names: ByIndex, isExact: boolean) {
    this.row = row;
    this.names = names;
    this.isExact = isExact;
    for (const [index, name] of names) {
      const found = [name, `${name}_${index}`].find((text) => this.isFree(text));
      if (found === undefined) continue;
      this.chosen.set(index, found);
      this.taken.add(found);
    }
  }

  private isFree(text: string): boolean {
    return text !== '' && text.length <= LONGEST && !this.taken.has(text);
  }

  /** With its dollar sign; undefined where there is none. */
  private of(index: number): string | undefined {
    const name = this.chosen.get(index);
    if (name !== undefined) return name;
    const made = generatedName(this.row, index);
    return this.row.prefix === '' || this.taken.has(made) ? undefined : made;
  }

  /** What a place says that uses it. */
  use(index: number): string {
    this.uses[index] ??= this.written(index);
    return this.uses[index];
  }

  private written(index: number): string {
    const name = this.of(index);
    return name === undefined ? String(index) : identifier(name);
  }

  /** What its declaration says, with a space before; its index as a comment where it has no identifier. */
  declare(index: number): string {
    const name = this.of(index);
    const text = name === undefined ? ` (;${index};)` : ` ${identifier(name)}`;
    const annotation = this.annotation(index, name);
    return annotation === undefined ? text : `${text} (@name ${nameString(annotation)})`;
  }

  /** Whether the declaration has to say more than a type. */
  isNamed(index: number): boolean {
    return this.names.has(index);
  }

  private annotation(index: number, said: string | undefined): string | undefined {
    const name = this.names.get(index);
    if (!this.isExact || name === undefined) return undefined;
    // One like those that are made up is not recorded.
    return said === name && said !== generatedName(this.row, index) ? undefined : name;
  }
}
