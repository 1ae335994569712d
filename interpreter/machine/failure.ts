/** What ends a guest that went too far, with where it was. */

import {
  type ErrorDetails,
  type GasExhausted,
  type Location,
  MemoryLimitExceeded,
  type RuntimeError,
  StackLimitExceeded,
  Trap,
  type TrapKind,
} from '../../wasm/errors.ts';
import { hintFor, type Stack } from '../../wasm/hint.ts';
import { functionName } from '../../wasm/names.ts';
import type { Instance } from '../store/index.ts';
import { backtrace, stackTop } from './backtrace.ts';
import type { Thread } from './thread.ts';

/** Where the guest is, or was, for messages. */
export function location(thread: Thread, top = stackTop(thread)): Location & Pick<ErrorDetails, 'frames'> {
  const { module, code } = top.instance;
  const at = code.locate(top.pc, top.isBehind);
  if (at === undefined) return {};
  const functionIndex = module.importedFunctions + at.body;
  const frames = backtrace(thread, top);
  return { functionIndex, functionName: functionName(module, functionIndex), offset: at.offset, frames };
}

export function outOfGas(thread: Thread): GasExhausted {
  return (thread.instance as Instance).tank.outOfGas(location(thread));
}

/** The same at a checkpoint, or around a call of the host's. */
export function outOfGasBehind(thread: Thread): GasExhausted {
  const top = { ...stackTop(thread), isBehind: true };
  return (thread.instance as Instance).tank.outOfGas(location(thread, top));
}

export function outOfStack(thread: Thread): StackLimitExceeded {
  return new StackLimitExceeded(
    `Stack limit exceeded: the next call would weigh more than ${thread.stackLimit} bytes; raise stackLimit`,
    location(thread),
  );
}

function stackOf({ globals, memory }: Instance): Stack {
  const pointer = () => {
    const [global] = globals;
    return global?.cells[global.at] as number;
  };
  return { pointer, memoryBytes: memory?.byteLength ?? 0 };
}

export function trapped(thread: Thread, kind: TrapKind): RuntimeError {
  const instance = thread.instance as Instance;
  const { budget } = instance;
  const at = location(thread);
  if (!budget.refused) return new Trap(kind, { ...at, hint: hintFor(kind, instance.module, stackOf(instance)) });
  const cause = new Trap(kind, at);
  return new MemoryLimitExceeded(
    `Memory limit exceeded: a growth beyond ${budget.limit} bytes was refused, and then the guest trapped: ${kind}; raise memoryLimit`,
    { ...at, cause },
  );
}

export function outOfMemory(thread: Thread): MemoryLimitExceeded {
  const { budget } = thread.instance as Instance;
  return new MemoryLimitExceeded(
    `Memory limit exceeded: no room for another object within ${budget.limit} bytes, of which ${budget.used} are in use; raise memoryLimit`,
    location(thread),
  );
}
