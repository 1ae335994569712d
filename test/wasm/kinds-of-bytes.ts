/** The same bytes as every kind of value that holds bytes, for tests of the places where bytes come in. */

import { createContext, runInContext } from 'node:vm';

export interface KindOfBytes {
  readonly kind: string;
  /** A fresh value with these contents, and other bytes around them where the kind allows. */
  make(content: Uint8Array): Bytes;
}

type Bytes = ArrayBuffer | SharedArrayBuffer | ArrayBufferView;

/** What a Buffer's methods do to a Uint8Array's, and worse. */
class Sharing extends Uint8Array {
  static get [Symbol.species](): Uint8ArrayConstructor {
    return Array as unknown as Uint8ArrayConstructor;
  }

  override slice(start?: number, end?: number): Sharing & Uint8Array<ArrayBuffer> {
    return new Sharing(this.buffer, this.byteOffset + (start ?? 0), (end ?? this.length) - (start ?? 0)) as never;
  }

  override subarray(): never {
    throw new Error('subarray was called');
  }

  override get length(): number {
    return 0;
  }
}

const elsewhere = createContext({});
const foreign = runInContext(
  '({ ArrayBuffer, SharedArrayBuffer, Uint8Array, DataView })',
  elsewhere,
) as typeof globalThis;

type Realm = Pick<typeof globalThis, 'ArrayBuffer' | 'SharedArrayBuffer' | 'Uint8Array' | 'DataView'>;

const PADDING = 8;

function filled<T extends ArrayBufferLike>(buffer: T, content: Uint8Array, at: number): T {
  new Uint8Array(buffer, at).set(content);
  return buffer;
}

/** The content with other bytes before and after. */
function padded<T extends ArrayBufferLike>(maker: new (length: number) => T, content: Uint8Array): T {
  const buffer = new maker(content.length + 2 * PADDING);
  new Uint8Array(buffer).fill(0x2a);
  return filled(buffer, content, PADDING);
}

function ofRealm(name: string, realm: Realm): KindOfBytes[] {
  const whole = <T extends ArrayBufferLike>(maker: new (length: number) => T, content: Uint8Array) =>
    filled(new maker(content.length), content, 0);
  return [
    { kind: `${name} Uint8Array`, make: (content) => new realm.Uint8Array(whole(realm.ArrayBuffer, content)) },
    {
      kind: `${name} Uint8Array of a part`,
      make: (content) => new realm.Uint8Array(padded(realm.ArrayBuffer, content), PADDING, content.length),
    },
    {
      kind: `${name} Uint8Array of shared memory`,
      make: (content) => new realm.Uint8Array(padded(realm.SharedArrayBuffer, content), PADDING, content.length),
    },
    { kind: `${name} ArrayBuffer`, make: (content) => whole(realm.ArrayBuffer, content) },
    { kind: `${name} SharedArrayBuffer`, make: (content) => whole(realm.SharedArrayBuffer, content) },
    {
      kind: `${name} DataView of a part`,
      make: (content) => new realm.DataView(padded(realm.ArrayBuffer, content), PADDING, content.length),
    },
    {
      kind: `${name} DataView of shared memory`,
      make: (content) => new realm.DataView(padded(realm.SharedArrayBuffer, content), PADDING, content.length),
    },
  ];
}

interface Resizable {
  new (length: number, options: { maxByteLength: number }): ArrayBuffer;
}

/** Every kind. */
export const KINDS_OF_BYTES: readonly KindOfBytes[] = [
  ...ofRealm('a', globalThis),
  ...ofRealm('a foreign', foreign),
  { kind: 'a Buffer of the pool', make: (content) => Buffer.from(content) },
  { kind: 'a Buffer of its own memory', make: (content) => Buffer.alloc(content.length).fill(content) },
  {
    kind: 'a part of a Buffer',
    make: (content) => Buffer.concat([Buffer.alloc(3, 1), content, Buffer.alloc(3, 1)]).subarray(3, 3 + content.length),
  },
  {
    kind: 'a subclass that shares',
    make: (content) => new Sharing(padded(ArrayBuffer, content), PADDING, content.length),
  },
  {
    kind: 'a resizable ArrayBuffer',
    make: (content) =>
      filled(
        new (ArrayBuffer as unknown as Resizable)(content.length, { maxByteLength: content.length + PADDING }),
        content,
        0,
      ),
  },
  {
    kind: 'an Int8Array',
    make: (content) => new Int8Array(padded(ArrayBuffer, content), PADDING, content.length),
  },
];

/** The bytes that such a value has now, and those around them. */
export function everythingOf(value: Bytes): string {
  const buffer = ArrayBuffer.isView(value) ? value.buffer : value;
  const at = ArrayBuffer.isView(value) ? value.byteOffset : 0;
  const length = value.byteLength;
  // What else lies in the pool of Buffers changes as others use it.
  const around = buffer.byteLength > length + 2 * PADDING ? 0 : PADDING;
  const start = Math.max(0, at - around);
  return Buffer.from(buffer.slice(start, at + length + around) as ArrayBuffer).toString('hex');
}

/** Changes every byte that the value has. */
export function overwrite(value: Bytes): void {
  if (ArrayBuffer.isView(value)) new Uint8Array(value.buffer, value.byteOffset, value.byteLength).fill(0x58);
  else new Uint8Array(value).fill(0x58);
}
