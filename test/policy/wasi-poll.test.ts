import { describe, expect, test } from 'vitest';
import { Capability, SecurityPolicy } from '../../policy/index.ts';
import { ERRNO } from '../../policy/wasi/errno.ts';
import { LOOK, WASI_CALL } from '../../wasm/gas.ts';
import { Guest, PAGE } from './guest.ts';

const BAD = 0xffff_ffff;
const SUBSCRIPTIONS = 0;
const EVENTS = 10_000;
const RESULT = 9_996;

type Subscription =
  | { readonly clock: number; readonly timeout: bigint; readonly absolute?: boolean; readonly flags?: number }
  | { readonly tag: number; readonly fd: number };

/** Writes subscriptions with 100, 101, … as their userdata. */
function subscribe(guest: Guest, ...list: Subscription[]): void {
  for (const [index, subscription] of list.entries()) {
    const at = SUBSCRIPTIONS + 48 * index;
    guest.bytes.fill(0, at, at + 48);
    guest.setU64(at, BigInt(100 + index));
    if ('fd' in subscription) {
      guest.bytes[at + 8] = subscription.tag;
      guest.setU32(at + 16, subscription.fd);
    } else {
      guest.setU32(at + 16, subscription.clock);
      guest.setU64(at + 24, subscription.timeout);
      guest.bytes[at + 40] = subscription.flags ?? (subscription.absolute ? 1 : 0);
    }
  }
}

const poll = (guest: Guest, count: number) => guest.call('poll_oneoff', SUBSCRIPTIONS, EVENTS, count, RESULT);

function events(guest: Guest): { userdata: number; error: number; type: number; bytes: bigint; flags: number }[] {
  return Array.from({ length: guest.u32(RESULT) }, (_, index) => {
    const at = EVENTS + 32 * index;
    return {
      userdata: Number(guest.u64(at)),
      error: guest.u16(at + 8),
      type: guest.u8(at + 10),
      bytes: guest.u64(at + 16),
      flags: guest.u16(at + 24),
    };
  });
}

function now(guest: Guest, clock: number): bigint {
  guest.call('clock_time_get', clock, 0n, 9_000);
  return guest.u64(9_000);
}

const virtual = () => new Guest(SecurityPolicy.strict().with(Capability.clock({ start: 5_000, step: 1 })));

describe('on the virtual clock', () => {
  test('waiting advances the clock to the earliest time, at once', () => {
    const guest = virtual();
    subscribe(
      guest,
      { clock: 1, timeout: 900n },
      { clock: 0, timeout: 300n },
      { clock: 0, timeout: 5_300n, absolute: true },
    );
    expect(poll(guest, 3)).toBe(ERRNO.success);
    expect(events(guest)).toEqual([
      { userdata: 101, error: 0, type: 0, bytes: 0n, flags: 0 },
      { userdata: 102, error: 0, type: 0, bytes: 0n, flags: 0 },
    ]);
    expect([now(guest, 1), now(guest, 0)]).toEqual([300n, 5_301n]);
    expect(guest.charges).toEqual([(3 * LOOK.subscription) / WASI_CALL.perByte]);
  });

  test('a time that has passed does not wait', () => {
    const guest = virtual();
    subscribe(guest, { clock: 0, timeout: 1n, absolute: true }, { clock: 1, timeout: 0n }, { clock: 1, timeout: 1n });
    expect(poll(guest, 3)).toBe(ERRNO.success);
    expect(events(guest).map(({ userdata }) => userdata)).toEqual([100, 101]);
    expect(now(guest, 1)).toBe(0n);
  });

  test('waiting for ever reaches the end of time', () => {
    const guest = virtual();
    subscribe(guest, { clock: 1, timeout: (1n << 64n) - 1n });
    expect(poll(guest, 1)).toBe(ERRNO.success);
    expect(poll(guest, 1)).toBe(ERRNO.success);
    expect(now(guest, 0)).toBe((1n << 64n) - 1n);
  });

  test('streams are ready at once, so that nothing waits', () => {
    const guest = virtual();
    subscribe(guest, { clock: 1, timeout: 900n }, { tag: 2, fd: 1 }, { tag: 1, fd: 0 });
    expect(poll(guest, 3)).toBe(ERRNO.success);
    expect(events(guest)).toEqual([
      { userdata: 101, error: 0, type: 2, bytes: 65_536n, flags: 0 },
      { userdata: 102, error: 0, type: 1, bytes: 0n, flags: 1 },
    ]);
    expect(now(guest, 1)).toBe(0n);
  });

  test('the input tells what it knows', () => {
    const guest = new Guest(SecurityPolicy.strict().with(Capability.stdio({ stdin: 'abc' })));
    subscribe(guest, { tag: 1, fd: 0 });
    expect(poll(guest, 1)).toBe(ERRNO.success);
    expect(events(guest)).toEqual([{ userdata: 100, error: 0, type: 1, bytes: 3n, flags: 0 }]);
  });

  test('what is wrong with one subscription is its own event', () => {
    const guest = virtual();
    subscribe(
      guest,
      { tag: 1, fd: 1 },
      { tag: 2, fd: 0 },
      { tag: 2, fd: BAD },
      { clock: 4, timeout: 5n },
      { clock: 1, timeout: 5n, flags: 2 },
      { clock: 1, timeout: 5n },
    );
    expect(poll(guest, 6)).toBe(ERRNO.success);
    expect(events(guest).map(({ userdata, error }) => [userdata, error])).toEqual([
      [100, ERRNO.badf],
      [101, ERRNO.badf],
      [102, ERRNO.badf],
      [103, ERRNO.inval],
      [104, ERRNO.inval],
    ]);
  });

  test('events may overlap the subscriptions', () => {
    const guest = virtual();
    subscribe(guest, { tag: 2, fd: 1 }, { tag: 2, fd: 2 });
    expect(guest.call('poll_oneoff', 0, 0, 2, RESULT)).toBe(ERRNO.success);
    expect([guest.u64(0), guest.u64(32)]).toEqual([100n, 101n]);
  });
});

