/**
 * A module to be measured: a list of constructs with their parameters. As text `locals:49000:i64 br_if:1000`: the names,
 * and the parameters and the type of values behind colons. Those that stand around others are in the order in which
 * they are opened, and what is done is done in the innermost.
 */

import { unsigned } from '../generate/encode.ts';
import { ACTIONS, AROUND, type Construct, Site } from './body.ts';
import { PARTS } from './parts.ts';
import { Code, Shape, VALUE_TYPES, type ValueType } from './shape.ts';

export interface Term {
  readonly name: string;
  readonly values: readonly number[];
  readonly type: ValueType | undefined;
}

export type Candidate = readonly Term[];

/** How many functions have the body. */
const COPIES: Construct<unknown, void> = { parameters: [{ name: 'count', most: 200_000 }], write: () => undefined };

export type Kind = 'module' | 'copies' | 'around' | 'action';

interface Known {
  readonly kind: Kind;
  readonly construct: Construct<never, unknown>;
}

/** All constructs, by name. */
export const CONSTRUCTS: ReadonlyMap<string, Known> = new Map([
  ...known('module', PARTS),
  ...known('copies', { copies: COPIES }),
  ...known('around', AROUND),
  ...known('action', ACTIONS),
]);

function known(kind: Kind, table: Readonly<Record<string, Construct<never, unknown>>>): [string, Known][] {
  return Object.entries(table).map(([name, construct]) => [name, { kind, construct }]);
}

export function constructOf({ name }: Pick<Term, 'name'>): Known {
  const found = CONSTRUCTS.get(name);
  if (found === undefined) throw new Error(`no construct ${name}; there are: ${[...CONSTRUCTS.keys()].join(', ')}`);
  return found;
}

/** @throws Error for a text that names no candidate */
export function parse(text: string): Candidate {
  return text
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => {
      const [name = '', ...rest] = word.split(':');
      const { construct } = constructOf({ name });
      const last = rest.at(-1);
      const type = last !== undefined && Object.hasOwn(VALUE_TYPES, last) ? (rest.pop() as ValueType) : undefined;
      const given = rest.map(Number);
      if (given.length !== construct.parameters.length || given.some((value) => !Number.isSafeInteger(value))) {
        throw new Error(`${name} takes ${construct.parameters.map((each) => each.name).join(', ') || 'no parameters'}`);
      }
      return { name, values: given, type };
    });
}

export function print(candidate: Candidate): string {
  return candidate.map(({ name, values, type }) => [name, ...values, ...(type ? [type] : [])].join(':')).join(' ');
}

/** The name of the export that does it once; and of the one that does it as often as its argument says. */
export const ONCE = 'f';
export const MANY_TIMES = 'run';

/** @throws TooLarge */
export function build(candidate: Candidate, limit: number): Uint8Array {
  const shape = new Shape(limit);
  const ofKind = (kind: Kind) => candidate.filter((term) => constructOf(term).kind === kind);
  const imports = ofKind('module').filter(({ name }) => name.includes('imports'));
  const others = ofKind('module').filter((term) => !imports.includes(term));
  for (const term of [...imports, ...others]) write(term, shape);

  const [copies = 1] = ofKind('copies')[0]?.values ?? [];
  const site = new Site(shape);
  const closers = ofKind('around').map((term) => write(term, site) as () => void);
  for (const term of ofKind('action')) write(term, site);
  for (const close of closers.reverse()) close();
  site.values(site.resultType, site.results.length);
  const first = shape.function(shape.signature(site.params, site.results), site.runs, site.code.finish(), copies);

  const caller = new Code(limit);
  const taking = new Code(limit);
  for (const [count, type] of site.paramRuns) shape.values(taking, type, count);
  const given = taking.finish();
  for (let i = 0; i < copies; i++) {
    caller
      .bytes(given)
      .u8(0x10)
      .unsigned(first + i);
    shape.drop(caller, site.resultType, site.results.length);
  }
  const once = shape.function(shape.signature([], []), [], caller.finish());
  shape.export(ONCE, 0, once);
  // loop: call, subtract 1 from the parameter, again unless it is 0.
  const loop = [0x03, 0x40, 0x10, ...unsigned(once), 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b];
  shape.export(MANY_TIMES, 0, shape.function(shape.signature([VALUE_TYPES.i32], []), [], loop));
  return shape.finish();
}

function write<Place>(term: Term, place: Place): unknown {
  // Which place a construct wants is told by its kind.
  const construct = constructOf(term).construct as unknown as Construct<Place, unknown>;
  const [n = 0, m = 0] = term.values;
  return construct.write(place, n, m, term.type ?? construct.types?.[0] ?? 'i32');
}

/** One of every construct, with small parameters. */
export function small(): Candidate[] {
  return [...CONSTRUCTS].map(([name, { construct }]) => {
    const { parameters } = construct;
    return [{ name, values: parameters.map(({ most }) => Math.min(10, most)), type: undefined }];
  });
}

/** A module that is nothing out of the ordinary: one function of additions. */
export function plain(size: number): Uint8Array {
  const shape = new Shape(2 * size + 1024);
  const code = new Code(2 * size + 1024)
    .bytes([0x41, 0])
    .repeat([0x41, 1, 0x6a], Math.max(1, Math.round((size - 60) / 3)));
  shape.export(ONCE, 0, shape.function(shape.signature([], []), [], code.bytes([0x1a]).finish()));
  return shape.finish();
}
