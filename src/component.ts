/**
 * Components in sandboxes: typed exports, WASI preview 2 by the policy. Transpiled by `@bytecodealliance/jco-transpile`, to
 * be installed beside this package, at run time or ahead of time.
 * @module wasm-sandbox/component
 */

import { offerTranspiler } from './component-parts.ts';

offerTranspiler();

export * from './component/api.ts';
