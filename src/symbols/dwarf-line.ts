/**
 * Where instructions come from, by the line number programs of `.debug_line` (DWARF 2 to 5, section 6.2). Compilers of C,
 * C++, Rust and the like write them when they are asked for debug information. Addresses count from the start of the code
 * section's contents. The bytes are not trusted: what is malformed ends the search, and gives what was found before.
 */

import { CompileError } from '../../wasm/errors.ts';
import { Reader } from '../../wasm/reader.ts';
import { decodeLossy } from '../../wasm/utf8.ts';

/** A place in a source file. */
export interface SourceLocation {
  /** As the compiler named it, folder included. */
  readonly file: string;
  /** From 1; 0 where the compiler made the instruction up. */
  readonly line: number;
  /** From 1; 0 is unknown. */
  readonly column: number;
}

/** Sections of debug information by name. */
export type Sections = (name: string) => Uint8Array | undefined;

/** Opcodes of the standard (section 6.2.5.2). */
const OP = {
  extended: 0,
  copy: 1,
  advancePc: 2,
  advanceLine: 3,
  setFile: 4,
  setColumn: 5,
  constAddPc: 8,
  fixedAdvancePc: 9,
} as const;
const EXTENDED = { endSequence: 1, setAddress: 2 } as const;
/** Content types (6.2.4.1), and forms (7.5.6), of the tables of version 5. */
const CONTENT = { path: 1, directory: 2 } as const;
const FORM = {
  data2: 5,
  data4: 6,
  data8: 7,
  string: 8,
  block: 9,
  data1: 11,
  strp: 14,
  udata: 15,
  data16: 30,
  lineStrp: 31,
};

/** More files, or folders, no unit has. */
const MOST_ENTRIES = 1 << 20;

class DwarfReader extends Reader {
  get isAtEnd(): boolean {
    return this.pos >= this.end;
  }

  u16(): number {
    return this.u8() | (this.u8() << 8);
  }

  word(): number {
    return (this.u16() | (this.u16() << 16)) >>> 0;
  }

  /** Bits beyond the 32nd are lost: no module is that large. */
  signed(): number {
    this.s64();
    return this.low;
  }

  /** Up to a zero byte. */
  string(): string {
    const { pos, bytes, end } = this;
    const zero = bytes.indexOf(0, pos);
    if (zero < 0 || zero >= end) this.fail('a string without an end');
    this.pos = zero + 1;
    return decodeLossy(bytes.subarray(pos, zero));
  }
}

/** What lies between two rows of the table belongs to the first. */
interface Row {
  address: number;
  file: number;
  line: number;
  column: number;
}

/** Of a unit. */
interface Header {
  readonly minLength: number;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  /** Operands of the opcodes below `opcodeBase`. */
  readonly lengths: readonly number[];
  readonly fileName: (index: number) => string;
}

/**
 * @param addresses ascending
 * @returns what is known of each
 */
export function locateAll(sections: Sections, addresses: readonly number[]): readonly (SourceLocation | undefined)[] {
  const found = new Array<SourceLocation | undefined>(addresses.length).fill(undefined);
  const bytes = sections('.debug_line');
  if (bytes === undefined) return found;
  const reader = new DwarfReader(bytes);
  try {
    while (!reader.isAtEnd) readUnit(reader, sections, addresses, found);
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
  }
  return found;
}

function readUnit(
  reader: DwarfReader,
  sections: Sections,
  addresses: readonly number[],
  found: (SourceLocation | undefined)[],
): void {
  const length = reader.word();
  // 64-bit DWARF, which nobody writes for WebAssembly.
  if (length >= 0xffff_fff0) reader.fail('a unit of 64-bit DWARF');
  const end = Math.min(reader.pos + length, reader.end);
  const unit = new DwarfReader(reader.bytes, reader.pos, end);
  reader.pos = end;
  const version = unit.u16();
  if (version < 2 || version > 5) return;
  if (version === 5) unit.u16();
  const headerLength = unit.word();
  const start = unit.pos + headerLength;
  const header = readHeader(unit, version, sections);
  unit.pos = start;
  runProgram(unit, header, (from, to) => {
    let at = firstFrom(addresses, from.address);
    for (; at < addresses.length && (addresses[at] as number) < to; at++) {
      found[at] ??= { file: header.fileName(from.file), line: from.line, column: from.column };
    }
  });
}

function readHeader(unit: DwarfReader, version: number, sections: Sections): Header {
  const minLength = unit.u8();
  if (version >= 4) unit.u8();
  unit.u8();
  const lineBase = (unit.u8() << 24) >> 24;
  const lineRange = unit.u8();
  if (lineRange === 0) unit.fail('a program without lines');
  const opcodeBase = unit.u8();
  const lengths = Array.from({ length: Math.max(0, opcodeBase - 1) }, () => unit.u8());
  const fileName = version === 5 ? readTables(unit, sections) : readLists(unit);
  return { minLength, lineBase, lineRange, opcodeBase, lengths, fileName };
}

