/** What one guest's WASI calls share. */

import type { HostCallContext } from '../call.ts';
import type { Clock } from '../clock.ts';
import type { RandomSource } from '../random.ts';
import type { InputStream, OutputStream } from '../streams.ts';
import { RIGHTS } from './abi.ts';
import type { Errno } from './errno.ts';

/** Most `iovec`s or subscriptions in one call, as `IOV_MAX` on Linux. */
export const MAX_VECTORS = 1_024;

interface DescriptorState {
  /** The `fdflags` the guest set. A stream keeps them and behaves the same. */
  flags: number;
}

/** What a descriptor stands for. */
export type Descriptor = DescriptorState &
  (
    | { readonly kind: 'input'; readonly name: 'stdin'; readonly stream: InputStream }
    | { readonly kind: 'output'; readonly name: 'stdout' | 'stderr'; readonly stream: OutputStream }
  );

const STREAM_RIGHTS = RIGHTS.setFlags | RIGHTS.filestat | RIGHTS.poll | RIGHTS.sync | RIGHTS.datasync;

/**
 * Of a descriptor, as `fdstat` tells it. A stream has neither seek nor tell, by which C libraries know a terminal:
 * all streams look like one, whether captured or not, so that where output goes changes nothing in the guest.
 */
export function rightsOf(descriptor: Descriptor): bigint {
  return STREAM_RIGHTS | (descriptor.kind === 'input' ? RIGHTS.read : RIGHTS.write);
}

export interface WasiSources {
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly clock: Clock;
  readonly random: RandomSource;
  /** With their final NUL. */
  readonly args: readonly Uint8Array[];
  /** `NAME=value`, with their final NUL. */
  readonly environment: readonly Uint8Array[];
}

export class WasiState {
  readonly sources: WasiSources;
  /** Open descriptors. Numbers are unsigned. */
  readonly descriptors = new Map<number, Descriptor>();

  constructor(sources: WasiSources) {
    this.sources = sources;
    this.reset();
  }

  /** All as at the start. The sources are reset by whoever made them. */
  reset(): void {
    const { stdin, stdout, stderr } = this.sources;
    this.descriptors.clear();
    this.descriptors.set(0, { kind: 'input', name: 'stdin', stream: stdin, flags: 0 });
    this.descriptors.set(1, { kind: 'output', name: 'stdout', stream: stdout, flags: 0 });
    this.descriptors.set(2, { kind: 'output', name: 'stderr', stream: stderr, flags: 0 });
  }
}

/** What a call gives the guest: an error value, perhaps later. */
export type WasiResult = Errno | Promise<Errno>;

/** The body of a WASI call. Integers are unsigned; those of 64 bits are bigints. */
export type WasiHandler<A extends readonly (number | bigint)[]> = (
  state: WasiState,
  call: HostCallContext,
  ...args: A
) => WasiResult;
