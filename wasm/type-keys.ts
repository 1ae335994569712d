/** Makes the keys of types (type-texts.ts). */

import { sha256 } from './sha256.ts';
import type { TypeTexts } from './type-texts.ts';
import { type DefinedType, definedIndex, type FieldType, isNullable, typeName, type ValType } from './types.ts';
import { encodeUtf8 } from './utf8.ts';

/** Keys longer than this are replaced by their digest, or they would double with every type that names another. */
const MAX_KEY = 80;

function shorten(key: string): string {
  return key.length <= MAX_KEY ? key : `#${sha256(encodeUtf8(key))}`;
}

function content(type: DefinedType, name: (type: ValType) => string): string {
  const field = ({ type: of, mutable }: FieldType) => (mutable ? `mut ${name(of)}` : name(of));
  switch (type.kind) {
    case 'function':
      return `${type.params.map(name)}->${type.results.map(name)}`;
    case 'struct':
      return `struct(${type.fields.map(field)})`;
    case 'array':
      return `array(${field(type.element)})`;
  }
}

/** Adds those of all groups that have none yet. */
export function addKeys(to: TypeTexts): void {
  const { groups, types, keys } = to;
  // A group names none but itself and earlier ones.
  for (let at = 0; at < groups.length; at += 2) {
    const [start, length] = [groups[at] as number, groups[at + 1] as number];
    const members = new Map<DefinedType, number>();
    for (let i = 0; i < length; i++) members.set(types[start + i] as DefinedType, i);
    const texts = [...members.keys()].map((member) => textOf(to, member, members));
    const group = shorten(length === 1 ? (texts[0] as string) : `rec(${texts.join(';')})`);
    for (const [member, i] of members) keys.set(member, length === 1 ? group : `${group}.${i}`);
  }
  to.groups = [];
}

function textOf({ types, keys }: TypeTexts, type: DefinedType, members: ReadonlyMap<DefinedType, number>): string {
  const defined = (named: DefinedType): string => {
    const member = members.get(named);
    return member === undefined ? `<${keys.get(named) ?? named.key}>` : `rec.${member}`;
  };
  const name = (of: ValType): string => {
    const index = definedIndex(of);
    if (index < 0) return typeName(of);
    return `(ref ${isNullable(of) ? 'null ' : ''}${defined(types[index] as DefinedType)})`;
  };
  const { isFinal, supertype } = type;
  const above = supertype === undefined ? '' : `sub ${defined(supertype)} `;
  return `${isFinal ? '' : 'open '}${above}${content(type, name)}`;
}
