/** What the benchmark says of its samples: how certain it is, and what has changed. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compare, comparisonSection, figuresOf } from '../../bench/compare.ts';
import { marksChart } from '../../bench/page/chart.ts';
import { blockMarkup } from '../../bench/page/markup.ts';
import { differences, geometricMeanOf, interval, inverse, quotients, spread } from '../../bench/statistics.ts';
import { differenceText, number, sectionText } from '../../bench/table.ts';

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

describe('an interval', () => {
  test.each([
    // Ranks by the sign test at 95%, as tables of the binomial distribution have them.
    [5, { low: 1, high: 5 }],
    [6, { low: 1, high: 6 }],
    [9, { low: 2, high: 8 }],
    [25, { low: 8, high: 18 }],
    [100, { low: 40, high: 61 }],
    [1_100, { low: 518, high: 583 }],
  ])('of %i samples', (count, expected) => {
    expect(interval(upTo(count).reverse())).toEqual(expected);
  });

  test('holds the median, whatever the samples', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 1, max: 1e6, noNaN: true }), { minLength: 1 }), (samples) => {
        const { median, low, high, lower, upper } = spread(samples);
        expect(low).toBeLessThanOrEqual(median);
        expect(median).toBeLessThanOrEqual(high);
        expect(lower).toBeLessThanOrEqual(upper);
      }),
    );
  });

  test('is that of the mean of figures that vary alike, and narrower', () => {
    const figure = spread([8, 9, 10, 11, 12.5]);
    const mean = geometricMeanOf([figure, figure, figure, figure]);
    expect(mean.median).toBeCloseTo(10);
    expect(mean.high).toBeCloseTo(10 * Math.sqrt(1.25));
    expect(mean.low).toBeCloseTo(10 / Math.sqrt(1.25));
    expect(inverse(figure)).toMatchObject({ median: 0.1, low: 0.08, high: 0.125 });
  });
});

test('what was measured in turn is compared by rounds', () => {
  // The machine became three times as slow after the first round.
  expect(differences([11, 31, 32], [10, 30, 30])).toEqual([1, 1, 2]);
  expect(quotients([20, 60], [10, 30, 30])).toEqual([2, 2]);
});

test('a difference that the samples do not show is said to be none', () => {
  const microseconds = (value: number) => `${number(value)} µs`;
  expect(differenceText(spread([-8, 1, 3, 5, 26]), microseconds)).toBe('not distinguishable from nothing (± 26.0 µs)');
  expect(differenceText(spread([4, 5, 6]), microseconds)).toBe('5.00 µs');
  expect(differenceText(spread([-6, -5, -4]), microseconds)).toBe('-5.00 µs');
});

describe('two runs', () => {
  const machine = { runtime: 'Node 20', cpu: 'one', cores: 2, load: 0 };
  const run = (fib: number, json: number, cpu = 'one') => ({
    machine: { ...machine, cpu },
    bars: [],
    programs: [
      { name: 'fib', outcomes: { metered: { slowdown: spread([fib - 1, fib, fib + 1]) } } },
      { name: 'json', outcomes: { metered: { slowdown: spread([json - 1, json, json + 1]) } } },
    ],
  });

  test('differ where their intervals do', () => {
    const { changes, compared, conditions } = compare(run(10, 20), run(20, 20.5));
    expect([compared, conditions]).toEqual([2, []]);
    expect(changes.map(({ figure, ratio }) => [figure, ratio])).toEqual([
      ['programs › fib › outcomes › metered › slowdown', 2],
    ]);
  });

  test('are compared by name, and not by place', () => {
    const other = run(10, 20);
    const turned = { ...other, programs: [...other.programs].reverse() };
    expect([...figuresOf(other)].sort()).toEqual([...figuresOf(turned)].sort());
    expect(compare(other, turned).changes).toEqual([]);
  });

  test('say that they were not made under the same conditions', () => {
    const text = sectionText(comparisonSection(compare(run(10, 20), run(10, 20, 'another'))));
    expect(text).toContain('cpu: one before, another after');
    expect(text).toContain('0 of 2 figures have changed');
  });

  test('with nothing in common', () => {
    expect(sectionText(comparisonSection(compare(run(1, 2), { machine })))).toContain('no part in common');
  });
});

describe('the page', () => {
  test('takes nothing for markup', () => {
    const text = '<b title="&\'">';
    const markup = blockMarkup({ columns: [{ title: text }], rows: [[text]] });
    expect(markup).not.toContain(text);
    expect(markup.match(/&#60;b title=/g)).toHaveLength(2);
    expect(blockMarkup(text)).toBe('<p>&#60;b title=&#34;&#38;&#39;&#34;&#62;</p>');
  });

  test('leaves what was not measured out of a chart', () => {
    const mark = (value: number) => ({ value, title: '', colour: 0 });
    const chart = (...values: readonly number[]) =>
      marksChart({ rows: [{ label: 'a', marks: values.map(mark) }], legend: [], text: String });
    expect(chart(Number.NaN, 0)).toBe('');
    expect(chart(1, Number.NaN, 10).match(/class="mark"/g)).toHaveLength(2);
    // From 1 to 10 in all their width.
    expect(chart(1, 10)).toContain('class="mark" style="left:100.00%');
  });
});
