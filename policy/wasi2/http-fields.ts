/** `fields` of `wasi:http`: headers, as components make and read them. */

import { HostError } from '../../wasm/errors.ts';
import { HEADER_BYTE } from '../../wasm/gas.ts';
import type { HostCallContext } from '../call.ts';
import type { PolicyRequest } from '../decide.ts';
import { isForbidden, isHeaderName } from '../net/headers.ts';
import { Kind, WitError } from './resources.ts';
import { type Interface, type Preview2, row } from './table.ts';

export type Field = readonly [name: string, value: Uint8Array];

export interface Fields {
  entries: readonly Field[];
  readonly isImmutable: boolean;
}

const PROCESS: PolicyRequest = { kind: 'process' };

export const FIELDS = new Kind<Fields>('fields');

/** Bytes that the headers of one request may have, names included. */
const MOST_HEADER_BYTES = 65_536;
/** The same of all that a component holds. */
const MOST_HELD_BYTES = 16 * MOST_HEADER_BYTES;
/** What a header counts for beside its name and value. */
const FIELD_BYTES = 32;

/** @throws WitError for what is no header */
function checkField(name: string, value: Uint8Array): Field {
  const isValue = value.every((byte) => byte === 0x09 || (byte >= 0x20 && byte !== 0x7f));
  if (!isHeaderName(name) || !isValue) throw new WitError({ tag: 'invalid-syntax' });
  if (isForbidden(name.toLowerCase())) throw new WitError({ tag: 'forbidden' });
  return [name.toLowerCase(), value.slice()];
}

const bytesOf = (entries: readonly Field[]): number =>
  entries.reduce((sum, [name, value]) => sum + FIELD_BYTES + name.length + value.length, 0);

/** @throws WitError for headers that are not to be changed; HostError beyond what there may be */
function setEntries(host: Preview2, call: HostCallContext, fields: Fields, entries: readonly Field[]): void {
  if (fields.isImmutable) throw new WitError({ tag: 'immutable' });
  const bytes = bytesOf(entries);
  if (bytes > MOST_HEADER_BYTES)
    throw new HostError(`the component makes headers of more than ${MOST_HEADER_BYTES} bytes`);
  const all = host.headerBytes + bytes - bytesOf(fields.entries);
  if (all > MOST_HELD_BYTES) throw new HostError(`the component holds headers of more than ${MOST_HELD_BYTES} bytes`);
  host.headerBytes = all;
  call.chargeOverhead(HEADER_BYTE * bytes);
  fields.entries = entries;
}

const named = ({ entries }: Fields, name: string): readonly Field[] =>
  entries.filter(([each]) => each === name.toLowerCase());
const others = ({ entries }: Fields, name: string): readonly Field[] =>
  entries.filter(([each]) => each !== name.toLowerCase());

/** A copy, to be changed. */
function copyOf(host: Preview2, call: HostCallContext, entries: readonly Field[]): object {
  const fields: Fields = { entries: [], isImmutable: false };
  setEntries(host, call, fields, entries);
  return host.hold(FIELDS, fields);
}

/** What is immutable is somebody else's, and not counted again. */
export function release(host: Preview2, { entries, isImmutable }: Fields): void {
  if (!isImmutable) host.headerBytes -= bytesOf(entries);
}

function changing<A extends readonly unknown[]>(change: (fields: Fields, ...args: A) => readonly Field[]) {
  return row(PROCESS, (host, call, self: unknown, ...args: never[]) => {
    const fields = FIELDS.of(self);
    setEntries(host, call, fields, change(fields, ...(args as unknown as A)));
  });
}

/** Headers that are somebody else's: they cannot be changed, and are not counted again. */
export function holdFixed(host: Preview2, entries: readonly Field[]): object {
  return host.hold(FIELDS, { entries, isImmutable: true });
}

export const FIELD_ROWS: Interface = {
  '[constructor]fields': row(PROCESS, (host) => host.hold(FIELDS, { entries: [], isImmutable: false })),
  '[static]fields.from-list': row(PROCESS, (host, call, list: Field[]) =>
    copyOf(
      host,
      call,
      list.map(([name, value]) => checkField(name, value)),
    ),
  ),
  '[method]fields.get': row(PROCESS, (_host, call, self: unknown, name: string) => {
    const values = named(FIELDS.of(self), name).map(([, value]) => value);
    call.chargeBytes(values.reduce((sum, { length }) => sum + length, 0));
    return values;
  }),
  '[method]fields.has': row(
    PROCESS,
    (_host, _call, self: unknown, name: string) => named(FIELDS.of(self), name).length > 0,
  ),
  '[method]fields.set': changing((fields, name: string, values: Uint8Array[]) => [
    ...others(fields, name),
    ...values.map((value) => checkField(name, value)),
  ]),
  '[method]fields.delete': changing((fields, name: string) => others(fields, name)),
  '[method]fields.append': changing((fields, name: string, value: Uint8Array) => [
    ...fields.entries,
    checkField(name, value),
  ]),
  '[method]fields.entries': row(PROCESS, (_host, call, self: unknown) => {
    const { entries } = FIELDS.of(self);
    call.chargeBytes(entries.reduce((sum, [name, value]) => sum + name.length + value.length, 0));
    return entries;
  }),
  '[method]fields.clone': row(PROCESS, (host, call, self: unknown) => copyOf(host, call, FIELDS.of(self).entries)),
  '[resource-drop]fields': row(PROCESS, (host, _call, self: unknown) => release(host, FIELDS.drop(self))),
};
