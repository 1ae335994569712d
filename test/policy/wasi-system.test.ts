import { describe, expect, test } from 'vitest';
import { Capability, SecurityPolicy } from '../../policy/index.ts';
import { SeededRandom } from '../../policy/random.ts';
import { ERRNO } from '../../policy/wasi/errno.ts';
import { GasExhausted, UsageError } from '../../wasm/errors.ts';
import { LOOK, RANDOM_BYTE, WASI_CALL } from '../../wasm/gas.ts';
import { GuestExit } from '../../wasm/host.ts';
import { Guest, PAGE } from './guest.ts';

const BAD = 0xffff_ffff;

describe('arguments and environment', () => {
  const policy = SecurityPolicy.strict().with(Capability.environmentAccess({ A: '1', LONGER: 'zwei' }));
  const lists = [
    { sizes: 'args_sizes_get', get: 'args_get', strings: ['prog', '', 'ä'] },
    { sizes: 'environ_sizes_get', get: 'environ_get', strings: ['A=1', 'LONGER=zwei'] },
  ];

  test.each(lists)('$get gives every string and where it begins', ({ sizes, get, strings }) => {
    const guest = new Guest(policy, { args: ['prog', '', 'ä'] });
    expect(guest.call(sizes, 0, 4)).toBe(ERRNO.success);
    const joined = strings.map((string) => `${string}\0`).join('');
    const size = new TextEncoder().encode(joined).length;
    expect([guest.u32(0), guest.u32(4)]).toEqual([strings.length, size]);
    expect(guest.call(get, 100, 200)).toBe(ERRNO.success);
    expect(guest.text(200, size)).toBe(joined);
    for (const [index, string] of strings.entries()) {
      const at = guest.u32(100 + 4 * index);
      expect(guest.text(at, new TextEncoder().encode(string).length + 1)).toBe(`${string}\0`);
    }
    const looked = (LOOK.string * strings.length) / WASI_CALL.perByte;
    expect(guest.charges.slice(-2)).toEqual([4 * strings.length + size, looked]);
  });

  test.each(lists)('$get refuses pointers outside, and writes nothing', ({ sizes, get }) => {
    const guest = new Guest(policy, { args: ['prog', '', 'ä'] });
    for (const [name, a, b] of [
      [sizes, BAD, 0],
      [sizes, 0, BAD],
      [sizes, 0, PAGE - 3],
      [get, 0, PAGE - 4],
      [get, PAGE - 4, 0],
      [get, BAD, BAD],
    ] as const) {
      expect(guest.call(name, a, b)).toBe(ERRNO.fault);
    }
    expect(guest.bytes.every((byte) => byte === 0)).toBe(true);
  });

  test('at the very end of memory there is room', () => {
    const guest = new Guest(policy, { args: ['abc'] });
    expect(guest.call('args_get', PAGE - 8, PAGE - 4)).toBe(ERRNO.success);
    expect(guest.u32(PAGE - 8)).toBe(PAGE - 4);
    expect(guest.text(PAGE - 4, 4)).toBe('abc\0');
  });

  test('no arguments need no memory', () => {
    const guest = new Guest();
    expect(guest.call('args_get', BAD, BAD)).toBe(ERRNO.success);
  });

  test('a guest without memory gets EFAULT', () => {
    const guest = new Guest(policy, { args: ['a'] });
    guest.hasMemory = false;
    expect(guest.call('args_sizes_get', 0, 4)).toBe(ERRNO.fault);
    expect(guest.call('args_get', 0, 4)).toBe(ERRNO.fault);
    expect(guest.call('random_get', 0, 1)).toBe(ERRNO.fault);
  });

  test('strings that C cannot hold are refused when the host is made', () => {
    expect(() => new Guest(policy, { args: ['a\0b'] })).toThrow(UsageError);
    expect(() => Capability.environmentAccess({ 'A=B': '1' })).toThrow(UsageError);
    expect(() => Capability.environmentAccess({ A: 'x\0' })).toThrow(UsageError);
    expect(() => Capability.environmentAccess([''])).toThrow(UsageError);
  });

  test('names take what the host has, and nothing from its prototype', () => {
    const environment = { B: '2', A: '1', '=C:': 'x', NONE: undefined };
    const read = (grant: Parameters<typeof Capability.environmentAccess>[0]) => {
      const guest = new Guest(SecurityPolicy.strict().with(Capability.environmentAccess(grant)), { environment });
      guest.call('environ_sizes_get', 0, 4);
      guest.call('environ_get', 100, 200);
      return guest.text(200, guest.u32(4)).split('\0').slice(0, -1);
    };
    expect(read(['B', 'constructor', '__proto__', 'MISSING', 'NONE'])).toEqual(['B=2']);
    expect(read('all')).toEqual(['A=1', 'B=2']);
    expect(read([])).toEqual([]);
  });
});

