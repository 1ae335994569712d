/** The pages. Whatever is put into one by `html` is escaped, unless `html` has made it. */

import { GAS_LIMIT } from './plugins.mjs';

/** Bytes of an output that are shown. */
const SHOWN = 64 * 1024;

class Html {
  constructor(text) {
    this.text = text;
  }
}

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escaped(value) {
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return value.map(escaped).join('');
  return String(value ?? '').replace(/[&<>"']/g, (character) => ENTITIES[character]);
}

function html(parts, ...values) {
  return new Html(parts.reduce((text, part, index) => text + escaped(values[index - 1]) + part));
}

const number = (value) => value.toLocaleString('en');

function page(title, body) {
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="stylesheet" href="/style.css">
<header><a href="/">Plug-ins</a></header>
<main>${body}</main>
</html>
`.text;
}

export function homePage(plugins) {
  const item = ({ id, name, size, functions }) => html`
  <li><a href="/plugins/${id}">${name}</a> <small>${number(size)} bytes, ${functions.length} functions</small></li>`;
  return page(
    'Plug-ins',
    html`
<h1>Plug-ins</h1>
<form method="post" action="/plugins" enctype="multipart/form-data" class="card">
  <label>A plug-in <input type="file" name="plugin" accept=".wasm" required></label>
  <button>Upload</button>
</form>
${plugins.length === 0 ? html`<p>None has been uploaded yet.</p>` : html`<ul class="card">${plugins.map(item)}</ul>`}`,
  );
}

/** @param ran what a call was given, what came of it, and the problem where it failed; undefined before the first */
export function pluginPage(plugin, ran) {
  const option = (name) => html`<option${ran?.function === name ? html` selected` : ''}>${name}</option>`;
  return page(
    plugin.name,
    html`
<h1>${plugin.name}</h1>
<form method="post" action="/plugins/${plugin.id}" class="card">
  <label>Function <select name="function">${plugin.functions.map(option)}</select></label>
  <label>Input <textarea name="input" rows="4">
${ran?.input}</textarea></label>
  <button>Run</button>
</form>
${ran === undefined ? '' : result(ran)}`,
  );
}

function result({ output, problem, gasUsed, events }) {
  return html`
<section class="card" aria-label="Result">
  ${problem === undefined ? outputOf(output) : told(problem)}
  <p><label>Gas <progress max="${GAS_LIMIT}" value="${gasUsed}"></progress></label>
    <span id="gas">${number(gasUsed)}</span> of ${number(GAS_LIMIT)}</p>
</section>
<section class="card" aria-label="Audit">
  <h2>What it asked for</h2>
  ${events.length === 0 ? html`<p>Nothing.</p>` : audit(events)}
</section>`;
}

function outputOf(bytes) {
  const rest = bytes.length - SHOWN;
  return html`<h2>Output</h2>
  <pre id="output">${new TextDecoder().decode(bytes.subarray(0, SHOWN))}</pre>
  ${rest > 0 ? html`<p>${number(rest)} bytes more are not shown.</p>` : ''}`;
}

const told = ({ title, detail }) => html`<h2 class="failed">${title}</h2>${detail ? html`<p>${detail}</p>` : ''}`;

function audit(events) {
  const row = (event) => html`
    <tr${event.allowed ? '' : html` class="refused"`}><td>${event.sequence}<td>${event.function}
      <td>${event.allowed ? 'allowed' : `refused: ${event.reason ?? event.rule}`}<td>${event.bytes}<td>${event.result}<td>${number(event.gasUsed)}`;
  return html`<div class="scroll"><table>
    <tr><th>#<th>Function<th>Decision<th>Bytes<th>Result<th>Gas by then${events.map(row)}
  </table></div>`;
}

export function problemPage(problem) {
  return page(problem.title, html`<section class="card">${told(problem)}<p><a href="/">Back</a></p></section>`);
}
