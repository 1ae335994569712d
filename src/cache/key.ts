/** What an entry is found by: everything that what is stored may depend on. */

import type { Capability } from '../../policy/index.ts';
import { GAS_VERSION } from '../../wasm/gas.ts';
import { sha256 } from '../../wasm/sha256.ts';
import { encodeUtf8 } from '../../wasm/utf8.ts';
import type { EngineSettings } from '../engines/ready.ts';
import type { ModuleBounds } from '../module/source.ts';

/** Of the keys, and of what stands behind them. */
export const CACHE_FORMAT = 1;

/**
 * SHA-256 over the module, the versions, the options that shape what is stored, and what the policy grants at which
 * price. Limits of an instance are not among them: they are kept while it runs.
 * @param moduleDigest SHA-256 of the module's bytes
 */
export function cacheKey(
  moduleDigest: string,
  settings: ModuleBounds & EngineSettings & { readonly isLinked?: boolean | undefined },
): string {
  const { engine, moduleLimit, policy, yieldEvery, isLinked } = settings;
  const { capabilities, onViolation } = policy;
  const grants = capabilities.map(describeCapability);
  const yields = yieldEvery !== undefined;
  const parts = { CACHE_FORMAT, GAS_VERSION, moduleDigest, engine, yields, moduleLimit, onViolation, grants };
  return sha256(encodeUtf8(canonical(isLinked === true ? { ...parts, isLinked } : parts)));
}

/** Names and numbers. Contents stay out: variables may be secret, files long, and neither changes what is stored. */
function describeCapability(capability: Capability): unknown {
  switch (capability.kind) {
    case 'stdio':
      return Object.fromEntries(Object.entries(capability).map(([name, value]) => [name, value !== undefined]));
    case 'environment':
      return { ...capability, values: capability.values.map(([name]) => name) };
    case 'filesystem':
      return {
        ...capability,
        mounts: capability.mounts.map((mount) =>
          'memory' in mount ? { guest: mount.guest, memory: mount.memory.map(([path]) => path) } : mount,
        ),
      };
    case 'hostFunctions':
      return {
        ...capability,
        functions: capability.functions.map(({ name, params, results }) => ({ name, params, results })),
      };
    default:
      return capability;
  }
}

/** One text for one value: keys in order, bigints told from numbers, nothing left out. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical((value as Record<string, unknown>)[key])}`).join()}}`;
}
