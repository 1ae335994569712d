/**
 * WASI's numbers and structures, as `wasi_snapshot_preview1.witx` and `wasi_unstable.witx` have them; {@link ABI} is all in
 * which the two differ. Fields stand at multiples of their own size and structures end at a multiple of their largest
 * field's, so the order of fields is the layout.
 */

import { PREVIEW1, UNSTABLE } from './names.ts';

const SIZES = { u8: 1, u16: 2, u32: 4, u64: 8 } as const;
type FieldType = keyof typeof SIZES;
type Fields = Readonly<Record<string, FieldType>>;
type ValueOf<F extends Fields> = { readonly [K in keyof F]: F[K] extends 'u64' ? bigint : number };

/** A structure in the guest's memory, little-endian. */
export class Struct<F extends Fields> {
  /** In bytes, padding included. */
  readonly size: number;
  /** Where each field stands. */
  readonly offsets: { readonly [K in keyof F]: number };
  private readonly layout: readonly { readonly key: keyof F & string; readonly type: FieldType; readonly at: number }[];

  constructor(fields: F) {
    let end = 0;
    let alignment = 1;
    this.layout = Object.entries(fields).map(([key, type]) => {
      const size = SIZES[type];
      const at = alignUp(end, size);
      end = at + size;
      alignment = Math.max(alignment, size);
      return { key, type, at };
    });
    this.size = alignUp(end, alignment);
    this.offsets = Object.fromEntries(this.layout.map(({ key, at }) => [key, at])) as { [K in keyof F]: number };
  }

  /** Writes to the first {@link size} bytes; padding becomes 0. */
  write(bytes: Uint8Array, value: ValueOf<F>): void {
    const view = dataView(bytes, this.size);
    bytes.fill(0, 0, this.size);
    for (const { key, type, at } of this.layout) {
      const field = value[key] as number | bigint;
      if (type === 'u64') view.setBigUint64(at, field as bigint, true);
      else if (type === 'u32') view.setUint32(at, field as number, true);
      else if (type === 'u16') view.setUint16(at, field as number, true);
      else view.setUint8(at, field as number);
    }
  }

  read(bytes: Uint8Array): ValueOf<F> {
    const view = dataView(bytes, this.size);
    const value: Record<string, number | bigint> = {};
    for (const { key, type, at } of this.layout) {
      if (type === 'u64') value[key] = view.getBigUint64(at, true);
      else if (type === 'u32') value[key] = view.getUint32(at, true);
      else if (type === 'u16') value[key] = view.getUint16(at, true);
      else value[key] = view.getUint8(at);
    }
    return value as ValueOf<F>;
  }
}

function alignUp(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment;
}

function dataView(bytes: Uint8Array, size: number): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, size);
}

/** A single value that a call returns through a pointer. */
export const U32 = new Struct({ value: 'u32' });
export const U64 = new Struct({ value: 'u64' });

/** `iovec` and `ciovec`. */
export const IOVEC = new Struct({ pointer: 'u32', length: 'u32' });
/** What a preopened directory is; its name is asked for apart. */
export const PRESTAT = new Struct({ tag: 'u8', nameLength: 'u32' });
/** What stands before each name in a listing. */
export const DIRENT = new Struct({ next: 'u64', inode: 'u64', nameLength: 'u32', filetype: 'u8' });
export const FDSTAT = new Struct({ filetype: 'u8', flags: 'u16', rightsBase: 'u64', rightsInheriting: 'u64' });
const filestat = <L extends FieldType>(links: L) =>
  new Struct({
    device: 'u64',
    inode: 'u64',
    filetype: 'u8',
    links,
    size: 'u64',
    accessed: 'u64',
    modified: 'u64',
    changed: 'u64',
  });
export const FILESTAT = filestat('u64');
const UNSTABLE_FILESTAT = filestat('u32');

/** What a `subscription` begins with; what follows depends on the tag. */
export const SUBSCRIPTION_HEAD = new Struct({ userdata: 'u64', tag: 'u8' });
const CLOCK = { id: 'u32', timeout: 'u64', precision: 'u64', flags: 'u16' } as const;
export const EVENT = new Struct({ userdata: 'u64', error: 'u16', type: 'u8', bytes: 'u64', flags: 'u16' });

export const EVENT_TYPE = { clock: 0, read: 1, write: 2 } as const;
export const HANGUP = 1;
export const ABSOLUTE_TIME = 1;

/** Clock ids; the processor's and the thread's time are the guest's own, and run as the monotonic clock does. */
export const CLOCK_IDS = ['realtime', 'monotonic', 'monotonic', 'monotonic'] as const;

