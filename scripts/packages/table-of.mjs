// What both scripts print: a table, or JSON.

const line = (cells) => `| ${cells.join(' | ').replaceAll('\n', ' ')} |`;

export const heading = (titles) => [titles, titles.map(() => '---')].map(line).join('\n');
export const row = (cells) => line(cells.map((cell) => String(cell).replaceAll('|', '\\|')));
export const word = (flag) => (flag === undefined ? '–' : flag ? 'yes' : 'NO');
export const units = (gas) => (gas === undefined ? '–' : BigInt(gas).toLocaleString('en'));

/** How many times the host's time engines took, in a cell. */
export function times(taken, host) {
  const ratios = taken.map((ms) => (ms === undefined || host === undefined ? '–' : `${(ms / host).toFixed(1)}×`));
  return ratios.join(' / ') + (host === undefined ? '' : ` of ${Math.round(host)} ms`);
}

/** Whether all that ended rightly cost the same; undefined where there are not two of them. */
export function sameGas(found) {
  const gas = found.filter(({ ok }) => ok).map(({ gas }) => gas);
  return gas.length < 2 ? undefined : gas.every((units) => units === gas[0]);
}
