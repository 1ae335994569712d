/**
 * Prints the type section: groups and types as they are written, which is more than what is left of them in a module.
 * Leaves the types of functions in the scope.
 */

import { FINAL, FUNCTION, GROUP, OPEN, STRUCT } from '../../encoding.ts';
import type { InstructionReader } from '../../instructions.ts';
import { isPacked, type StorageType, type ValType } from '../../types.ts';
import type { TextOut } from './out.ts';
import type { Scope } from './scope.ts';

export class TypePrinter {
  private readonly scope: Scope;
  private readonly out: TextOut;
  private readonly reader: InstructionReader;
  private next = 0;

  constructor(scope: Scope, out: TextOut, reader: InstructionReader) {
    this.scope = scope;
    this.out = out;
    this.reader = reader;
  }

  /** From the number of groups on. */
  print(depth: number): void {
    const { reader, out } = this;
    for (let count = reader.u32(); count > 0; count--) {
      if (reader.bytes[reader.pos] !== GROUP) {
        this.type(depth);
        continue;
      }
      reader.pos++;
      out.line(depth, '(rec');
      for (let members = reader.u32(); members > 0; members--) this.type(depth + 1);
      out.add(')');
    }
  }

  private type(depth: number): void {
    const { reader, out, scope } = this;
    const index = this.next++;
    out.line(depth, `(type${scope.spaces.type.declare(index)} `);
    let code = reader.u8();
    const isSub = code === OPEN || code === FINAL;
    if (isSub) {
      out.add(code === FINAL ? '(sub final ' : '(sub ');
      for (let count = reader.u32(); count > 0; count--) out.add(`${scope.spaces.type.use(reader.u32())} `);
      code = reader.u8();
    }
    if (code === FUNCTION) {
      const signature = { params: this.values(), results: this.values() };
      scope.signatures[index] = signature;
      out.add(`(func${scope.list('param', signature.params)}${scope.list('result', signature.results)}`);
    } else if (code === STRUCT) {
      out.add('(struct');
      this.fields(index);
    } else out.add(`(array ${this.field()}`);
    out.add(isSub ? ')))' : '))');
  }

  private values(): ValType[] {
    const { reader } = this;
    return Array.from({ length: reader.u32() }, () => reader.valType());
  }

  private fields(type: number): void {
    const { reader, out, scope } = this;
    const names = scope.fieldsOf(type);
    const count = reader.u32();
    for (let i = 0; i < count; i++) out.add(` (field${names.isNamed(i) ? names.declare(i) : ''} ${this.field()})`);
  }

  private field(): string {
    const { reader, scope } = this;
    const type: StorageType = isPacked(reader.bytes[reader.pos] as number) ? reader.u8() : reader.valType();
    return reader.u8() === 1 ? `(mut ${scope.type(type)})` : scope.type(type);
  }
}
