/** Text, paragraphs and tables as HTML. */

import type { Block, Table } from '../table.ts';

export function encoded(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

function tableMarkup({ columns, rows }: Table): string {
  const kind = (i: number) => (columns[i]?.right ? ' class="number"' : '');
  const head = columns.map(({ title }, i) => `<th scope="col"${kind(i)}>${encoded(title)}</th>`).join('');
  let setsApart = '';
  const body = rows.map((cells) => {
    if (cells.length === 0) {
      setsApart = ' class="apart"';
      return '';
    }
    const [first = '', ...others] = cells;
    const isTitle = cells.length === 1;
    const label = `<th scope="row"${isTitle ? ` colspan="${columns.length}"` : ''}${first.startsWith('  ') ? ' class="within"' : ''}>${encoded(first.trim())}</th>`;
    const rest = others.map((cell, i) => `<td${kind(i + 1)}>${encoded(cell)}</td>`).join('');
    const row = `<tr${setsApart}>${label}${rest}</tr>`;
    setsApart = '';
    return row;
  });
  return `<div class="table"><table><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
}

export function blockMarkup(block: Block): string {
  return typeof block === 'string' ? `<p>${encoded(block)}</p>` : tableMarkup(block);
}
