/** A profile as a picture: whoever is called below its caller, as wide as its gas. */

import { count, percent, share } from './figures.ts';
import { html, type Markup } from './html.ts';
import type { GasProfile, ProfileNode } from './profile.ts';

const WIDTH = 960;
const ROW = 20;
/** What is narrower is not drawn, and so the picture is bounded. */
const NARROWEST = 1;
const DEEPEST = 64;
/** Of a letter, about. */
const LETTER = 6.6;
const HUES = [212, 200, 224, 188, 236];

/** An SVG that stands alone; its size follows from how deep the calls are. */
export function flame(profile: GasProfile): Markup {
  const boxes: Markup[] = [];
  let depth = 0;
  const draw = (node: ProfileNode, x: number, width: number, level: number): void => {
    depth = Math.max(depth, level + 1);
    boxes.push(box(node, x, width, level, profile.gas));
    if (level + 1 >= DEEPEST) return;
    let at = x;
    for (const child of node.children) {
      const wide = WIDTH * share(child.gas, profile.gas);
      if (wide >= NARROWEST) draw(child, at, wide, level + 1);
      at += wide;
    }
  };
  draw(profile.root, 0, WIDTH, 0);
  return html`<svg class="flame" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${depth * ROW}" role="img" aria-label="gas by function" font-family="ui-monospace,Menlo,Consolas,monospace" font-size="11">${boxes}</svg>`;
}

function box({ name, gas }: ProfileNode, x: number, width: number, level: number, total: bigint): Markup {
  const y = level * ROW;
  const letters = Math.floor((width - 8) / LETTER);
  const label = name.length <= letters ? name : letters > 3 ? `${name.slice(0, letters - 1)}…` : undefined;
  const fill = `hsl(${HUES[level % HUES.length]} 62% ${64 + (level % 3) * 4}%)`;
  return html`<g><title>${shortened(name)}: ${count(gas)} units of gas, ${percent(share(gas, total))}</title><rect x="${x.toFixed(1)}" y="${y}" width="${Math.max(width - 1, 0.5).toFixed(1)}" height="${ROW - 1}" rx="2" fill="${fill}"/>${label !== undefined && html`<text x="${(x + 4).toFixed(1)}" y="${y + 13.5}" fill="#10203a">${label}</text>`}</g>`;
}

const LONGEST = 200;
const shortened = (name: string) => (name.length > LONGEST ? `${name.slice(0, LONGEST)}…` : name);