describe('bounds', () => {
  test('none, too many, and no known kind', () => {
    const guest = virtual();
    expect(poll(guest, 0)).toBe(ERRNO.inval);
    expect(poll(guest, 1_025)).toBe(ERRNO.inval);
    expect(poll(guest, BAD)).toBe(ERRNO.inval);
    expect(guest.charges).toEqual([]);
    subscribe(guest, { clock: 1, timeout: 100n }, { tag: 3, fd: 1 });
    expect(poll(guest, 2)).toBe(ERRNO.inval);
    expect(now(guest, 1)).toBe(0n);
  });

  test('as many as are allowed', () => {
    const guest = virtual();
    guest.move(3 * PAGE);
    const list = Array.from({ length: 1_024 }, () => ({ tag: 2, fd: 1 }));
    subscribe(guest, ...list);
    expect(guest.call('poll_oneoff', 0, PAGE, 1_024, PAGE - 4)).toBe(ERRNO.success);
    expect(guest.u32(PAGE - 4)).toBe(1_024);
    expect(guest.u64(PAGE + 32 * 1_023)).toBe(1_123n);
  });

  test('pointers outside are refused before the clock moves', () => {
    const guest = virtual();
    subscribe(guest, { clock: 1, timeout: 100n });
    expect(guest.call('poll_oneoff', PAGE - 47, EVENTS, 1, RESULT)).toBe(ERRNO.fault);
    expect(guest.call('poll_oneoff', 0, PAGE - 31, 1, RESULT)).toBe(ERRNO.fault);
    expect(guest.call('poll_oneoff', 0, EVENTS, 1, PAGE - 3)).toBe(ERRNO.fault);
    expect(guest.call('poll_oneoff', BAD, BAD, 1, BAD)).toBe(ERRNO.fault);
    expect(now(guest, 1)).toBe(0n);
  });
});

describe('on the real clock', () => {
  function real() {
    let milliseconds = 1_000;
    const sleeps: number[] = [];
    const guest = new Guest(SecurityPolicy.moderate(), {
      time: {
        wallClock: () => 1_700_000_000_000 + milliseconds,
        monotonic: () => milliseconds,
        // Fires early, as timers do.
        sleep: async (duration) => {
          sleeps.push(duration);
          milliseconds += Math.max(duration - 1, 0.25);
        },
      },
    });
    return { guest, sleeps };
  }

  test('waiting suspends the guest, whose memory may move meanwhile', async () => {
    const { guest, sleeps } = real();
    subscribe(guest, { clock: 1, timeout: 10_000_000n }, { clock: 1, timeout: 20_000_000n });
    const result = poll(guest, 2);
    expect(result).toBeInstanceOf(Promise);
    guest.move();
    expect(await result).toBe(ERRNO.success);
    expect(events(guest).map(({ userdata }) => userdata)).toEqual([100]);
    expect(sleeps).toEqual([10, 1, 1, 1, 1]);
    expect(now(guest, 1)).toBe(10_000_000n);
  });

  test('long waits are made of timers that the runtime can hold', async () => {
    const { guest, sleeps } = real();
    subscribe(guest, { clock: 0, timeout: 3n * 2n ** 31n * 1_000_000n });
    expect(await poll(guest, 1)).toBe(ERRNO.success);
    expect(Math.max(...sleeps)).toBe(2 ** 31 - 1);
  });

  test('what is ready does not suspend', () => {
    const { guest, sleeps } = real();
    subscribe(guest, { clock: 1, timeout: 10_000_000n }, { tag: 2, fd: 2 });
    expect(poll(guest, 2)).toBe(ERRNO.success);
    expect(events(guest).map(({ userdata }) => userdata)).toEqual([101]);
    expect(sleeps).toEqual([]);
  });
});
