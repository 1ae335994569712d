/** Assertions made wrong, to see that the runner notices. */

import type { FailureKind } from './host.ts';
import type { Command } from './script.ts';
import type { Pattern, RefPattern } from './values.ts';

const OTHER_KIND: Readonly<Record<RefPattern['kind'], RefPattern['kind']>> = {
  null: 'func',
  extern: 'host',
  host: 'extern',
  func: 'null',
  i31: 'struct',
  struct: 'array',
  array: 'i31',
  exn: 'null',
  eq: 'null',
  any: 'null',
};

const OTHER_FAILURE: Readonly<Record<FailureKind, FailureKind>> = {
  malformed: 'compile',
  compile: 'link',
  link: 'trap',
  trap: 'exhaustion',
  exhaustion: 'exception',
  exception: 'trap',
  other: 'trap',
};

/** A pattern that nothing matches which matches the given one. */
function alteredPattern(pattern: Pattern): Pattern {
  if (pattern.type === 'either') return { ...pattern, options: pattern.options.map(alteredPattern) };
  if (pattern.type === 'ref') return { type: 'ref', kind: OTHER_KIND[pattern.kind] };
  const [first, ...rest] = pattern.lanes;
  return { ...pattern, lanes: [typeof first === 'bigint' ? first ^ 1n : 0n, ...rest] };
}

/** The command with its expectation made wrong; undefined where it expects nothing. */
export function altered(command: Command): Command | undefined {
  if ('failure' in command) return { ...command, failure: OTHER_FAILURE[command.failure] };
  if (command.kind !== 'assert_return' || command.expected.length === 0) return undefined;
  return { ...command, expected: command.expected.map(alteredPattern) };
}