describe('clocks', () => {
  test('the virtual clock starts where the policy says and steps with every reading', () => {
    const guest = new Guest(SecurityPolicy.strict().with(Capability.clock({ start: 1_000n, step: 7 })));
    const read = (id: number) => {
      expect(guest.call('clock_time_get', id, 0n, 16)).toBe(ERRNO.success);
      return guest.u64(16);
    };
    expect([read(0), read(1), read(0), read(2), read(3)]).toEqual([1_000n, 7n, 1_014n, 21n, 28n]);
    expect(guest.call('clock_res_get', 1, 16)).toBe(ERRNO.success);
    expect(guest.u64(16)).toBe(7n);
  });

  test('strict starts in the year 2000', () => {
    const guest = new Guest();
    guest.call('clock_time_get', 0, 0n, 8);
    expect(new Date(Number(guest.u64(8) / 1_000_000n)).toISOString()).toBe('2000-01-01T00:00:00.000Z');
  });

  test('a virtual clock that reaches the end of its range stays there', () => {
    const end = (1n << 64n) - 1n;
    const guest = new Guest(SecurityPolicy.strict().with(Capability.clock({ start: end - 1n, step: end })));
    const readings = [0, 0, 0, 1].map((id) => {
      guest.call('clock_time_get', id, 0n, 8);
      return guest.u64(8);
    });
    expect(readings).toEqual([end - 1n, end, end, end]);
  });

  test('the real clock is whole to the digit, and its monotonic time begins with the host', () => {
    let monotonic = 5_000_000.25;
    const time = { wallClock: () => 1_700_000_000_123, monotonic: () => monotonic };
    const guest = new Guest(SecurityPolicy.moderate(), { time });
    monotonic += 2.5;
    guest.call('clock_time_get', 0, 0n, 0);
    guest.call('clock_time_get', 1, 0n, 8);
    expect([guest.u64(0), guest.u64(8)]).toEqual([1_700_000_000_123_000_000n, 2_500_000n]);
    guest.host.reset();
    guest.call('clock_time_get', 1, 0n, 8);
    expect(guest.u64(8)).toBe(0n);
    expect(guest.call('clock_res_get', 0, 8)).toBe(ERRNO.success);
    expect(guest.u64(8)).toBe(1_000_000n);
  });

  test('unknown clocks and pointers outside are refused, and take no step', () => {
    const guest = new Guest();
    expect(guest.call('clock_time_get', 4, 0n, 8)).toBe(ERRNO.inval);
    expect(guest.call('clock_time_get', BAD, 0n, 8)).toBe(ERRNO.inval);
    expect(guest.call('clock_res_get', 4, 8)).toBe(ERRNO.inval);
    expect(guest.call('clock_time_get', 1, 0n, PAGE - 7)).toBe(ERRNO.fault);
    expect(guest.call('clock_res_get', 1, BAD)).toBe(ERRNO.fault);
    expect(guest.call('clock_time_get', 1, 0n, 8)).toBe(ERRNO.success);
    expect(guest.u64(8)).toBe(0n);
  });
});

