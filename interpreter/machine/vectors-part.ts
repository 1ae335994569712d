/** What {@link import('./parts.ts').vectors} loads. */

export { VECTOR } from '../vector/index.ts';
export { runVectors, VECTOR_LOOP } from './vector-loop.generated.ts';
