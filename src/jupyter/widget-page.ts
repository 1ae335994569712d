/** The page of a widget, which needs nothing else: style, module, and the program that runs it. */

import { UsageError } from '../../wasm/errors.ts';
import { count } from './figures.ts';
import { html, Markup } from './html.ts';
import { CONFIG_ID, type PageConfig } from './page/config.ts';

/** Of a page: light or dark, or as what it stands in. */
export type Theme = 'auto' | 'light' | 'dark';

const SCHEMES: Readonly<Record<Theme, string>> = { auto: 'light dark', light: 'light', dark: 'dark' };

const STYLE = `
:root{--page:light-dark(#fff,#15181e);--card:light-dark(#f6f7f9,#1d2129);--text:light-dark(#1b1f27,#e4e7ec);--dim:light-dark(#667085,#98a1b3);--line:light-dark(#d9dde5,#343b48);--gas:light-dark(#2f6fe0,#6c9dff);--memory:light-dark(#1f8a62,#45c596);--bad:light-dark(#c6362c,#ff7a70)}
*{box-sizing:border-box}
[hidden]{display:none!important}
body{margin:0;padding:2px;font:14px/1.5 system-ui,sans-serif;color:var(--text)}
main{background:var(--page);border:1px solid var(--line);border-radius:10px;overflow:hidden}
header{display:flex;justify-content:space-between;align-items:baseline;gap:1rem;padding:.6rem .9rem;background:var(--card);border-bottom:1px solid var(--line)}
h1{font:600 14px/1.4 system-ui,sans-serif;margin:0;overflow-wrap:anywhere}
small,.dim{color:var(--dim);font-size:12px;font-weight:400}
section{padding:.8rem .9rem;display:grid;gap:.7rem}
#inputs:empty{display:none}
#inputs{display:flex;flex-wrap:wrap;gap:.7rem}
label{display:grid;gap:.15rem;flex:1 1 9rem;max-width:16rem}
label:has(textarea){flex-basis:100%;max-width:none}
label span{font-size:12px}
input,select,textarea,button{font:inherit;color:inherit;background:var(--page);border:1px solid var(--line);border-radius:6px;padding:.35rem .55rem;min-width:0}
input,select,textarea{font:13px/1.5 ui-monospace,Menlo,Consolas,monospace;width:100%}
textarea{resize:vertical}
input:focus-visible,select:focus-visible,textarea:focus-visible,button:focus-visible{outline:2px solid var(--gas);outline-offset:1px}
input[aria-invalid]{border-color:var(--bad)}
#buttons{display:flex;gap:.5rem;align-items:center}
button{cursor:pointer;padding:.35rem .95rem;background:var(--card)}
button:disabled{opacity:.45;cursor:default}
#run{background:var(--gas);border-color:var(--gas);color:light-dark(#fff,#0d1220);font-weight:600}
#bars{display:grid;grid-template-columns:max-content 1fr max-content;gap:.35rem .8rem;align-items:center;padding:.7rem .9rem;border-top:1px solid var(--line);font-size:12px;font-variant-numeric:tabular-nums}
.track{height:8px;border-radius:4px;background:var(--line);overflow:hidden}
.track div{height:100%;width:0;border-radius:4px;transition:width .12s}
#gas-bar{background:var(--gas)}#memory-bar{background:var(--memory)}.track .full{background:var(--bad)!important}
.part{padding:.5rem .9rem .7rem;border-top:1px solid var(--line)}
.part h2{font:600 11px/1.4 system-ui,sans-serif;letter-spacing:.05em;text-transform:uppercase;color:var(--dim);margin:0 0 .25rem}
pre{margin:0;font:13px/1.5 ui-monospace,Menlo,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere;max-height:18rem;overflow:auto}
#result{font-size:15px}
.bad{color:var(--bad)}
`;

/** Unpacks the program, and has it run. */
const START = `const bytes = Uint8Array.from(atob(document.getElementById('program').textContent), (c) => c.charCodeAt(0));
const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
const script = document.createElement('script');
script.type = 'module';
script.textContent = await new Response(unpacked).text();
document.body.append(script);`;

/**
 * @param script the page's program, gzipped, as base64
 * @throws UsageError where there is none
 */
export function widgetPage(config: PageConfig, script: string, theme: Theme): string {
  if (script === '')
    throw new UsageError(
      "the program of the page is made of the built package's files, where they can be read: by Deno, Node or Bun, unbundled, " +
        'after npm run build',
    );
  const size = count(Math.floor((config.module.length * 3) / 4));
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="${SCHEMES[theme]}"><title>${config.title}</title><style>:root{color-scheme:${SCHEMES[theme]}}${new Markup(STYLE)}</style></head>
<body><main>
<header><h1>${config.title}</h1><small>${size} bytes, run in this page</small></header>
<section><label id="choice" hidden><span>function</span><select id="function"></select></label><div id="inputs"></div>
<div id="buttons"><button id="run" type="button">Run</button><button id="stop" type="button" disabled>Stop</button><button id="reset" type="button">Reset</button><span class="dim" id="time"></span></div></section>
<div id="bars"><span>gas</span><div class="track"><div id="gas-bar"></div></div><span id="gas-told"></span><span>memory</span><div class="track"><div id="memory-bar"></div></div><span id="memory-told"></span></div>
<div class="part" hidden><h2>result</h2><pre id="result" aria-live="polite"></pre></div>
<div class="part" hidden><h2>standard output</h2><pre id="stdout"></pre></div>
<div class="part" hidden><h2>standard error</h2><pre id="stderr"></pre></div>
</main>
<script type="application/json" id="${CONFIG_ID}">${inScript(JSON.stringify(config))}</script>
<script type="application/octet-stream" id="program">${script}</script>
<script type="module">${new Markup(START)}</script>
</body></html>`.text;
}

/** JSON that ends no script, whatever is in it. */
function inScript(json: string): Markup {
  return new Markup(
    json.replace(/[<>&\u2028\u2029]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
}
