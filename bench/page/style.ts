/** How the page looks, in the light and in the dark, on a wide screen and on a narrow one. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1c2330; --paper: #fff; --faint: #dfe3ea; --weak: #5f6b7e; --good: #1c7c4a; --bad: #b3283f; --open: #8a5a00;
  --c0: #2a78d6; --c1: #d97a1f; --c2: #2f9e6b; --c3: #8a5bc7; --c4: #c7445f; --c5: #6b7280; --c6: #a3862a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --paper: #14171d; --faint: #323846; --weak: #98a1b0; --good: #55c98c; --bad: #f0788c; --open: #e0b04a;
  --c0: #5b9df0; --c1: #f09a4a; --c2: #55c08d; --c3: #ac84e2; --c4: #e87089; --c5: #9aa3b2; --c6: #cbb158; } }
* { box-sizing: border-box; }
body { margin: 2rem auto; max-width: 64rem; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.5rem; margin-bottom: 0.2rem; } h2 { font-size: 1.15rem; margin: 2.6rem 0 0.6rem; } p { margin: 0.5rem 0; white-space: pre-line; }
.run { color: var(--weak); } .headline { font-size: 1.05rem; border-left: 4px solid var(--c0); padding-left: 1rem; margin: 1.2rem 0; }
nav a { display: inline-block; margin-right: 1rem; color: var(--c0); }
summary { cursor: pointer; color: var(--c0); margin: 0.6rem 0; }
.table { overflow-x: auto; margin: 0.6rem 0; } table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 0.2rem 1rem 0.2rem 0; vertical-align: top; } th { font-weight: 400; } thead th { color: var(--weak); border-bottom: 1px solid var(--faint); }
tbody tr:hover { background: color-mix(in srgb, var(--faint) 45%, transparent); } td.number, th.number { text-align: right; white-space: nowrap; }
tr.apart > * { padding-top: 0.9rem; } th.within { padding-left: 1rem; } .met { color: var(--good); } .not-met { color: var(--bad); font-weight: 600; } .not-certain { color: var(--open); }
.legend { font-size: 13px; } .legend span { margin-right: 1.1rem; white-space: nowrap; } .legend i { display: inline-block; width: 0.75em; height: 0.75em; margin-right: 0.4em; border-radius: 2px; }
.chart { font-size: 13px; margin: 0.6rem 0 1rem; } .row { display: grid; grid-template-columns: 15rem 1fr; gap: 0 0.8rem; align-items: center; }
.label { text-align: right; overflow-wrap: anywhere; line-height: 1.25; } .track { position: relative; height: 1.5rem; margin-right: 2rem; }
.axis .track { height: 1.2rem; color: var(--weak); font-size: 11px; } .axis .track span { position: absolute; transform: translateX(-50%); white-space: nowrap; }
.tick, .limit { position: absolute; top: 0; bottom: 0; border-left: 1px solid var(--faint); } .limit { border-left: 2px dashed var(--bad); }
.half { position: absolute; top: calc(50% - 1px); height: 2px; } .mark { position: absolute; top: calc(50% - 5px); width: 10px; height: 10px; margin-left: -5px; border-radius: 50%; border: 1px solid var(--paper); }
.bar { display: flex; align-items: center; height: 100%; } .part { height: 62%; min-width: 1px; } .bar span { margin-left: 0.5rem; color: var(--weak); font-size: 12px; white-space: nowrap; }
@media (max-width: 40rem) { .row { grid-template-columns: 1fr; margin-bottom: 0.35rem; } .label { text-align: left; } .axis > span { display: none; } .track { margin: 0 1rem; } tbody th { min-width: 9rem; } td { min-width: 5.5rem; } }
`;
