/** Random bytes for a guest: the system's, or a sequence that is the same for a seed at every run. */

import { SnapshotError, UsageError } from '../wasm/errors.ts';
import { damaged, type WireReader, type WireWriter } from '../wasm/wire.ts';
import type { RandomCapability } from './capability.ts';
import type { Saved } from './saved.ts';

/** Fills the bytes given, at most 65,536 of them, with random ones. */
export type RandomFill = (bytes: Uint8Array) => void;

export interface RandomSource extends Saved {
  fill(bytes: Uint8Array): void;
  /** A seeded sequence begins anew. */
  reset(): void;
}

/** The most that Web Crypto fills at once. */
const CHUNK = 65_536;

/** @throws UsageError where system randomness was granted and there is none */
export function createRandom(capability: RandomCapability, fill: RandomFill | undefined): RandomSource {
  return capability.source === 'seeded' ? new SeededRandom(capability.seed) : new SystemRandom(fill ?? systemFill());
}

function systemFill(): RandomFill {
  const { crypto } = globalThis;
  if (typeof crypto?.getRandomValues !== 'function') {
    throw new UsageError(
      'the policy grants system randomness, but this runtime has no crypto.getRandomValues: ' +
        'pass randomFill, or grant Capability.random({ seed })',
    );
  }
  return (bytes) => {
    crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>);
  };
}

const SOURCES = ['seeded', 'system'] as const;

/** @throws SnapshotError where the randomness in the snapshot was another than the policy grants */
function requireSource(from: WireReader, wanted: (typeof SOURCES)[number]): void {
  const found = SOURCES[from.u8()] ?? damaged('its randomness is of no known kind');
  if (found === wanted) return;
  throw new SnapshotError(`the snapshot was made with ${found} randomness, and the policy grants ${wanted} randomness`);
}

class SystemRandom implements RandomSource {
  private readonly fillChunk: RandomFill;

  constructor(fillChunk: RandomFill) {
    this.fillChunk = fillChunk;
  }

  fill(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += CHUNK) this.fillChunk(bytes.subarray(at, at + CHUNK));
  }

  reset(): void {
    // The system's randomness has no beginning.
  }

  save(to: WireWriter): void {
    to.u8(SOURCES.indexOf('system'));
  }

  load(from: WireReader): void {
    requireSource(from, 'system');
  }
}

/**
 * The generator xoshiro128** of Blackman and Vigna, its state filled from the seed by SplitMix64. Every fill starts
 * with a fresh word; words are little-endian.
 */
export class SeededRandom implements RandomSource {
  private readonly seed: bigint;
  private readonly state = new Int32Array(4);

  constructor(seed: bigint) {
    this.seed = seed;
    this.reset();
  }

  reset(): void {
    let x = this.seed;
    for (let half = 0; half < 2; half++) {
      x = BigInt.asUintN(64, x + 0x9e37_79b9_7f4a_7c15n);
      let z = x;
      z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58_476d_1ce4_e5b9n);
      z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d0_49bb_1331_11ebn);
      z ^= z >> 31n;
      this.state[2 * half] = Number(BigInt.asIntN(32, z));
      this.state[2 * half + 1] = Number(BigInt.asIntN(32, z >> 32n));
    }
  }

  save(to: WireWriter): void {
    to.u8(SOURCES.indexOf('seeded'));
    to.words(this.state);
  }

  load(from: WireReader): void {
    requireSource(from, 'seeded');
    const state = from.words(this.state.length);
    if (state.length !== this.state.length) damaged('its randomness is cut off');
    // From there no sequence begins, and none comes there.
    if (state.every((word) => word === 0)) damaged('its randomness has no state');
    this.state.set(state);
  }

  fill(bytes: Uint8Array): void {
    let [s0, s1, s2, s3] = this.state as unknown as [number, number, number, number];
    for (let at = 0; at < bytes.length; at += 4) {
      let word = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9);
      const t = s1 << 9;
      s2 ^= s0;
      s3 ^= s1;
      s1 ^= s2;
      s0 ^= s3;
      s2 ^= t;
      s3 = rotateLeft(s3, 11);
      for (let byte = at; byte < at + 4; byte++) {
        // Past the end, a typed array takes no notice.
        bytes[byte] = word;
        word >>>= 8;
      }
    }
    this.state.set([s0, s1, s2, s3]);
  }
}

function rotateLeft(x: number, by: number): number {
  return (x << by) | (x >>> (32 - by));
}
