/** The state behind WASI, moved from host to host between any two calls of a guest. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Capability, SecurityPolicy } from '../../policy/index.ts';
import { FLAGS } from '../../policy/wasi/abi.ts';
import { SnapshotError } from '../../wasm/errors.ts';
import { WireReader, WireWriter } from '../../wasm/wire.ts';
import { ALL, FileGuest, folders } from '../policy/file-guest.ts';
import { SEED } from '../property/runner.ts';

const POLICY = SecurityPolicy.strict().with(
  Capability.filesystemAccess(
    [
      { memory: { 'a.txt': 'some text', 'd/b.txt': 'more', 'd/e/': '' }, guest: '/' },
      { memory: {}, guest: '/tmp' },
    ],
    { maxBytes: 400, maxFiles: 14, maxDescriptors: 12 },
  ),
  Capability.random({ seed: 7n }),
  Capability.clock({ step: 1_000n }),
  Capability.stdio({ stdin: 'what the guest reads, piece by piece' }),
);

const make = (policy = POLICY) => new FileGuest(policy);

function save(guest: FileGuest): Uint8Array {
  const to = new WireWriter();
  guest.host.save(to);
  return to.written.slice();
}

function load(guest: FileGuest, bytes: Uint8Array): void {
  const from = new WireReader(bytes);
  guest.host.load(from);
  from.end();
}

/** The same guest with another host in the state of its own. */
function moved(guest: FileGuest): FileGuest {
  const next = make();
  load(next, save(guest));
  next.bytes.set(guest.bytes);
  return next;
}

type Action = readonly [name: string, a: number, b: number];

const PATHS = ['a.txt', 'd', 'd/b.txt', 'd/e', 'd/e/c', 'n', 'l', 'l/x'];

/** What a call gave, and all it wrote for the guest. */
function act(guest: FileGuest, [name, a, b]: Action): unknown {
  const path = PATHS[a % PATHS.length]!;
  const other = PATHS[b % PATHS.length]!;
  const fd = 3 + (a % 9);
  switch (name) {
    case 'open':
      return [
        guest.open(path, {
          flags: b % 2 === 0 ? ['create'] : [],
          rights: ALL,
          fdFlags: b % 3 === 0 ? FLAGS.append : 0,
        }),
        guest.result,
      ];
    case 'openDirectory':
      return [guest.open(path, { flags: ['directory'], rights: ALL }), guest.result];
    case 'openTmp':
      return [guest.open(path, { fd: 4, flags: ['create'], rights: ALL }), guest.result];
    case 'close':
      return guest.errno('fd_close', fd);
    case 'write':
      return [guest.write(fd, 'x'.repeat(b % 90)), guest.result];
    case 'read':
      return [guest.read(fd, b % 20), guest.got];
    case 'input':
      return [guest.read(0, b % 9), guest.got];
    case 'print':
      return guest.write(1 + (a % 2), `line ${b}\n`);
    case 'seek':
      return guest.errno('fd_seek', fd, BigInt(b % 50), 0, 512);
    case 'resize':
      return guest.errno('fd_filestat_set_size', fd, BigInt(b % 120));
    case 'list':
      try {
        return guest.list(fd, BigInt(b % 4), 80);
      } catch (error) {
        return String(error);
      }
    case 'mkdir':
      return guest.on('path_create_directory', path);
    case 'rmdir':
      return guest.on('path_remove_directory', path);
    case 'unlink':
      return guest.on('path_unlink_file', path);
    case 'rename':
      return guest.rename(path, other);
    case 'link':
      return guest.link(path, other);
    case 'symlink':
      return guest.symlink(other, path);
    case 'stat':
      return [guest.stat(path, { follow: false }), guest.stats];
    case 'renumber':
      return guest.errno('fd_renumber', fd, 3 + (b % 9));
    case 'rights':
      return guest.errno('fd_fdstat_set_rights', fd, BigInt(b) & 0xffn, 0n);
    case 'time':
      return [guest.errno('clock_time_get', a % 2, 0n, 64), guest.u64(64)];
    default:
      return [guest.errno('random_get', 64, 8), guest.u64(64)];
  }
}

