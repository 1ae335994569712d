/** Values at the boundary, in items of a store. */

import { UsageError } from '../../wasm/errors.ts';
import { describe } from '../../wasm/quote.ts';
import { damaged, type WireReader, type WireWriter } from '../../wasm/wire.ts';

const TAGS = { undefined: 0, null: 1, boolean: 2, number: 3, bigint: 4, string: 5, list: 6 } as const;

/** Results of a function; each takes a byte at least. */
const MOST_VALUES = 1_000;

/** @throws UsageError for what does not survive: objects and functions */
export function writeValue(to: WireWriter, value: unknown): void {
  switch (typeof value) {
    case 'undefined':
      to.u8(TAGS.undefined);
      return;
    case 'boolean':
      to.u8(TAGS.boolean);
      to.flag(value);
      return;
    case 'number':
      to.u8(TAGS.number);
      to.number(value);
      return;
    case 'bigint':
      to.u8(TAGS.bigint);
      to.u64(BigInt.asUintN(64, value));
      return;
    case 'string':
      to.u8(TAGS.string);
      to.text(value);
      return;
    default:
  }
  if (value === null) {
    to.u8(TAGS.null);
    return;
  }
  if (!Array.isArray(value) || value.length > MOST_VALUES) {
    throw new UsageError(`a durable job keeps numbers, bigints, strings and lists of them, not ${describe(value)}`);
  }
  to.u8(TAGS.list);
  to.u32(value.length);
  for (const each of value) writeScalar(to, each);
}

function writeScalar(to: WireWriter, value: unknown): void {
  if (Array.isArray(value)) throw new UsageError('a durable job keeps no lists within lists');
  writeValue(to, value);
}

/** @throws SnapshotError */
export function readValue(from: WireReader): unknown {
  return read(from, true);
}

function read(from: WireReader, mayBeList: boolean): unknown {
  switch (from.u8()) {
    case TAGS.undefined:
      return undefined;
    case TAGS.null:
      return null;
    case TAGS.boolean:
      return from.flag();
    case TAGS.number:
      return from.number();
    case TAGS.bigint:
      return BigInt.asIntN(64, from.u64());
    case TAGS.string:
      return from.text();
    case TAGS.list: {
      const length = from.u32();
      if (!mayBeList || length > MOST_VALUES) return damaged('a list of values is none');
      return Array.from({ length }, () => read(from, false));
    }
    default:
      return damaged('a value is of no known type');
  }
}