/** By kind of node, with 0 for unknown; and that of a character device, by which C libraries know a terminal. */
export const FILETYPE = { other: 0, terminal: 2, directory: 3, file: 4, link: 7 } as const;

/** `fdflags`. */
export const FLAGS = { append: 1, dsync: 2, nonblock: 4, rsync: 8, sync: 16 } as const;
export const ALL_FLAGS = 0b11111;
/** `lookupflags`: whether a symbolic link at the end of a path is followed. */
export const FOLLOW = 1;
/** `oflags`. */
export const OPEN = { create: 1, directory: 2, exclusive: 4, truncate: 8 } as const;
/** `fstflags`. */
export const SET_TIMES = { accessed: 1, accessedNow: 2, modified: 4, modifiedNow: 8 } as const;
export const HIGHEST_ADVICE = 5;

export const RIGHTS = {
  datasync: 1n << 0n,
  read: 1n << 1n,
  seek: 1n << 2n,
  setFlags: 1n << 3n,
  sync: 1n << 4n,
  tell: 1n << 5n,
  write: 1n << 6n,
  advise: 1n << 7n,
  allocate: 1n << 8n,
  createDirectory: 1n << 9n,
  createFile: 1n << 10n,
  linkSource: 1n << 11n,
  linkTarget: 1n << 12n,
  open: 1n << 13n,
  readdir: 1n << 14n,
  readlink: 1n << 15n,
  renameSource: 1n << 16n,
  renameTarget: 1n << 17n,
  pathFilestat: 1n << 18n,
  pathSetSize: 1n << 19n,
  pathSetTimes: 1n << 20n,
  filestat: 1n << 21n,
  setSize: 1n << 22n,
  setTimes: 1n << 23n,
  symlink: 1n << 24n,
  removeDirectory: 1n << 25n,
  unlinkFile: 1n << 26n,
  poll: 1n << 27n,
} as const;

/** What differs between the two modules by which guests import WASI. */
export interface Abi {
  /** What each value of `whence` stands for. */
  readonly whence: readonly ('set' | 'current' | 'end')[];
  readonly filestat: {
    readonly size: number;
    /** To the first {@link size} bytes. */
    readonly write: (bytes: Uint8Array, stat: Parameters<typeof FILESTAT.write>[1]) => void;
  };
  /** Whether there is `sock_accept`. */
  readonly accepts: boolean;
  /** What follows the head of a subscription to a clock. No other is longer, and all take as much. */
  readonly clock: { readonly size: number; readonly offsets: Readonly<Record<keyof typeof CLOCK, number>> };
}

export const ABI: Readonly<Record<typeof PREVIEW1 | typeof UNSTABLE, Abi>> = {
  [PREVIEW1]: { whence: ['set', 'current', 'end'], accepts: true, filestat: FILESTAT, clock: new Struct(CLOCK) },
  [UNSTABLE]: {
    whence: ['current', 'end', 'set'],
    accepts: false,
    filestat: {
      size: UNSTABLE_FILESTAT.size,
      write: (bytes, { links, ...stat }) =>
        UNSTABLE_FILESTAT.write(bytes, { ...stat, links: Math.min(Number(links), 0xffff_ffff) }),
    },
    clock: new Struct({ identifier: 'u64', ...CLOCK }),
  },
};

/** Highest position in a file that a guest can ask for. */
export const MAX_POSITION: bigint = (1n << 63n) - 1n;

const together = (...rights: readonly (keyof typeof RIGHTS)[]) =>
  rights.reduce((sum, right) => sum | RIGHTS[right], 0n);

const STREAM_RIGHTS = together('setFlags', 'filestat', 'poll', 'sync', 'datasync');

/**
 * All that make sense, by kind of descriptor. A stream has neither seek nor tell, by which C libraries know a
 * terminal: all streams look like one, whether captured or not, so that where output goes changes nothing in the
 * guest.
 */
export const ALL_RIGHTS = {
  input: STREAM_RIGHTS | RIGHTS.read,
  output: STREAM_RIGHTS | RIGHTS.write,
  file: together(
    ...(['datasync', 'read', 'seek', 'setFlags', 'sync', 'tell', 'write', 'advise', 'allocate'] as const),
    ...(['filestat', 'setSize', 'setTimes', 'poll'] as const),
  ),
  directory: together(
    ...(['setFlags', 'sync', 'datasync', 'createDirectory', 'createFile', 'linkSource', 'linkTarget'] as const),
    ...(['open', 'readdir', 'readlink', 'renameSource', 'renameTarget', 'pathFilestat', 'pathSetSize'] as const),
    ...(['pathSetTimes', 'filestat', 'setTimes', 'symlink', 'removeDirectory', 'unlinkFile'] as const),
  ),
} as const;
