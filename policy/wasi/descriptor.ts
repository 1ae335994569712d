/** What descriptors stand for. */

import type { Directory, File, FileSystem } from '../fs/filesystem.ts';
import type { InputStream, OutputStream } from '../streams.ts';
import type { Listing } from './listing.ts';

/** Rights only ever shrink. */
interface DescriptorState {
  /** The `fdflags` the guest set. A stream keeps them and behaves the same. */
  flags: number;
  rights: bigint;
  /** Of what is opened below a directory. */
  inheriting: bigint;
}

interface Opened {
  /** Where it was opened, as the guest would write it; for the record alone. */
  readonly path: string;
}

export type FileDescriptor = DescriptorState &
  Opened & { readonly kind: 'file'; readonly file: File; position: bigint };

export type DirectoryDescriptor = DescriptorState &
  Opened & {
    readonly kind: 'directory';
    readonly directory: Directory;
    /** The name, in UTF-8, of a directory that was open from the start. */
    readonly preopen: Uint8Array | undefined;
    listing: Listing | undefined;
  };

/** What a descriptor stands for. */
export type Descriptor =
  | (DescriptorState & { readonly kind: 'input'; readonly name: 'stdin'; readonly stream: InputStream })
  | (DescriptorState & { readonly kind: 'output'; readonly name: 'stdout' | 'stderr'; readonly stream: OutputStream })
  | FileDescriptor
  | DirectoryDescriptor;

/** A directory that is open from the start. */
export interface Preopen {
  /** Absolute, as the guest sees it. */
  readonly path: string;
  readonly fileSystem: FileSystem;
}
