/** Figures of samples. */

/** The value below which the share `q` (0 to 1) of the samples lies, interpolated; NaN for none. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const place = (sorted.length - 1) * q;
  const low = sorted[Math.floor(place)] ?? Number.NaN;
  const high = sorted[Math.ceil(place)] ?? Number.NaN;
  return low + (high - low) * (place - Math.floor(place));
}

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** Where a figure is, as far as the samples tell. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** A middle and how far half of the samples stray from it; and where the true middle is. */
export interface Spread extends Interval {
  readonly median: number;
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
}

export function spread(samples: readonly number[]): Spread {
  return {
    median: median(samples),
    lower: quantile(samples, 0.25),
    upper: quantile(samples, 0.75),
    ...interval(samples),
    count: samples.length,
  };
}

/** How sure an interval is, two-sided. */
const CONFIDENCE = 0.95;

/**
 * Where the median of what was sampled is, by the order of the samples alone (the sign test), whatever their distribution.
 * Of fewer than six it is all that they span, which is less sure.
 */
export function interval(samples: readonly number[]): Interval {
  const sorted = [...samples].sort((a, b) => a - b);
  const { length } = sorted;
  // How many samples may lie beyond either end: the chance of so few heads of a coin is what is left.
  let beyond = -1;
  let logarithm = -length * Math.LN2;
  for (let heads = 0, chance = 0; heads < length / 2; heads++) {
    chance += Math.exp(logarithm);
    if (chance > (1 - CONFIDENCE) / 2) break;
    beyond = heads;
    logarithm += Math.log((length - heads) / (heads + 1));
  }
  const skipped = Math.max(0, beyond);
  return { low: sorted[skipped] ?? Number.NaN, high: sorted[length - 1 - skipped] ?? Number.NaN };
}

/** What is between samples of two things that were taken in turn: by rounds, so that what slows both is in neither. */
export function differences(some: readonly number[], others: readonly number[]): number[] {
  return some.flatMap((sample, round) => (round < others.length ? [sample - (others[round] as number)] : []));
}

/** The same, of how many times some are the others. */
export function quotients(some: readonly number[], others: readonly number[]): number[] {
  return some.flatMap((sample, round) => (round < others.length ? [sample / (others[round] as number)] : []));
}

/** One divided by a figure. */
export function inverse({ median, lower, upper, low, high, count }: Spread): Spread {
  return { median: 1 / median, lower: 1 / upper, upper: 1 / lower, low: 1 / high, high: 1 / low, count };
}

/** The geometric mean of figures whose intervals are known, and its own; of figures that do not depend on one another. */
export function geometricMeanOf(figures: readonly Spread[]): Spread {
  const mean = geometricMean(figures.map(({ median }) => median));
  // Logarithms add up, and what is uncertain in them by the squares.
  const away = (end: (figure: Spread) => number) =>
    Math.sqrt(figures.reduce((sum, figure) => sum + Math.log(end(figure) / figure.median) ** 2, 0)) / figures.length;
  const below = (end: (figure: Spread) => number) => mean / Math.exp(away(end));
  const above = (end: (figure: Spread) => number) => mean * Math.exp(away(end));
  return {
    median: mean,
    lower: below(({ lower }) => lower),
    upper: above(({ upper }) => upper),
    low: below(({ low }) => low),
    high: above(({ high }) => high),
    count: figures.length,
  };
}