/** The folders and files of versions 2 to 4: both count from 1, and folder 0 is the compiler's. */
function readLists(unit: DwarfReader): Header['fileName'] {
  const folders = [''];
  for (let name = unit.string(); name !== ''; name = unit.string()) folders.push(name);
  const files: [name: string, folder: number][] = [['', 0]];
  for (let name = unit.string(); name !== ''; name = unit.string()) {
    files.push([name, unit.u32()]);
    unit.u64();
    unit.u64();
  }
  return naming(folders, files);
}

/** Those of version 5, which say themselves how they are written. */
function readTables(unit: DwarfReader, sections: Sections): Header['fileName'] {
  const folders = readTable(unit, sections).map(([name]) => name);
  return naming(folders, readTable(unit, sections));
}

function readTable(unit: DwarfReader, sections: Sections): [name: string, folder: number][] {
  const format = Array.from({ length: unit.u8() }, () => [unit.u32(), unit.u32()] as const);
  const count = unit.u32();
  if (count > MOST_ENTRIES || (format.length === 0 && count > 0)) unit.fail('a table that is too long');
  const entries: [name: string, folder: number][] = [];
  for (let i = 0; i < count; i++) {
    let name = '';
    let folder = 0;
    for (const [content, form] of format) {
      const value = readForm(unit, form, sections);
      if (content === CONTENT.path) name = String(value);
      else if (content === CONTENT.directory) folder = Number(value);
    }
    entries.push([name, folder]);
  }
  return entries;
}

function readForm(unit: DwarfReader, form: number, sections: Sections): string | number {
  switch (form) {
    case FORM.string:
      return unit.string();
    case FORM.lineStrp:
      return stringAt(sections('.debug_line_str'), unit.word());
    case FORM.strp:
      return stringAt(sections('.debug_str'), unit.word());
    case FORM.udata:
      return unit.u64();
    case FORM.data1:
      return unit.u8();
    case FORM.data2:
      return unit.u16();
    case FORM.data4:
      return unit.word();
    case FORM.data8:
      unit.skip(8);
      return 0;
    case FORM.data16:
      unit.skip(16);
      return 0;
    case FORM.block:
      unit.skip(unit.u32());
      return 0;
    default:
      return unit.fail(`a form ${form} that no table has`);
  }
}

function stringAt(section: Uint8Array | undefined, offset: number): string {
  if (section === undefined || offset >= section.length) return '';
  return new DwarfReader(section, offset).string();
}

function naming(folders: readonly string[], files: readonly (readonly [string, number])[]): Header['fileName'] {
  return (index) => {
    const [name, folder] = files[index] ?? ['', 0];
    const path = folders[folder] ?? '';
    return path === '' || name.startsWith('/') ? name : `${path}/${name}`;
  };
}

/** Runs the program of a unit (section 6.2.5). */
function runProgram(unit: DwarfReader, header: Header, onRange: (from: Row, to: number) => void): void {
  const { minLength, lineBase, lineRange, opcodeBase, lengths } = header;
  const fresh = (): Row => ({ address: 0, file: 1, line: 1, column: 0 });
  let row = fresh();
  let last: Row | undefined;
  let isDead = false;
  const emit = (): void => {
    if (last !== undefined && !isDead && last.address < row.address) onRange(last, row.address);
    last = { ...row };
  };
  while (!unit.isAtEnd) {
    const opcode = unit.u8();
    if (opcode >= opcodeBase) {
      const adjusted = opcode - opcodeBase;
      row.address += Math.floor(adjusted / lineRange) * minLength;
      row.line += lineBase + (adjusted % lineRange);
      emit();
      continue;
    }
    switch (opcode) {
      case OP.extended: {
        const next = unit.u32() + unit.pos;
        const kind = unit.u8();
        if (kind === EXTENDED.endSequence) {
          emit();
          row = fresh();
          last = undefined;
          isDead = false;
        } else if (kind === EXTENDED.setAddress) {
          row.address = unit.word();
          // What the linker has left out stands at 0, or at the end.
          isDead = row.address === 0 || row.address >= 0xffff_fffe;
        }
        unit.pos = next;
        break;
      }
      case OP.copy:
        emit();
        break;
      case OP.advancePc:
        row.address += unit.u32() * minLength;
        break;
      case OP.advanceLine:
        row.line += unit.signed();
        break;
      case OP.setFile:
        row.file = unit.u32();
        break;
      case OP.setColumn:
        row.column = unit.u32();
        break;
      case OP.constAddPc:
        row.address += Math.floor((255 - opcodeBase) / lineRange) * minLength;
        break;
      case OP.fixedAdvancePc:
        row.address += unit.u16();
        break;
      default:
        for (let operands = lengths[opcode - 1] ?? 0; operands > 0; operands--) unit.u64();
    }
  }
}

function firstFrom(addresses: readonly number[], from: number): number {
  let low = 0;
  let high = addresses.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((addresses[middle] as number) < from) low = middle + 1;
    else high = middle;
  }
  return low;
}