describe('randomness', () => {
  test('the generator is xoshiro128** from SplitMix64', () => {
    // SplitMix64 from 0 begins with e220a8397b1dcdaf, 6e789e6aa1b965f4.
    const words = new Uint8Array(16);
    new SeededRandom(0n).fill(words);
    const state = [0x7b1dcdaf, 0xe220a839, 0xa1b965f4, 0x6e789e6a].map(BigInt) as [bigint, bigint, bigint, bigint];
    const mask = 0xffff_ffffn;
    const rotate = (x: bigint, by: bigint) => ((x << by) | (x >> (32n - by))) & mask;
    const reference = Array.from({ length: 4 }, () => {
      const result = (rotate((state[1] * 5n) & mask, 7n) * 9n) & mask;
      const t = (state[1] << 9n) & mask;
      state[2] ^= state[0];
      state[3] ^= state[1];
      state[1] ^= state[2];
      state[0] ^= state[3];
      state[2] ^= t;
      state[3] = rotate(state[3], 11n);
      return Number(result);
    });
    const view = new DataView(words.buffer);
    expect([0, 4, 8, 12].map((at) => view.getUint32(at, true))).toEqual(reference);
  });

  test('a seed gives the same bytes at every run, another seed others', () => {
    const bytes = (seed: number) => {
      const guest = new Guest(SecurityPolicy.strict().with(Capability.random({ seed })));
      expect(guest.call('random_get', 3, 61)).toBe(ERRNO.success);
      return [...guest.bytes.subarray(0, 100)];
    };
    expect(bytes(1)).toEqual(bytes(1));
    expect(bytes(1)).not.toEqual(bytes(2));
    expect([...bytes(1).slice(0, 3), ...bytes(1).slice(64)].every((byte) => byte === 0)).toBe(true);
  });

  test('bytes are charged before any is filled', () => {
    const guest = new Guest();
    guest.gasLeft = 10;
    expect(() => guest.call('random_get', 0, 41)).toThrow(GasExhausted);
    expect(guest.bytes.every((byte) => byte === 0)).toBe(true);
    expect(guest.call('random_get', 0, 40)).toBe(ERRNO.success);
    expect(guest.charges).toEqual([RANDOM_BYTE * 40]);
  });

  test('system randomness is asked for in pieces', () => {
    const pieces: number[] = [];
    const randomFill = (bytes: Uint8Array) => {
      pieces.push(bytes.length);
      bytes.fill(9);
    };
    const guest = new Guest(SecurityPolicy.moderate(), { randomFill });
    guest.bytes = new Uint8Array(200_000);
    expect(guest.call('random_get', 1, 199_999)).toBe(ERRNO.success);
    expect(pieces).toEqual([65_536, 65_536, 65_536, 3_391]);
    expect(guest.bytes.indexOf(0)).toBe(0);
    expect(guest.bytes.lastIndexOf(0)).toBe(0);
  });

  test('without anything injected, the system fills', () => {
    const guest = new Guest(SecurityPolicy.moderate());
    expect(guest.call('random_get', 0, PAGE)).toBe(ERRNO.success);
    expect(new Set(guest.bytes).size).toBe(256);
  });

  test('4 GiB and other lengths beyond memory are refused free of charge; nothing is always there', () => {
    const guest = new Guest();
    expect(guest.call('random_get', 0, BAD)).toBe(ERRNO.fault);
    expect(guest.call('random_get', BAD, 1)).toBe(ERRNO.fault);
    expect(guest.call('random_get', BAD, BAD)).toBe(ERRNO.fault);
    expect(guest.call('random_get', 1, PAGE)).toBe(ERRNO.fault);
    expect(guest.charges).toEqual([]);
    expect(guest.call('random_get', BAD, 0)).toBe(ERRNO.success);
  });
});

describe('the program itself', () => {
  test.each([0, 1, 255, 0xffff_ffff])('proc_exit ends with %i', (status) => {
    const guest = new Guest();
    let thrown: unknown;
    try {
      guest.call('proc_exit', status);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(GuestExit);
    expect((thrown as GuestExit).status).toBe(status);
  });

  test('yielding succeeds, raising a signal is not there', () => {
    const guest = new Guest();
    expect(guest.call('sched_yield')).toBe(ERRNO.success);
    expect(guest.call('proc_raise', 9)).toBe(ERRNO.nosys);
  });
});
