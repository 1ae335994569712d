/** The values that travel between a script and an implementation, and the patterns results are compared with. */

export type NumberType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

/** A number as its bit pattern, unsigned, so that NaN payloads and vectors are exact. Lane 0 is the lowest bits. */
export interface NumberValue {
  readonly type: NumberType;
  readonly bits: bigint;
}

/** The four hierarchies of heap types (specification, section 3.3.3), by their top type. */
export type Hierarchy = 'any' | 'func' | 'extern' | 'exn';

export type RefKind = 'null' | 'extern' | 'host' | 'func' | 'i31' | 'struct' | 'array' | 'exn';

export interface RefValue {
  readonly type: 'ref';
  /** `extern` and `host` are references to host objects, seen as `externref` and as `anyref`. */
  readonly kind: RefKind;
  /** Which host object; absent for a reference that holds no host object. */
  readonly id?: number | undefined;
  /** Which null; absent when the implementation does not say. */
  readonly hierarchy?: Hierarchy | undefined;
}

export type SpecValue = NumberValue | RefValue;

export type NanPattern = 'nan:canonical' | 'nan:arithmetic';

/** A number is a vector of one lane. */
export interface NumberPattern {
  readonly type: NumberType;
  readonly laneBits: 8 | 16 | 32 | 64;
  readonly lanes: readonly (bigint | NanPattern)[];
}

export interface RefPattern {
  readonly type: 'ref';
  readonly kind: RefKind | 'eq' | 'any';
  readonly id?: number | undefined;
  readonly hierarchy?: Hierarchy | undefined;
}

export interface EitherPattern {
  readonly type: 'either';
  readonly options: readonly Pattern[];
}

export type Pattern = NumberPattern | RefPattern | EitherPattern;

/** Which hierarchy a heap type belongs to, by its name in the text format. */
export const HIERARCHIES: Readonly<Record<string, Hierarchy>> = {
  any: 'any',
  eq: 'any',
  i31: 'any',
  struct: 'any',
  array: 'any',
  none: 'any',
  func: 'func',
  nofunc: 'func',
  extern: 'extern',
  noextern: 'extern',
  exn: 'exn',
  noexn: 'exn',
};

/** What a reference pattern wider than one kind stands for. */
const WIDE_KINDS = {
  eq: ['i31', 'struct', 'array'],
  any: ['i31', 'struct', 'array', 'host'],
} as const satisfies Record<string, readonly RefKind[]>;

/** Exponent and quiet bit; the sign is free in both patterns (specification, section 4.3.3). */
const QUIET_NAN = { 32: 0x7fc00000n, 64: 0x7ff8000000000000n } as const;

function matchesLane(bits: bigint, laneBits: number, pattern: bigint | NanPattern): boolean {
  if (typeof pattern === 'bigint') return bits === pattern;
  if (laneBits !== 32 && laneBits !== 64) return false;
  const quiet = QUIET_NAN[laneBits];
  if (pattern === 'nan:arithmetic') return (bits & quiet) === quiet;
  return BigInt.asUintN(laneBits - 1, bits) === quiet;
}

function matchesRef(value: RefValue, pattern: RefPattern): boolean {
  const { kind } = pattern;
  const kinds: readonly RefKind[] = kind === 'eq' || kind === 'any' ? WIDE_KINDS[kind] : [kind];
  if (!kinds.includes(value.kind)) return false;
  if (pattern.id !== undefined && pattern.id !== value.id) return false;
  return !pattern.hierarchy || !value.hierarchy || pattern.hierarchy === value.hierarchy;
}

/** Whether a result is one of those the pattern allows. */
export function matches(value: SpecValue, pattern: Pattern): boolean {
  if (pattern.type === 'either') return pattern.options.some((option) => matches(value, option));
  if (pattern.type === 'ref') return value.type === 'ref' && matchesRef(value, pattern);
  if (value.type !== pattern.type) return false;
  const { laneBits } = pattern;
  return pattern.lanes.every((lane, index) =>
    matchesLane(BigInt.asUintN(laneBits, value.bits >> BigInt(index * laneBits)), laneBits, lane),
  );
}

function showLane(lane: bigint | NanPattern): string {
  return typeof lane === 'bigint' ? `0x${lane.toString(16)}` : lane;
}

/** One value or pattern as a person reads it. */
export function show(value: SpecValue | Pattern): string {
  if (value.type === 'either') return `(either ${value.options.map(show).join(' ')})`;
  if (value.type === 'ref')
    return `(ref.${[value.kind, value.hierarchy, value.id].filter((x) => x !== undefined).join(' ')})`;
  const lanes = 'bits' in value ? [value.bits] : value.lanes;
  return `(${value.type} ${lanes.map(showLane).join(' ')})`;
}

export function showAll(values: readonly (SpecValue | Pattern)[]): string {
  return values.length === 0 ? 'nothing' : values.map(show).join(' ');
}
