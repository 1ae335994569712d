/** The machine that runs code: threads, the loops, calls in and out, exceptions, and calls that are left. */

export { call } from './execute.ts';
export { callAsync, execution, WasmExecution } from './execution.ts';
export {
  type GreenThread,
  GreenThreads,
  isWaiting,
  THREAD_START,
  ThreadedExecution,
} from './green-threads.ts';
export { HostCaller } from './host-caller.ts';
export { catching, linking, objects, threads, vectors } from './parts.ts';
export { type Linked, starting } from './start.ts';
export { Store, storeOf } from './store.ts';
export type { Thread } from './thread.ts';
export { returnToCaller } from './unwind.ts';
