/** Files in memory and a folder of the host's give a guest the same answers, whatever it does. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AnchorKind } from '../../../policy/fs/node/anchor.ts';
import { Capability, SecurityPolicy } from '../../../policy/index.ts';
import type { OPEN } from '../../../policy/wasi/abi.ts';
import { ALL, BELOW, FileGuest, folders, ROOT } from '../file-guest.ts';

/** One thing to do; gives what the guest saw of it. */
type Step = (guest: FileGuest) => unknown;

const component = fc.constantFrom('a', 'a', 'b', 'b', 'c', 'é', '.', '..');
const path = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('a', 'b', 'c', 'a/b', 'a/c', 'b/a') },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.array(component, { minLength: 1, maxLength: 4 }), fc.constantFrom('', '', '', '/', '//'))
      .map(([parts, ending]) => parts.join('/') + ending),
  },
);
const flags = fc.constantFrom<readonly (keyof typeof OPEN)[]>(
  [],
  ['create'],
  ['create'],
  ['directory'],
  ['truncate'],
  ['create', 'truncate'],
  ['create', 'exclusive'],
  ['create', 'directory'],
  ['exclusive'],
  ['directory', 'truncate'],
);
const close = (guest: FileGuest, errno: string): string => {
  if (errno === 'success') guest.errno('fd_close', guest.result);
  return errno;
};

/** Kind and size of a file are the same everywhere; of a directory, the kind. */
function seen(guest: FileGuest, errno: string): unknown {
  if (errno !== 'success') return errno;
  const { type, size, links } = guest.stats;
  return type === 4 ? { type, size, links } : type;
}

const step: fc.Arbitrary<readonly [text: string, step: Step]> = fc.oneof(
  fc
    .tuple(path, flags, fc.boolean())
    .map(
      ([name, open, follow]) =>
        [
          `open ${name} ${open} ${follow}`,
          (guest: FileGuest) =>
            close(guest, guest.open(name, { flags: open, follow, rights: open.length > 1 ? ALL : 0n })),
        ] as const,
    ),
  fc.tuple(path, fc.string({ maxLength: 20 })).map(
    ([name, text]) =>
      [
        `write ${name}`,
        (guest: FileGuest) => {
          const errno = guest.open(name, { flags: ['create'], rights: ALL });
          if (errno !== 'success') return errno;
          const fd = guest.result;
          const written = guest.write(fd, text);
          guest.errno('fd_close', fd);
          return written;
        },
      ] as const,
  ),
  fc.tuple(path, fc.nat(100)).map(
    ([name, position]) =>
      [
        `read ${name} from ${position}`,
        (guest: FileGuest) => {
          const errno = guest.open(name, { rights: ALL });
          if (errno !== 'success') return errno;
          const fd = guest.result;
          guest.errno('fd_seek', fd, BigInt(position), 0, 512);
          const got = [guest.read(fd), guest.got];
          guest.errno('fd_close', fd);
          return got;
        },
      ] as const,
  ),
  fc.tuple(path, fc.nat(200)).map(
    ([name, size]) =>
      [
        `size of ${name} to ${size}`,
        (guest: FileGuest) => {
          const errno = guest.open(name, { rights: ALL });
          if (errno !== 'success') return errno;
          const fd = guest.result;
          const set = guest.errno('fd_filestat_set_size', fd, BigInt(size));
          guest.errno('fd_close', fd);
          return set;
        },
      ] as const,
  ),
  ...(['path_create_directory', 'path_remove_directory', 'path_unlink_file'] as const).map((name) =>
    path.map((text) => [`${name} ${text}`, (guest: FileGuest) => guest.on(name, text)] as const),
  ),
  ...(['rename', 'link', 'symlink'] as const).map((name) =>
    fc
      .tuple(path, path)
      .map(([from, to]) => [`${name} ${from} ${to}`, (guest: FileGuest) => guest[name](from, to)] as const),
  ),
  fc
    .tuple(path, fc.boolean())
    .map(
      ([name, follow]) =>
        [`stat ${name} ${follow}`, (guest: FileGuest) => seen(guest, guest.stat(name, { follow }))] as const,
    ),
  path.map(
    (name) =>
      [
        `readlink ${name}`,
        (guest: FileGuest) => {
          const errno = guest.readlink(name);
          return errno === 'success' ? guest.got : errno;
        },
      ] as const,
  ),
  path.map(
    (name) =>
      [
        `times of ${name}`,
        (guest: FileGuest) => {
          const set = guest.setTimes(name, 123_456_789_012_345_678n, { follow: false });
          return set === 'success' ? [guest.stat(name, { follow: false }), guest.stats.modified] : set;
        },
      ] as const,
  ),
  path.map(
    (name) =>
      [
        `list ${name}`,
        (guest: FileGuest) => {
          const errno = guest.open(name, { rights: BELOW });
          if (errno !== 'success') return errno;
          const fd = guest.result;
          const found = guest.stats && guest.errno('fd_fdstat_get', fd, 400) === 'success' && guest.u8(400) === 3;
          const entries = found
            ? guest.list(fd).map(({ name: entry, type, next }) => [entry, type, next])
            : 'no directory';
          guest.errno('fd_close', fd);
          return entries;
        },
      ] as const,
  ),
);

const anchors: readonly AnchorKind[] = process.platform === 'linux' ? ['descriptor', 'path'] : ['path'];
const limits = { readOnly: false, maxBytes: 150, maxFiles: 6 };

describe.skipIf(process.platform === 'win32').each(anchors)('a folder held by %s', (anchor) => {
  test('answers as memory does', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }), (steps) => {
        const host = mkdtempSync(join(tmpdir(), 'wasm-sandbox-differential-'));
        const real = new FileGuest(
          SecurityPolicy.strict().with(Capability.filesystemAccess([{ host, guest: '/' }], limits)),
          folders(anchor),
        );
        const memory = new FileGuest(SecurityPolicy.strict().with(Capability.filesystemAccess({ memory: {} }, limits)));
        try {
          for (const [text, act] of steps) expect([text, act(real)]).toEqual([text, act(memory)]);
          expect(real.list(ROOT).map(({ name }) => name)).toEqual(memory.list(ROOT).map(({ name }) => name));
          const violations = [real, memory].map((guest) => guest.host.violations.events.map(({ rule }) => rule));
          expect(violations[0]).toEqual(violations[1]);
          // What is asked of the host's own file system takes longer.
          expect(real.used).toBeGreaterThanOrEqual(memory.used);
        } finally {
          real.host.close();
          rmSync(host, { recursive: true, force: true });
        }
      }),
      { numRuns: 100 },
    );
  });
});
