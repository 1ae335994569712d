/** Hosts as people write them on a command line. */

import { Capability } from '../../../policy/index.ts';
import { UsageError } from '../../../wasm/errors.ts';
import { quote } from '../../../wasm/quote.ts';

const PORT = /^(.*[^:]|\[.*\]):(\d{1,5})$/;
const WEB_PORTS = [80, 443];

/**
 * Grants of `host`, `host:port` and lists of them with commas: with or without HTTPS, on that port, or on 80 and 443.
 * Addresses of version 6 with a port are in brackets.
 * @throws UsageError
 */
export function parseHosts(text: string): Capability[] {
  return text.split(',').map((item) => {
    const [, before, digits] = PORT.exec(item) ?? [];
    // With a colon before it, an address of version 6 without brackets ends in digits, and not in a port.
    const isPort = before !== undefined && (before.startsWith('[') || !before.includes(':'));
    const host = isPort ? before : item;
    const port = isPort ? Number(digits) : undefined;
    if (host === '' || (port !== undefined && (port < 1 || port > 65_535))) {
      throw new UsageError(`${quote(item)} is not a host, or a host and a port`);
    }
    return Capability.networkAccess([host], {
      requireHttps: false,
      allowedPorts: port === undefined ? WEB_PORTS : [port],
    });
  });
}
