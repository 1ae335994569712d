/** What the entries of components give. */

export { ComponentError } from '../../wasm/errors.ts';
export type { ComponentCode, ComponentDescription } from './code.ts';
export { Component, type ComponentExports, type ComponentStats } from './component.ts';
export type { ComponentImports, ComponentOptions, TranspiledOptions } from './options.ts';
