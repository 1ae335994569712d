/** A directory as it was when its listing began: as the guest gets it, entry after entry. */

import { decodeLossy, encodeUtf8 } from '../../wasm/utf8.ts';
import type { Entry, NodeKind } from '../fs/filesystem.ts';
import { DIRENT, FILETYPE } from './abi.ts';

const AT = DIRENT.offsets;

export class Listing {
  /** Of the directory that was listed; undefined where nobody can tell. */
  readonly version: string | undefined;
  private readonly bytes: Uint8Array;
  /** Where each entry begins, and where the last one ends. */
  private readonly offsets: Uint32Array;

  constructor(entries: readonly Entry[], version: string | undefined) {
    this.version = version;
    this.offsets = new Uint32Array(entries.length + 1);
    let end = 0;
    entries.forEach(({ name }, i) => {
      end += DIRENT.size + utf8Length(name);
      this.offsets[i + 1] = end;
    });
    this.bytes = new Uint8Array(end);
    const view = new DataView(this.bytes.buffer);
    entries.forEach(({ name, kind, inode }, i) => {
      const at = this.offsets[i] as number;
      const nameAt = at + DIRENT.size;
      view.setBigUint64(at + AT.next, BigInt(i + 1), true);
      view.setBigUint64(at + AT.inode, inode, true);
      view.setUint32(at + AT.nameLength, (this.offsets[i + 1] as number) - nameAt, true);
      view.setUint8(at + AT.filetype, FILETYPE[kind]);
      putUtf8(name, this.bytes, nameAt);
    });
  }

  /** Entries. */
  get length(): number {
    return this.offsets.length - 1;
  }

  /** At most so many bytes, from the entry that has so many before it on. The last entry may be cut off. */
  from(entry: number, most: number): Uint8Array {
    const start = this.offsets[Math.min(entry, this.length)] as number;
    return this.bytes.subarray(start, start + most);
  }

  *[Symbol.iterator](): Generator<Entry> {
    for (let i = 0; i < this.length; i++) {
      const bytes = this.bytes.subarray(this.offsets[i], this.offsets[i + 1]);
      const { inode, filetype } = DIRENT.read(bytes);
      yield { name: decodeLossy(bytes.subarray(DIRENT.size)), kind: KINDS[filetype] ?? 'other', inode };
    }
  }
}

const KINDS = Object.fromEntries(Object.entries(FILETYPE).map(([kind, type]) => [type, kind])) as Readonly<
  Partial<Record<number, NodeKind>>
>;

/** Most names are short and of one byte a character, which needs no encoder. */
function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

function utf8Length(text: string): number {
  return isAscii(text) ? text.length : encodeUtf8(text).length;
}

function putUtf8(text: string, bytes: Uint8Array, at: number): void {
  if (isAscii(text)) for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
  else bytes.set(encodeUtf8(text).subarray(0, bytes.length - at), at);
}
