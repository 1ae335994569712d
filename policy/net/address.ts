/**
 * What an internet address leads to, by the special-purpose registries of IANA (RFC 6890 and its successors). Anything
 * not known to be public is not public.
 */

/** `public`, or why it is not. `metadata` are addresses at which clouds serve credentials to their machines. */
export type AddressKind =
  | 'public'
  | 'loopback'
  | 'private'
  | 'link-local'
  | 'metadata'
  | 'shared'
  | 'multicast'
  | 'unspecified'
  | 'reserved';

type Range = readonly [address: string, bits: number, kind: AddressKind];

/** Of two that match, the first counts. */
const RANGES_4: readonly Range[] = [
  ['169.254.169.254', 32, 'metadata'],
  ['169.254.170.2', 32, 'metadata'],
  ['168.63.129.16', 32, 'metadata'],
  ['100.100.100.200', 32, 'metadata'],
  ['0.0.0.0', 32, 'unspecified'],
  ['0.0.0.0', 8, 'reserved'],
  ['10.0.0.0', 8, 'private'],
  ['100.64.0.0', 10, 'shared'],
  ['127.0.0.0', 8, 'loopback'],
  ['169.254.0.0', 16, 'link-local'],
  ['172.16.0.0', 12, 'private'],
  ['192.0.0.0', 24, 'reserved'],
  ['192.0.2.0', 24, 'reserved'],
  ['192.88.99.0', 24, 'reserved'],
  ['192.168.0.0', 16, 'private'],
  ['198.18.0.0', 15, 'reserved'],
  ['198.51.100.0', 24, 'reserved'],
  ['203.0.113.0', 24, 'reserved'],
  ['224.0.0.0', 4, 'multicast'],
  ['240.0.0.0', 4, 'reserved'],
];

const RANGES_6: readonly Range[] = [
  ['fd00:ec2::254', 128, 'metadata'],
  ['fd20:ce::254', 128, 'metadata'],
  ['::', 128, 'unspecified'],
  ['::1', 128, 'loopback'],
  ['fc00::', 7, 'private'],
  ['fe80::', 10, 'link-local'],
  ['fec0::', 10, 'private'],
  ['ff00::', 8, 'multicast'],
  ['2001::', 23, 'reserved'],
  ['2001:db8::', 32, 'reserved'],
  ['3fff::', 20, 'reserved'],
  ['2000::', 3, 'public'],
];

/** Prefixes after which an address of version 4 stands, and at which byte: mapped, NAT64, 6to4. */
const EMBEDDING: readonly (readonly [address: string, bits: number, at: number])[] = [
  ['::ffff:0:0', 96, 12],
  ['64:ff9b::', 96, 12],
  ['2002::', 16, 2],
];

/** The bytes of an address: 4, or 16; undefined for any other text, zones included. Brackets are taken off. */
export function parseAddress(text: string): Uint8Array | undefined {
  if (/^\d{1,3}(?:\.\d{1,3}){3}$/.test(text)) {
    const bytes = text.split('.').map(Number);
    return bytes.some((byte) => byte > 255) ? undefined : Uint8Array.from(bytes);
  }
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  return bare.length <= LONGEST_6 && bare.includes(':') && /^[\da-f:.]+$/i.test(bare) ? parse6(bare) : undefined;
}

/** Letters in the longest spelling of an address of version 6. */
const LONGEST_6 = 45;

/** The URL standard's parser knows every spelling, and gives one. */
function parse6(text: string): Uint8Array | undefined {
  let host: string;
  try {
    host = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  } catch {
    return undefined;
  }
  const [head = '', tail] = host.split('::');
  const words = (part: string) => (part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16)));
  const first = words(head);
  const last = tail === undefined ? [] : words(tail);
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  for (const [i, word] of first.entries()) view.setUint16(2 * i, word);
  for (const [i, word] of last.entries()) view.setUint16(16 - 2 * (last.length - i), word);
  return bytes;
}

function startsWith(bytes: Uint8Array, prefix: string, bits: number): boolean {
  const wanted = parseAddress(prefix) as Uint8Array;
  for (let at = 0; 8 * at < bits; at++) {
    const shift = Math.max(0, 8 - (bits - 8 * at));
    if ((bytes[at] as number) >> shift !== (wanted[at] as number) >> shift) return false;
  }
  return true;
}

/** The address that counts: that of version 4 where one of version 6 carries it. */
function effective(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 4) return bytes;
  const found = EMBEDDING.find(([prefix, bits]) => startsWith(bytes, prefix, bits));
  return found === undefined ? bytes : bytes.slice(found[2], found[2] + 4);
}

/** What an address leads to; `reserved` for what is no address. */
export function addressKind(text: string): AddressKind {
  const parsed = parseAddress(text);
  if (parsed === undefined) return 'reserved';
  const bytes = effective(parsed);
  const ranges = bytes.length === 4 ? RANGES_4 : RANGES_6;
  const found = ranges.find(([prefix, bits]) => startsWith(bytes, prefix, bits));
  return found?.[2] ?? (bytes.length === 4 ? 'public' : 'reserved');
}

/** The one spelling that grants use: the URL standard's, of the address that counts. Undefined for no address. */
export function normalAddress(text: string): string | undefined {
  const parsed = parseAddress(text);
  if (parsed === undefined) return undefined;
  const bytes = effective(parsed);
  if (bytes.length === 4) return bytes.join('.');
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  const words = Array.from({ length: 8 }, (_, i) => view.getUint16(2 * i).toString(16));
  return new URL(`http://[${words.join(':')}]/`).hostname;
}
