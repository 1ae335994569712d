/** The guest's call stack, for errors. */

import type { StackFrame } from '../../wasm/errors.ts';
import { functionName } from '../../wasm/names.ts';
import { HALT_PC, LEAVE_PC } from '../code/index.ts';
import type { Instance } from '../store/index.ts';
import type { Thread } from './thread.ts';

/** Frames that are kept: whoever looks for what went wrong needs no more, and a guest can make very many. */
const MOST_FRAMES = 100;

/** Where a guest stands, also when the thread has gone on: its return addresses are still there. */
export interface StackTop {
  readonly instance: Instance;
  readonly pc: number;
  readonly sp: number;
  /** Instances that wait for a call to return. */
  readonly callers: readonly Instance[];
  /** Whether it stands behind what was done last (the entry, a loop's header, a call of the host's), not at what is to be done. */
  readonly isBehind?: boolean;
}

const NOBODY: readonly Instance[] = [];

export function stackTop(thread: Thread): StackTop {
  const { pc, sp } = thread;
  const callers = thread.callers.length === 0 ? NOBODY : [...thread.callers];
  return { instance: thread.instance as Instance, pc, sp, callers };
}

/**
 * Where the guest stands, and what it returns to, up to the function that was called from outside. Addresses are taken
 * now; what they mean is looked up when somebody asks, which takes time for each function on the stack.
 */
export function backtrace(
  thread: Thread,
  { instance: first, pc, sp, callers: waiting, isBehind = false }: StackTop,
): () => readonly StackFrame[] {
  const places: [instance: Instance, pc: number][] = [[first, pc]];
  let instance = first;
  let callers = waiting.length;
  for (let at = sp - 1; at >= 0 && places.length < MOST_FRAMES; at--) {
    const address = thread.frames[at] as number;
    if (address === HALT_PC) break;
    if (address === LEAVE_PC) instance = waiting[--callers] as Instance;
    // What stands there follows the call.
    else places.push([instance, address - 1]);
  }
  return () => places.flatMap(([instance, pc], i) => frameAt(instance, pc, isBehind && i === 0));
}

function frameAt({ module, code }: Instance, pc: number, isBehind: boolean): StackFrame[] {
  const at = code.locate(pc, isBehind);
  if (at === undefined) return [];
  const functionIndex = module.importedFunctions + at.body;
  const { offset } = at;
  return [
    { functionIndex, functionName: functionName(module, functionIndex), offset, codeOffset: offset - module.codeStart },
  ];
}
