/** Figures for people. */

/** With separators of thousands, the same everywhere. */
export function count(value: bigint | number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB'];

export function bytes(value: number): string {
  let size = value;
  let unit = 0;
  while (size >= 1024 && unit < UNITS.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${Number(size.toFixed(1))} ${UNITS[unit]}`;
}

export function milliseconds(value: number): string {
  return `${value < 10 ? value.toFixed(2) : Math.round(value)} ms`;
}

/** From 0 to 1, also where the whole is nothing. */
export function share(part: bigint | number, whole: bigint | number): number {
  const [a, b] = [Number(part), Number(whole)];
  return b > 0 ? Math.min(1, Math.max(0, a / b)) : 0;
}

export function percent(fraction: number): string {
  const value = 100 * fraction;
  if (value > 0 && value < 0.1) return '<0.1%';
  return `${value === 0 || value >= 10 ? Math.round(value) : value.toFixed(1)}%`;
}
