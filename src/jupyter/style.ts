/**
 * How what is shown looks. Every colour follows from that of the text around it, but for those of bars, which show on light
 * and dark: a notebook says nothing of its theme to what stands in it.
 */

const RULES = `
.wasm-sandbox{--gas:#4c84e8;--memory:#2a9d72;--bad:#d9534a;--line:color-mix(in srgb,currentColor 18%,transparent);--soft:color-mix(in srgb,currentColor 7%,transparent);font:13px/1.5 system-ui,sans-serif;max-width:60rem;margin:.25rem 0}
.wasm-sandbox *{box-sizing:border-box}
.wasm-sandbox h4{font-size:14px;line-height:1.4;font-weight:600;margin:0 0 .4rem;display:flex;gap:.6rem;align-items:baseline;flex-wrap:wrap}
.wasm-sandbox h5{font-size:11px;line-height:1.4;font-weight:600;letter-spacing:.05em;text-transform:uppercase;opacity:.65;margin:.9rem 0 .25rem}
.wasm-sandbox small{font-weight:400;opacity:.65}
.wasm-sandbox code,.wasm-sandbox pre{font:12px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:none;color:inherit;padding:0}
.wasm-sandbox pre{margin:0;padding:.5rem .7rem;background:var(--soft);border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere;max-height:24rem;overflow:auto}
.wasm-sandbox pre.value{font-size:14px}
.wasm-sandbox pre.bad{border-left:3px solid var(--bad)}
.wasm-sandbox table{border-collapse:collapse;margin:0;width:auto;max-width:100%;font-size:inherit;color:inherit;background:none}
.wasm-sandbox th,.wasm-sandbox td{padding:.2rem .9rem .2rem 0;text-align:left;border:0;border-bottom:1px solid var(--line);vertical-align:top;background:none;color:inherit;max-width:32rem;overflow-wrap:break-word;word-break:normal;white-space:normal}
.wasm-sandbox tr{background:none;border:0}
.wasm-sandbox th{font-weight:600;opacity:.65}
.wasm-sandbox th.n,.wasm-sandbox td.n{text-align:right;font-variant-numeric:tabular-nums}
.wasm-sandbox .bad{color:var(--bad)}
.wasm-sandbox .scroll{overflow:auto;max-height:26rem}
.wasm-sandbox .bars{display:grid;grid-template-columns:max-content minmax(8rem,22rem) max-content;gap:.3rem .8rem;align-items:center;margin:.3rem 0}
.wasm-sandbox .bars svg{display:block;width:100%;height:10px}
.wasm-sandbox .bars span:nth-child(3n){font-variant-numeric:tabular-nums}
.wasm-sandbox svg.flame{display:block;width:100%;height:auto;margin:.3rem 0}
`;

/** Said more than once, a class counts for more than what notebooks say of all tables. */
export const STYLE: string = RULES.replaceAll(/\.wasm-sandbox(?=[ {])/g, '.wasm-sandbox'.repeat(3));
