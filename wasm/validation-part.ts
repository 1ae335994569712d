/** What {@link import('./parts.ts').laterValidation} loads. */

export { addKeys } from './type-keys.ts';
export { RULES } from './validate-later.ts';
