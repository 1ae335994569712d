/** Quantities as people write them, on a command line or in settings. Each throws a UsageError naming what is accepted. */

import { UsageError } from '../../wasm/errors.ts';
import { GiB, KiB, MiB } from './sizes.ts';

const SIZE = /^(\d[\d_]*)\s*(?:([kmg])(?:i?b)?|b)?$/i;
const SIZE_UNITS: Readonly<Record<string, number>> = { k: KiB, m: MiB, g: GiB };

/** Bytes: `65536`, `64KiB`, `64MB`, `64M`, `1GiB`. All units are binary. */
export function parseSize(text: string): number {
  const [, digits = '', unit = ''] = SIZE.exec(text) ?? [];
  const bytes = Number(plain(digits) || Number.NaN) * (SIZE_UNITS[unit.toLowerCase()] ?? 1);
  if (!Number.isSafeInteger(bytes))
    throw new UsageError('a size is a whole number of bytes, or one with KiB, MiB or GiB, as 64MiB; 64MB is the same');
  return bytes;
}

const DURATION = /^(\d+(?:\.\d+)?)\s*(ms|s|m|min)?$/i;
const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000 };

/** Milliseconds: `500`, `500ms`, `1.5s`, `2m`. */
export function parseDuration(text: string): number {
  const [, digits = '', unit = 'ms'] = DURATION.exec(text) ?? [];
  const duration = Number(digits || Number.NaN) * (DURATION_UNITS[unit.toLowerCase()] ?? 1);
  if (!(duration > 0) || !Number.isFinite(duration)) {
    throw new UsageError('a duration is a number of milliseconds above 0, or one with ms, s or m');
  }
  return duration;
}

const GAS = /^(\d[\d_]*)(?:e(\d{1,2}))?$/i;

/** Gas: `10000000`, `10_000_000`, `1e7`. */
export function parseGas(text: string): bigint {
  const [, digits, exponent = '0'] = GAS.exec(text) ?? [];
  if (digits === undefined || digits.length > 40) {
    throw new UsageError('gas is a whole number, as 10000000, 10_000_000 or 1e7');
  }
  return BigInt(plain(digits)) * 10n ** BigInt(exponent);
}

function plain(digits: string): string {
  return digits.replaceAll('_', '');
}
