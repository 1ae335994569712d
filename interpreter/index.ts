/** The interpreter: needs neither the host's `WebAssembly` nor code generation. */

export { laterLowering } from './code/index.ts';
export { interpreter } from './engine.ts';
export { loadInterpreter, loadWholeInterpreter, objects, threads, vectors } from './machine/index.ts';
export { snapshots } from './snapshot/index.ts';
export { constantObjects } from './store/index.ts';
