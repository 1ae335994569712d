/** What a policy says to a request: a pure function, so that policies can be tested without a guest. */

import type { Capability, NetworkCapability } from './capability.ts';
import { normalPath } from './capability.ts';
import { coversHost, isLocalhost, isPrivateName, normalHost } from './hostname.ts';
import { addressKind, normalAddress } from './net/address.ts';
import { coversPort } from './net/ports.ts';
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

const byDefault = (reason: string): Decision => ({ allowed: true, reason, rule: 'default' });
const denied = (reason: string): Decision => ({ allowed: false, reason, rule: 'default' });

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
      return decideNetwork(capabilities, request);
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
function grant<K extends Kind>(
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

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

function decideNetwork(capabilities: readonly Capability[], { url: text, method, address }: NetworkRequest): Decision {
  if (!has(capabilities, 'network')) return denied('the policy grants no network');
  if (text === undefined) return grant(capabilities, 'network', () => true) as Decision;
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return denied('the text is not a URL');
  }
  const defaultPort = Object.hasOwn(DEFAULT_PORTS, url.protocol) ? DEFAULT_PORTS[url.protocol] : undefined;
  if (defaultPort === undefined) return denied('the policy grants http and https only');
  if (url.username !== '' || url.password !== '') return denied('the URL holds a user name or password');
  const host = normalHost(url.hostname);
  if (host === undefined) return denied('the URL names no host');
  const port = url.port === '' ? defaultPort : Number(url.port);
  const scheme = url.protocol.slice(0, -1);
  const tests: readonly (readonly [reason: string, covers: (network: NetworkCapability) => boolean])[] = [
    ['the policy does not grant this host', ({ hosts }) => hosts.some((pattern) => coversHost(pattern, host))],
    [
      `the policy does not grant ${scheme} on port ${port} of this host`,
      ({ requireHttps, allowedPorts }) =>
        (!requireHttps || url.protocol === 'https:') && coversPort(allowedPorts, port),
    ],
    [
      'the policy does not grant this method',
      ({ allowedMethods }) => method === undefined || allowedMethods.includes(method),
    ],
    [
      `the host leads to an address that is not granted (${address === undefined ? '' : addressKind(address)})`,
      ({ hosts }) => address === undefined || coversAddress(hosts, host, address),
    ],
  ];
  // All tests must be passed by one and the same grant; the reason is the first that none of those left passes.
  let left: readonly NetworkCapability[] = capabilities.filter((capability) => capability.kind === 'network');
  for (const [reason, covers] of tests) {
    left = left.filter(covers);
    if (left.length === 0) return denied(reason);
  }
  return grant(capabilities, 'network', (network) => left.includes(network)) as Decision;
}

/** Whether a host that a grant covers may be reached at an address it resolved to. */
function coversAddress(hosts: readonly string[], host: string, address: string): boolean {
  const normal = normalAddress(address);
  if (normal === undefined) return false;
  // An address in place of a name is covered by nothing but its being named.
  if (hosts.includes(normal)) return true;
  const kind = addressKind(normal);
  if (kind === 'loopback') return isLocalhost(host);
  return kind === 'public' || (kind === 'private' && isPrivateName(host) && !isLocalhost(host));
}
