/** What a policy says to a request: a pure function, so that policies can be tested without a guest. */

import { Part } from '../wasm/part.ts';
import type { Capability } from './capability.ts';
import { normalPath } from './normal-path.ts';
import type { StreamName } from './stdio.ts';

/** A request to a URL, or to any at all; with a method, and over an address that the URL's host resolved to. */
export interface NetworkRequest {
  readonly kind: 'network';
  readonly url?: string | undefined;
  /** In capitals. */
  readonly method?: string | undefined;
  /** Of version 4 or 6, as text. */
  readonly address?: string | undefined;
}

/** What a guest asks for, in the terms that policies decide in. */
export type PolicyRequest =
  /** The program's arguments, which the embedder passes for the guest to read. */
  | { readonly kind: 'arguments' }
  /** Ending, yielding: what concerns the guest alone. */
  | { readonly kind: 'process' }
  /** An operation on a descriptor, which either is open and carries its own rights, or is not. */
  | { readonly kind: 'descriptor'; readonly descriptor: number }
  | { readonly kind: 'stdio'; readonly stream: StreamName }
  | { readonly kind: 'clock' }
  | { readonly kind: 'random' }
  /** One variable, or the environment as a whole. */
  | { readonly kind: 'environment'; readonly variable?: string | undefined }
  /** A path as the guest sees it, or any path at all; read access unless given. */
  | { readonly kind: 'filesystem'; readonly path?: string | undefined; readonly access?: 'read' | 'write' | undefined }
  | NetworkRequest
  | { readonly kind: 'hostFunction'; readonly module: string; readonly name: string }
  /** Something the embedder named; without `value`, whether any of it is granted. */
  | { readonly kind: 'custom'; readonly name: string; readonly value?: string | undefined };

/** Allowed or not, why, and by which rule: `kind#index` of the capability in the policy, or `default`. */
export interface Decision {
  readonly allowed: boolean;
  /** For people. */
  readonly reason: string;
  /** For programs. */
  readonly rule: string;
}

/** Of a policy, what decisions depend on. */
export interface Grants {
  readonly capabilities: readonly Capability[];
}

interface NetworkDecisions {
  readonly decideNetwork: (capabilities: readonly Capability[], request: NetworkRequest) => Decision;
}

/** What grants of networks decide: whoever makes one provides it, and nobody else needs it. */
export const networking = new Part<NetworkDecisions>('decisions on networks');

const byDefault = (reason: string): Decision => ({ allowed: true, reason, rule: 'default' });
export const denied = (reason: string): Decision => ({ allowed: false, reason, rule: 'default' });

/**
 * Decides a request.
 *
 * Network and file requests are decided by their text alone; whoever carries them out decides again where text is not
 * all: for every redirect, for the addresses a name resolves to, for symbolic links.
 */
export function decide(policy: Grants, request: PolicyRequest): Decision {
  const { capabilities } = policy;
  switch (request.kind) {
    case 'arguments':
      return byDefault('arguments are what the embedder passes');
    case 'process':
      return byDefault('it concerns the guest alone');
    case 'descriptor':
      return byDefault('a descriptor carries its own rights');
    case 'stdio': {
      const { stream } = request;
      const rest = stream === 'stdin' ? 'empty' : 'captured';
      return grant(capabilities, 'stdio', (stdio) => stdio[stream] !== undefined) ?? byDefault(`${stream} is ${rest}`);
    }
    case 'clock':
      return grant(capabilities, 'clock', () => true) ?? byDefault('the virtual clock tells nothing of the host');
    case 'random':
      return grant(capabilities, 'random', () => true) ?? byDefault('seeded bytes tell nothing of the host');
    case 'environment':
      return decideEnvironment(capabilities, request.variable);
    case 'filesystem':
      return decideFilesystem(capabilities, request.path, request.access ?? 'read');
    case 'network':
      if (!has(capabilities, 'network')) return denied('the policy grants no network');
      return networking.now.decideNetwork(capabilities, request);
    case 'custom': {
      const { name, value } = request;
      const found = grant(
        capabilities,
        'custom',
        (granted) =>
          granted.name === name &&
          (value === undefined || granted.values.length === 0 || granted.values.includes(value)),
      );
      return found ?? denied('the policy grants nothing of the kind under that name');
    }
    case 'hostFunction': {
      const { module, name } = request;
      const found = grant(
        capabilities,
        'hostFunctions',
        (granted) => granted.module === module && granted.functions.some((candidate) => candidate.name === name),
      );
      return found ?? denied('the policy grants no host function of that name');
    }
  }
}

type Kind = Capability['kind'];
type OfKind<K extends Kind> = Extract<Capability, { kind: K }>;

/** The last capability of a kind that covers the request, as a decision. Last, as that is the one in force. */
export function grant<K extends Kind>(
  capabilities: readonly Capability[],
  kind: K,
  covers: (capability: OfKind<K>) => boolean,
): Decision | undefined {
  for (let index = capabilities.length - 1; index >= 0; index--) {
    const capability = capabilities[index] as Capability;
    if (capability.kind === kind && covers(capability as OfKind<K>)) {
      return { allowed: true, reason: `granted by ${kind}#${index}`, rule: `${kind}#${index}` };
    }
  }
  return undefined;
}

const has = (capabilities: readonly Capability[], kind: Kind) => capabilities.some((other) => other.kind === kind);

function decideEnvironment(capabilities: readonly Capability[], variable: string | undefined): Decision {
  const found = grant(
    capabilities,
    'environment',
    ({ names, values }) =>
      variable === undefined ||
      names === 'all' ||
      names.includes(variable) ||
      values.some(([candidate]) => candidate === variable),
  );
  if (found !== undefined) return found;
  return denied(
    has(capabilities, 'environment')
      ? 'the policy does not grant this environment variable'
      : 'the policy grants no environment',
  );
}

function decideFilesystem(
  capabilities: readonly Capability[],
  path: string | undefined,
  access: 'read' | 'write',
): Decision {
  if (!has(capabilities, 'filesystem')) return denied('the policy grants no files');
  const normal = path === undefined ? undefined : normalPath(path);
  if (path !== undefined && (normal === undefined || path.includes('\0'))) return denied('the path leads out');
  const isBelow = (guest: string) =>
    normal === undefined || guest === '/' || normal === guest || normal.startsWith(`${guest}/`);
  const found = grant(
    capabilities,
    'filesystem',
    ({ mounts, readOnly }) => (access === 'read' || !readOnly) && mounts.some(({ guest }) => isBelow(guest)),
  );
  return found ?? denied(`the policy does not grant ${access === 'read' ? 'reading' : 'writing'} there`);
}
