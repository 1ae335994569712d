/** What a policy says to a request to the network. */

import type { Capability, NetworkCapability } from '../capability.ts';
import { type Decision, denied, grant, type NetworkRequest } from '../decide.ts';
import { coversHost, isLocalhost, isPrivateName, normalHost } from '../hostname.ts';
import { addressKind, normalAddress } from './address.ts';
import { coversPort } from './ports.ts';

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/** Decides a request of a policy that has grants of networks. */
export function decideNetwork(
  capabilities: readonly Capability[],
  { url: text, method, address }: NetworkRequest,
): Decision {
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
