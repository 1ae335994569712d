/** Snapshots of a sandbox's life, as bytes. */

import type { SecurityPolicy } from '../../policy/index.ts';
import { savedBytes } from '../../policy/room.ts';
import type { EngineImage, InstanceLimits } from '../../wasm/engine.ts';
import { SnapshotError } from '../../wasm/errors.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { type WireReader, WireWriter } from '../../wasm/wire.ts';
import { refuse } from '../checks/check.ts';
import { type Checks, checkNamed } from '../checks/named.ts';
import { MiB } from '../checks/sizes.ts';
import { moduleDigest } from '../crypto/digest.ts';
import { Authenticator, type Key } from '../crypto/key.ts';
import { pack, unpack } from './container.ts';
import { type Contents, type LeftCall, readContents, writeContents } from './contents.ts';

/** How a snapshot is written. */
export interface SnapshotOptions {
  /** Whether to compress it where the runtime can; true unless given. Runtimes differ in what they make of it. */
  readonly compress?: boolean | undefined;
  /** Authenticates the snapshot: it is then restored with the same key alone. Without one anybody can make snapshots. */
  readonly key?: Key | undefined;
}

interface Checked {
  readonly compress?: boolean | undefined;
  readonly key?: Authenticator | undefined;
}

const CHECKS: Checks<Checked> = {
  compress: (value) => (typeof value === 'boolean' ? value : refuse('compress', 'true or false', value)),
  key: Authenticator.of,
};

/** What bounds the state of a guest. */
interface Settings {
  readonly limits: InstanceLimits;
  readonly policy: SecurityPolicy;
}

/** For what is in every snapshot, and for strings of the host's that the guest holds. */
const REST = 4 * MiB;

/**
 * Bytes that the contents of a snapshot may have: of memory up to its limit, elements of tables and objects, which take
 * less than twice what they count for; of the stack the same; of each byte of the module, which declares globals and
 * segments, up to 8; and what the policy allows.
 */
function mostBytes(module: WasmModule, { limits, policy }: Settings): number {
  return 2 * (limits.memoryBytes + limits.stackBytes) + 8 * module.bytes.length + savedBytes(policy) + REST;
}

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
  settings: Settings,
  hasRun: boolean,
  options: SnapshotOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const { compress = true, key } = checkNamed<Checked>('a snapshot', options, CHECKS);
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
  const most = mostBytes(module, settings);
  if (contents.length > most) {
    throw new SnapshotError(
      `the snapshot would have ${contents.length} bytes, and ${most} can be restored under these limits: the guest holds too many of the host's strings`,
    );
  }
  return pack(contents, compress, { kind: 'snapshot', key });
}

/**
 * @param bytes the caller's own: they are changed, and kept
 * @throws SnapshotError
 */
export async function readSnapshot(
  bytes: Uint8Array<ArrayBuffer>,
  module: WasmModule,
  settings: Settings,
  key: Authenticator | undefined,
): Promise<Contents> {
  const maxBytes = mostBytes(module, settings);
  const contents = readContents(await unpack(bytes, { kind: 'snapshot', key, maxBytes }));
  const digest = await moduleDigest(module);
  if (contents.moduleDigest !== digest) {
    throw new SnapshotError(
      `the snapshot is of another module: its SHA-256 begins ${contents.moduleDigest.slice(0, 12)}, that of the source ${digest.slice(0, 12)}`,
    );
  }
  return contents;
}