const NAMES = [
  ...['open', 'open', 'open', 'openDirectory', 'openTmp', 'close', 'write', 'write', 'read', 'input', 'print', 'seek'],
  ...['resize', 'list', 'mkdir', 'rmdir', 'unlink', 'rename', 'link', 'symlink', 'stat', 'renumber', 'rights', 'time'],
  'random',
];
const anyAction: fc.Arbitrary<Action> = fc.tuple(fc.constantFrom(...NAMES), fc.nat(1_000), fc.nat(1_000));
const anyActions = fc.array(anyAction, { maxLength: 60, size: 'max' });

describe('a host', () => {
  it('moved between calls answers as one that was not, limits included', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyAction, fc.boolean()), { maxLength: 60, size: 'max' }), (steps) => {
        const stays = make();
        let moves = make();
        for (const [action, isMoved] of steps) {
          if (isMoved) moves = moved(moves);
          expect([action, act(moves, action)]).toEqual([action, act(stays, action)]);
        }
        expect(moved(moves).host.files()).toEqual(stays.host.files());
        for (const stream of ['stdout', 'stderr'] as const) {
          expect(moved(moves).host.output(stream)).toEqual(stays.host.output(stream));
        }
        expect(save(moved(moves))).toEqual(save(moves));
      }),
      { numRuns: Number(process.env.FUZZ_RUNS ?? 400), seed: SEED },
    );
  });

  it('refuses what is damaged, and never goes round in circles', () => {
    fc.assert(
      fc.property(
        anyActions,
        fc.array(fc.tuple(fc.nat(4_000), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        (actions, changes) => {
          const guest = make();
          for (const action of actions) act(guest, action);
          const bytes = save(guest);
          for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
          const target = make();
          try {
            load(target, bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(SnapshotError);
            return;
          }
          // Another state, but one that a guest can work with.
          for (const action of actions) act(target, action);
        },
      ),
      { numRuns: Number(process.env.FUZZ_RUNS ?? 400), seed: SEED },
    );
  });

  it('is not restored under other grants', () => {
    const bytes = save(make());
    const refusal =
      (...capabilities: Capability[]) =>
      () =>
        load(make(SecurityPolicy.strict().with(...capabilities)), bytes);
    const files = Capability.filesystemAccess([
      { memory: {}, guest: '/' },
      { memory: {}, guest: '/tmp' },
    ]);
    const virtual = Capability.clock({});
    const seeded = Capability.random({ seed: 9n });
    expect(refusal(files, virtual, seeded)).not.toThrow();
    expect(refusal(files, Capability.clock('real'), seeded)).toThrow(
      /made with the virtual clock.*grants the real one/,
    );
    expect(refusal(files, virtual, Capability.random('system'))).toThrow(/made with seeded randomness/);
    expect(refusal(virtual, seeded)).toThrow(/has 2 folders, and the policy grants these folders: none/);
    const renamed = Capability.filesystemAccess([
      { memory: {}, guest: '/' },
      { memory: {}, guest: '/var' },
    ]);
    expect(refusal(renamed)).toThrow(/has the folder "\/tmp"/);
    const small = Capability.filesystemAccess(
      [
        { memory: {}, guest: '/' },
        { memory: {}, guest: '/tmp' },
      ],
      { maxBytes: 5 },
    );
    expect(refusal(small)).toThrow(/beyond the limits of the policy/);
  });

  it('cannot be saved with a folder of the host’s', () => {
    const policy = SecurityPolicy.strict().with(Capability.filesystemAccess([{ host: '.', guest: '/here' }]));
    const guest = new FileGuest(policy, folders('descriptor'));
    expect(() => save(guest)).toThrow(/folder of the host's as "\/here"/);
    guest.host.close();
  });
});
