/**
 * For notebooks of Deno's kernel: sandboxes, figures, audits and profiles as HTML and SVG, modules as cells, and guests that run
 * in the page.
 * @module wasm-sandbox/jupyter
 */

import { offerNative, offerNetwork } from './parts.ts';

offerNative();
offerNetwork();

export * from './jupyter/api.ts';
