/** Columns of text, aligned. */

export type Align = 'left' | 'right';

/** Lines of `rows`, the first of them the heading; columns are two spaces apart. */
export function table(rows: readonly (readonly string[])[], align: readonly Align[] = []): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  return rows.map((row) =>
    row
      .map((cell, i) => (align[i] === 'right' ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

/** `1234567` as `1,234,567`. */
export function grouped(value: number | bigint): string {
  return String(value).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** Bytes for people: `1,536 bytes (1.5 KiB)`. */
export function bytesText(bytes: number): string {
  const units = ['KiB', 'MiB', 'GiB'];
  let size = bytes;
  let unit = '';
  for (let i = 0; size >= 1024 && i < units.length; i++) {
    size /= 1024;
    unit = units[i] as string;
  }
  const exact = `${grouped(bytes)} bytes`;
  return unit === '' ? exact : `${exact} (${Number(size.toFixed(1))} ${unit})`;
}
