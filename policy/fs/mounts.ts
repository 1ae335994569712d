/** The file systems that a policy grants, and where the guest finds them. */

import { UsageError } from '../../wasm/errors.ts';
import { messageOf } from '../../wasm/quote.ts';
import type { FilesystemCapability, MemoryMount, Mount } from '../capability.ts';
import { show } from '../check.ts';
import { DEFAULT_FILE_LIMITS } from '../limits.ts';
import { type FileSystem, FsError } from './filesystem.ts';
import { MemoryFileSystem } from './memory.ts';
import type { FileLimits } from './quota.ts';

export interface MountOptions {
  readonly readOnly: boolean;
  readonly limits: FileLimits;
  /** Tells the file systems of one guest apart; a safe integer below 2³¹. */
  readonly device: number;
}

/** Opens a folder of the host's. Throws where it cannot. */
export type OpenFolder = (path: string, options: MountOptions) => FileSystem;

interface Mounted {
  readonly path: string;
  readonly fileSystem: FileSystem;
}

interface Grants {
  readonly capabilities: readonly { readonly kind: string }[];
}

function filesystems({ capabilities }: Grants): FilesystemCapability[] {
  return capabilities.filter((item): item is FilesystemCapability => item.kind === 'filesystem');
}

/**
 * In the order of the grants; of several with one guest path, the last.
 * @param now nanoseconds since 1970
 * @throws UsageError where a folder cannot be opened, or files in memory are beyond their limits
 */
export function openMounts(policy: Grants, now: () => bigint, openFolder: OpenFolder | undefined): Mounted[] {
  const granted = new Map<string, { readonly mount: Mount | MemoryMount; readonly capability: FilesystemCapability }>();
  for (const capability of filesystems(policy)) {
    for (const mount of capability.mounts) granted.set(mount.guest, { mount, capability });
  }
  return [...granted].map(([path, { mount, capability }], index) => {
    const { readOnly, maxBytes, maxFiles } = capability;
    const options = { readOnly, limits: { maxBytes, maxFiles }, device: index + 1 };
    return {
      path,
      fileSystem: 'memory' in mount ? inMemory(mount, options, now) : inFolder(mount, options, openFolder),
    };
  });
}

function inMemory({ memory }: MemoryMount, options: MountOptions, now: () => bigint): FileSystem {
  try {
    return new MemoryFileSystem(memory, { ...options, device: BigInt(options.device) << 32n, time: now });
  } catch (cause) {
    if (!(cause instanceof FsError)) throw cause;
    throw new UsageError(`the files in memory cannot be made: ${cause.refusal?.reason ?? 'two have one path'}`, {
      cause,
    });
  }
}

function inFolder({ host }: Mount, options: MountOptions, openFolder: OpenFolder | undefined): FileSystem {
  if (openFolder === undefined) {
    throw new UsageError(
      `the policy grants the folder ${show(host)}, but this runtime has no folders: grant files in memory instead`,
    );
  }
  try {
    return openFolder(host, options);
  } catch (cause) {
    const why = cause instanceof FsError ? (REASONS[cause.code] ?? cause.code) : messageOf(cause);
    throw new UsageError(`cannot open the folder ${show(host)} that the policy grants: ${why}`, { cause });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  noent: 'there is none',
  notdir: 'it is no folder',
  acces: 'permission denied',
  perm: 'permission denied',
};

export function maxDescriptorsOf(policy: Grants): number {
  return filesystems(policy).at(-1)?.maxDescriptors ?? DEFAULT_FILE_LIMITS.maxDescriptors;
}

export function filesOf(mounted: readonly Mounted[]): ReadonlyMap<string, Uint8Array> {
  const all = new Map<string, Uint8Array>();
  for (const { path, fileSystem } of mounted) {
    const prefix = path === '/' ? path : `${path}/`;
    for (const [name, bytes] of fileSystem.files() ?? []) all.set(`${prefix}${name}`, bytes);
  }
  return all;
}
