// For scripts that a JavaScript interpreter runs as the guest, which has the language alone: UTF-8, and .npy files.
// docs/guests.md is the guide.

/** A text as UTF-8. Half of a surrogate pair becomes U+FFFD. */
function toUtf8(text) {
  const escaped = encodeURIComponent(text.toWellFormed());
  return Uint8Array.from(escaped.match(/%..|[^%]/g) ?? [], (one) =>
    one.length === 3 ? Number.parseInt(one.slice(1), 16) : one.charCodeAt(0),
  );
}

/** The text that these bytes are; undefined where they are no UTF-8. */
function fromUtf8(bytes) {
  try {
    return decodeURIComponent(Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''));
  } catch {
    return undefined;
  }
}

/**
 * The .npy file (docs/values.md) that begins at an offset, as `{ type, shape, data, end }`: the kind of elements and their
 * bytes, as "f8"; where the elements are, row by row, as a DataView; where the file ends. Undefined where it is none that this reads:
 * of version 1, little-endian, row by row, with elements of 1 to 8 bytes and up to 8 dimensions below 1,000,000,000.
 */
function readNpy(bytes, offset = 0) {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, bytes.length - offset);
  const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1];
  if (view.byteLength < 10 || magic.some((byte, i) => view.getUint8(i) !== byte)) return undefined;
  const start = 10 + view.getUint16(8, true);
  if (start > view.byteLength) return undefined;
  let head = '';
  for (let i = 10; i < start; i++) head += String.fromCharCode(view.getUint8(i));

  const behind = (wanted) => (head.includes(wanted) ? head.slice(head.indexOf(wanted) + wanted.length) : '');
  const [, type] = /^[<|]([A-Za-z][1-8])'/.exec(behind("'descr': '")) ?? [];
  const [, tuple] = /^([^)]*)\)/.exec(behind("'shape': (")) ?? [];
  if (type === undefined || tuple === undefined || behind("'fortran_order': False") === '') return undefined;
  const lengths = tuple.replaceAll(', ', ',').split(',');
  if (lengths.at(-1) === '') lengths.pop();
  if (lengths.length > 8 || !lengths.every((length) => /^\d{1,9}$/.test(length))) return undefined;
  const shape = lengths.map(Number);
  const size = shape.reduce((all, length) => all * length, Number(type[1]));
  if (size > view.byteLength - start) return undefined;
  const data = new DataView(view.buffer, view.byteOffset + start, size);
  return { type, shape, data, end: offset + start + size };
}

/** A file of float64. */
function writeNpy(shape, elements) {
  const tuple = shape.join(', ') + (shape.length === 1 ? ',' : '');
  const head = `{'descr': '<f8', 'fortran_order': False, 'shape': (${tuple}), }`;
  const padded = `${head.padEnd(((10 + head.length) | 63) - 10)}\n`;
  const start = 10 + padded.length;
  const file = new Uint8Array(start + 8 * elements.length);
  file.set(Array.from(`\x93NUMPY\x01\0\0\0${padded}`, (one) => one.charCodeAt(0)));
  const view = new DataView(file.buffer);
  view.setUint16(8, padded.length, true);
  elements.forEach((element, i) => view.setFloat64(start + 8 * i, element, true));
  return file;
}
