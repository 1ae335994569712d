/** What was taken of a sandbox's life, as bytes, and back. */

import { savedBytes } from '../../policy/room.ts';
import type { Policy } from '../../policy/sandboxed.ts';
import type { InstanceLimits } from '../../wasm/engine.ts';
import { SnapshotError } from '../../wasm/errors.ts';
import type { ModuleGraph } from '../../wasm/module-graph.ts';
import { sha256 } from '../../wasm/sha256.ts';
import { encodeUtf8 } from '../../wasm/utf8.ts';
import { MiB } from '../checks/sizes.ts';
import { moduleDigest } from '../crypto/digest.ts';
import type { Authenticator } from '../crypto/key.ts';
import { pack, unpack } from './container.ts';
import { type Contents, readContents, type Taken, writeContents } from './contents.ts';

export { leavingEngine } from '../engines/resuming.ts';
export { pack };

/** What bounds the state of a guest. */
interface Settings {
  readonly limits: InstanceLimits;
  readonly policy: Policy;
}

/** For what is in every snapshot, and for strings of the host's that the guest holds. */
const REST = 4 * MiB;

/**
 * Bytes that the contents of a snapshot may have: of memory up to its limit, elements of tables and objects, which take
 * less than twice what they count for; of the stack the same; of each byte of the modules, which declare globals and
 * segments, up to 8; and what the policy allows.
 */
function mostBytes({ modules }: ModuleGraph, { limits, policy }: Settings): number {
  const bytes = modules.reduce((sum, { module }) => sum + module.bytes.length, 0);
  return 2 * (limits.memoryBytes + limits.stackBytes) + 8 * bytes + savedBytes(policy) + REST;
}

/** @throws SnapshotError; UsageError for a key that may not sign */
export async function packSnapshot(
  taken: Taken,
  graph: ModuleGraph,
  settings: Settings,
  { compress, key }: { readonly compress: boolean; readonly key?: Authenticator | undefined },
): Promise<Uint8Array<ArrayBuffer>> {
  const contents = writeContents({ ...taken, moduleDigest: await graphDigest(graph) });
  const most = mostBytes(graph, settings);
  if (contents.length > most) {
    throw new SnapshotError(
      `the snapshot would have ${contents.length} bytes, and ${most} can be restored under these limits: the guest holds too many of the host's strings`,
    );
  }
  return pack(contents, compress, { kind: 'snapshot', key });
}

/** SHA-256 of the module, in 64 hexadecimal digits; of several, over their names and those of each. */
async function graphDigest({ modules, guest, isLinked }: ModuleGraph): Promise<string> {
  if (!isLinked) return moduleDigest(guest);
  const parts: string[] = [];
  for (const { name, module } of modules) parts.push(JSON.stringify(name), await moduleDigest(module));
  return sha256(encodeUtf8(parts.join(' ')));
}

/**
 * @param bytes the caller's own: they are changed, and kept
 * @throws SnapshotError
 */
export async function readSnapshot(
  bytes: Uint8Array<ArrayBuffer>,
  graph: ModuleGraph,
  settings: Settings,
  key: Authenticator | undefined,
): Promise<Contents> {
  const maxBytes = mostBytes(graph, settings);
  const contents = readContents(await unpack(bytes, { kind: 'snapshot', key, maxBytes }));
  const digest = await graphDigest(graph);
  if (contents.moduleDigest !== digest) {
    throw new SnapshotError(
      `the snapshot is of another module: its SHA-256 begins ${contents.moduleDigest.slice(0, 12)}, that of the source ${digest.slice(0, 12)}`,
    );
  }
  return contents;
}
