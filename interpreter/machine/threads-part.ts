/** What {@link import('./parts.ts').threads} loads. */

export { GreenThreads } from './green-threads.ts';
export { ATOMIC } from './system-atomics.ts';
export { WaitsAlone, WaitsTogether } from './waits.ts';
