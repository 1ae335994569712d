/** Labels of the constructs around an instruction (specification 6.5.2). */

import { quote } from '../quote.ts';
import type { Input } from './input.ts';
import { TOKEN } from './lexer.ts';
import { NameMap } from './names.ts';
import { generatedName, LABELS } from './spaces.ts';

/** How a construct is called. */
export interface Label {
  readonly identifier: string | undefined;
  /** What an annotation says. */
  readonly name: string | undefined;
}

export class Labels {
  names = new NameMap();
  /** Constructs that have been opened in the function. */
  private count = 0;
  /** Those around the instruction, from the outside in. */
  private readonly open: (string | undefined)[] = [];
  /** Depths of those of an identifier, the inner one last. */
  private readonly depths = new Map<string, number[]>();

  /** The label of a construct that is about to be opened; undefined where it has none. */
  read(input: Input): Label | undefined {
    if (input.kind !== TOKEN.identifier && input.kind !== TOKEN.annotation) return undefined;
    return { identifier: input.tryIdentifier(), name: input.nameAnnotation() };
  }

  push(label: Label | undefined): void {
    const index = this.count++;
    const identifier = label?.identifier;
    const depth = this.open.push(identifier);
    const name = label?.name ?? (identifier === generatedName(LABELS, index) ? undefined : identifier);
    if (name !== undefined) this.names.add(index, name);
    if (identifier === undefined) return;
    const depths = this.depths.get(identifier);
    if (depths === undefined) this.depths.set(identifier, [depth]);
    else depths.push(depth);
  }

  pop(): void {
    const name = this.open.pop();
    if (name === undefined) return;
    const depths = this.depths.get(name) as number[];
    depths.pop();
    if (depths.length === 0) this.depths.delete(name);
  }

  /** An identifier behind `else` or `end`, which has to be that of the construct. */
  repeat(input: Input): void {
    if (input.kind !== TOKEN.identifier) return;
    if (input.identifier !== this.open.at(-1)) input.fail('mismatching label: it is not the one of the construct');
    input.advance();
  }

  index(input: Input): number {
    if (input.kind !== TOKEN.identifier) return input.u32('the index or identifier of a label');
    const name = input.identifier;
    const depth = this.depths.get(name)?.at(-1);
    if (depth === undefined) input.fail(`unknown label ${quote(`$${name}`)}: no construct around has it`);
    input.advance();
    return this.open.length - depth;
  }

  /** Forgets all, for the next function. */
  clear(): void {
    this.count = 0;
    this.names = new NameMap();
  }
}
