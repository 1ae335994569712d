// Plug-ins for wasm-sandbox in AssemblyScript: input, output, errors, and .npy files. docs/guests.md is the guide,
// docs/extism.md the reference of what is imported.

@external("extism:host/env", "alloc")
declare function alloc(length: u64): u64;
@external("extism:host/env", "store_u8")
declare function storeByte(address: u64, byte: u32): void;
@external("extism:host/env", "store_u64")
declare function storeWord(address: u64, word: u64): void;
@external("extism:host/env", "error_set")
declare function setError(address: u64): void;
@external("extism:host/env", "input_length")
declare function inputLength(): u64;
@external("wasm_sandbox_plugin", "input_read")
declare function inputRead(offset: usize, to: usize, room: usize): i32;
@external("wasm_sandbox_plugin", "output_write")
declare function outputWrite(bytes: usize, length: usize): i32;

/** The input. */
export function input(): Uint8Array {
  const bytes = new Uint8Array(<i32>inputLength());
  inputRead(0, bytes.dataStart, bytes.length);
  return bytes;
}

/** Makes a copy of these bytes the output. Gives 0: the status for the function to end with. */
export function output(bytes: Uint8Array): i32 {
  return outputWrite(bytes.dataStart, bytes.length) == 0 ? 0 : fail("the output has no room");
}

/** The same with a text. */
export function outputText(text: string): i32 {
  return output(toUtf8(text));
}

/** Makes this the error of the call. Gives 1: the status for the function to end with. */
export function fail(message: string): i32 {
  const bytes = toUtf8(message);
  const address = alloc(bytes.length);
  if (address != 0) {
    let at = 0;
    for (; at + 8 <= bytes.length; at += 8) storeWord(address + at, load<u64>(bytes.dataStart + at));
    for (; at < bytes.length; at++) storeByte(address + at, bytes[at]);
  }
  setError(address);
  return 1;
}

/** A text as UTF-8. Half of a surrogate pair becomes U+FFFD. */
export function toUtf8(text: string): Uint8Array {
  return Uint8Array.wrap(String.UTF8.encode(text, false, String.UTF8.ErrorMode.REPLACE));
}

/** The text that these bytes are; null where they are no UTF-8. */
export function fromUtf8(bytes: Uint8Array): string | null {
  const text = String.UTF8.decodeUnsafe(bytes.dataStart, bytes.length);
  // What was no UTF-8 became something else, which has other bytes.
  const again = toUtf8(text);
  if (again.length != bytes.length || memory.compare(again.dataStart, bytes.dataStart, bytes.length) != 0) return null;
  return text;
}

/** An array of several dimensions that is in a .npy file (docs/values.md). */
export class Npy {
  constructor(
    /** The kind of elements and their bytes, as "f8". */
    readonly type: string,
    readonly shape: i32[],
    /** The elements, row by row. */
    readonly data: Uint8Array,
    /** Where the file ends, and the next one begins. */
    readonly end: i32,
  ) {}
}

const MAGIC: StaticArray<u8> = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 0x01];

/**
 * The file that begins at an offset; null where it is none that this reads: of version 1, little-endian, row by row, with
 * elements of 1 to 8 bytes and up to 8 dimensions below 1,000,000,000.
 */
export function readNpy(bytes: Uint8Array, offset: i32 = 0): Npy | null {
  if (bytes.length - offset < 10) return null;
  for (let i = 0; i < MAGIC.length; i++) if (bytes[offset + i] != MAGIC[i]) return null;
  const start = offset + 10 + bytes[offset + 8] + 256 * <i32>bytes[offset + 9];
  if (start > bytes.length) return null;
  const units = new Uint16Array(start - offset - 10);
  for (let i = 0; i < units.length; i++) units[i] = bytes[offset + 10 + i];
  const head = String.UTF16.decode(units.buffer);

  const type = behind(head, "'descr': '");
  if (type.length < 4 || (type.charAt(0) != "<" && type.charAt(0) != "|") || type.charAt(3) != "'") return null;
  const letter = type.charCodeAt(1) | 0x20;
  const size = type.charCodeAt(2) - 0x30;
  if (letter < 0x61 || letter > 0x7a || size < 1 || size > 8) return null;
  if (behind(head, "'fortran_order': False") == "") return null;

  const tuple = behind(head, "'shape': (");
  const close = tuple.indexOf(")");
  if (close < 0 || close + 1 == tuple.length) return null;
  const lengths = tuple.substring(0, close).replaceAll(", ", ",").split(",");
  if (lengths[lengths.length - 1] == "") lengths.pop();
  if (lengths.length > 8) return null;
  const room = <u64>((bytes.length - start) / size);
  const shape: i32[] = [];
  let count: u64 = 1;
  for (let i = 0; i < lengths.length; i++) {
    const length = parseDigits(lengths[i], 9);
    if (length < 0) return null;
    shape.push(<i32>length);
    // Too many stay too many, unless there is a length of 0.
    count = length == 0 ? 0 : count > room / length ? room + 1 : count * length;
  }
  if (count > room) return null;
  const end = start + <i32>count * size;
  return new Npy(type.substring(1, 3), shape, bytes.subarray(start, end), end);
}

/** A file of float64. */
export function writeNpy(shape: i32[], elements: Float64Array): Uint8Array {
  let head = "{'descr': '<f8', 'fortran_order': False, 'shape': (" + shape.join(", ") + (shape.length == 1 ? ",), }" : "), }");
  head = head.padEnd(((10 + head.length) | 63) - 10) + "\n";
  const file = new Uint8Array(10 + head.length + elements.byteLength);
  for (let i = 0; i < MAGIC.length; i++) file[i] = MAGIC[i];
  file[8] = <u8>head.length;
  file[9] = <u8>(head.length >> 8);
  file.set(toUtf8(head), 10);
  memory.copy(file.dataStart + 10 + head.length, elements.dataStart, elements.byteLength);
  return file;
}

/** The number that 1 to `most` decimal digits are, of which 18 fit; -1 for any other text. */
export function parseDigits(text: string, most: i32): i64 {
  if (text.length < 1 || text.length > most) return -1;
  let number: i64 = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    number = 10 * number + digit;
  }
  return number;
}

function behind(text: string, wanted: string): string {
  const at = text.indexOf(wanted);
  return at < 0 ? "" : text.substring(at + wanted.length);
}
