/** `wasm-sandbox/instrument` for runtimes that find packages by name: binaryen among them. */

import { provideOptimiser } from '../instrument/index.ts';

provideOptimiser(async () => (await import('../instrument/optimise.ts')).throughBinaryen);

export * from './instrument.ts';
