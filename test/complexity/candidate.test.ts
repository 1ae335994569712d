import { describe, expect, test } from 'vitest';
import { decode } from '../../wasm/decode.ts';
import { build, type Candidate, CONSTRUCTS, type Kind, parse, plain, print, small } from './candidate.ts';
import { evenWeights, fitted, randomFrom, randomSkeleton, shrink, sizeOf, sweep } from './search.ts';

const LIMIT = 1 << 20;

function namesOf(kind: Kind): string[] {
  return [...CONSTRUCTS].flatMap(([name, known]) => (known.kind === kind ? [name] : []));
}

/** Why a module is refused; undefined where it is not. */
function refusal(candidate: Candidate): string | undefined {
  try {
    decode(build(candidate, LIMIT));
    return undefined;
  } catch (error) {
    return `${print(candidate)}: ${error instanceof Error ? error.message : error}`;
  }
}

describe('candidates', () => {
  test('every construct makes a module that is valid', () => {
    expect(small().map(refusal).filter(Boolean)).toEqual([]);
  });

  test('so does every pair of what stands around and what is done there', () => {
    const pairs = namesOf('around').flatMap((around) =>
      namesOf('action').map((action) => [around, action].map((name) => withParameters(name, 3))),
    );
    expect(pairs.map(refusal).filter(Boolean)).toEqual([]);
  });

  test('so do random ones', () => {
    const random = randomFrom(7);
    const candidates = Array.from({ length: 60 }, () => {
      const skeleton = randomSkeleton(random);
      return fitted(skeleton, evenWeights(skeleton), 1_000);
    });
    expect(candidates.map(refusal).filter(Boolean)).toEqual([]);
  });

  test('are what their text says', () => {
    for (const text of ['locals:49000:i64 br_if:1000', 'copies:2 nested:3:4:v128 br_table:5:6', 'started']) {
      expect(print(parse(text))).toBe(text);
    }
    expect(() => parse('no-such:1')).toThrow('no construct no-such');
    expect(() => parse('br_if')).toThrow('br_if takes count');
    expect(() => parse('br_if:1:2')).toThrow('br_if takes count');
    expect(() => parse('br_if:many')).toThrow('br_if takes count');
  });

  test('are as large as they are asked to be', () => {
    for (const skeleton of [parse('exports:1:1'), parse('block:1 br_if:1'), parse('copies:1 locals:1 calls:1')]) {
      const bytes = sizeOf(fitted(skeleton, evenWeights(skeleton), 20_000), LIMIT);
      expect(bytes).toBeLessThanOrEqual(20_000);
      expect(bytes).toBeGreaterThan(15_000);
    }
    expect(plain(20_000).length).toBeGreaterThan(19_900);
    expect(plain(20_000).length).toBeLessThan(20_100);
  });

  test('are swept through once each, the same for the same seed', () => {
    const texts = sweep(randomFrom(1)).map(print);
    expect(new Set(texts).size).toBe(texts.length);
    expect(sweep(randomFrom(1)).map(print)).toEqual(texts);
    expect(sweep(randomFrom(2)).map(print)).not.toEqual(texts);
    expect(texts.length).toBeGreaterThan(1_500);
  });
});

describe('shrinking', () => {
  test('leaves out what has no part in it, and finds about the least of what has', async () => {
    const isBad = async (candidate: Candidate) => {
      const of = (name: string) => candidate.find((term) => term.name === name)?.values[0] ?? 0;
      return of('block') * of('br_if') > 10_000;
    };
    const least = await shrink(parse('exports:50:9 locals:30:v128 block:900 br_if:5000 loops:7'), isBad);
    expect(least.map(({ name }) => name)).toEqual(['block', 'br_if']);
    const product = least.reduce((sum, { values }) => sum * (values[0] as number), 1);
    expect(product).toBeGreaterThan(10_000);
    expect(product).toBeLessThan(20_000);
  });

  test('keeps a type only where it matters', async () => {
    const isBad = async (candidate: Candidate) => candidate.some(({ type }) => type === 'v128');
    const least = await shrink(parse('locals:100:v128 block:7:i64 br_if:90'), isBad);
    expect(print(least)).toBe('locals:1:v128');
  });
});

function withParameters(name: string, value: number): Candidate[number] {
  const parameters = CONSTRUCTS.get(name)?.construct.parameters ?? [];
  return { name, values: parameters.map(({ most }) => Math.min(value, most)), type: undefined };
}
