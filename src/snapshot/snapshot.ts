/** Snapshots of a sandbox's life, as bytes. */

import type { EngineImage } from '../../wasm/engine.ts';
import { SnapshotError } from '../../wasm/errors.ts';
import type { WasmModule } from '../../wasm/types.ts';
import { type WireReader, WireWriter } from '../../wasm/wire.ts';
import { record, refuse } from '../check.ts';
import type { Settings } from '../options.ts';
import { MiB } from '../sizes.ts';
import { pack, unpack } from './container.ts';
import { type Contents, type LeftCall, readContents, writeContents } from './contents.ts';
import { moduleDigest } from './digest.ts';

export interface SnapshotOptions {
  /** Whether to compress it where the runtime can; true unless given. Runtimes differ in what they make of it. */
  readonly compress?: boolean | undefined;
}

/** What there may be in a snapshot beside the guest's memory. */
const ROOM = 256 * MiB;

/** What is taken of a life. */
interface Captured {
  capture(purpose: 'write'): {
    readonly guest: EngineImage | WireReader;
    readonly host: WireReader;
    readonly call: LeftCall | undefined;
    readonly functionCalls: number;
  };
}

/** @throws UsageError, SnapshotError */
export async function takeSnapshot(
  life: Captured,
  module: WasmModule,
  hasRun: boolean,
  options: SnapshotOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const { compress = true } = record('the options of a snapshot', options);
  if (typeof compress !== 'boolean') refuse('compress', 'true or false', compress);
  const state = life.capture('write');
  const guest = new WireWriter();
  if ('write' in state.guest) state.guest.write(guest);
  const { call, functionCalls } = state;
  const host = state.host.raw(state.host.left);
  // Nothing is waited for before this: the guest may go on behind it.
  const contents = writeContents({
    moduleDigest: await moduleDigest(module),
    functionCalls,
    hasRun,
    call,
    host,
    guest: guest.written,
  });
  return pack(contents, compress);
}

/**
 * @param bytes the caller's own: they are changed, and kept
 * @throws SnapshotError
 */
export async function readSnapshot(
  bytes: Uint8Array<ArrayBuffer>,
  module: WasmModule,
  { limits }: Settings,
): Promise<Contents> {
  const contents = readContents(await unpack(bytes, limits.memoryBytes + ROOM));
  const digest = await moduleDigest(module);
  if (contents.moduleDigest !== digest) {
    throw new SnapshotError(
      `the snapshot is of another module: its SHA-256 begins ${contents.moduleDigest.slice(0, 12)}, that of the source ${digest.slice(0, 12)}`,
    );
  }
  return contents;
}
