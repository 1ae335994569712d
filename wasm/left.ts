/** What natively running code says of itself when it is left: frames, and all that is outside of them. */

import type { Budget, Growth } from './budget.ts';
import type { CallingGuest } from './host.ts';
import type { PendingResult } from './host-call.ts';
import type { WasmModule } from './module.ts';
import type { ValType } from './types.ts';

/** A place in a function, by its bytes. */
export interface LeftPlace {
  /**
   * `entry`: at the beginning of the function. `loop`: behind the instruction of that name. `call`: behind a call, which
   * has not returned. `operation`: before an instruction that is a checkpoint itself.
   */
  readonly kind: 'entry' | 'loop' | 'call' | 'operation';
  /** Of the instruction in the module's bytes. */
  readonly offset: number;
}

/** What a frame holds at a place. */
export interface LeftPoint extends LeftPlace {
  /** Locals that may still be read, parameters first. */
  readonly locals: readonly number[];
  /**
   * Types of the operands, the lowest first: of a call those below its arguments, of what is left before it is done its
   * own among them.
   */
  readonly operands: readonly ValType[];
  /** What is on top of them when the call has returned, or the instruction is done. */
  readonly results: readonly ValType[];
}

/** A value: the words of a number or vector, or a reference. */
export interface LeftValue {
  readonly type: ValType;
  readonly words: readonly number[];
  /** Null, a value of the embedder's, or of a function its number in the module. */
  readonly reference: unknown;
}

/** A call that has not returned. */
export interface LeftFrame extends LeftPlace {
  /** Counted from the module's first body. */
  readonly body: number;
  /** Those that may still be read, by their number; others hold nothing. */
  readonly locals: readonly (readonly [local: number, value: LeftValue])[];
  /** The lowest first: of a call those below its arguments. */
  readonly operands: readonly LeftValue[];
}

/** What a guest waits for that was left in a host call. */
export interface LeftWait {
  /** Number of the imported function. */
  readonly index: number;
  readonly result: PendingResult;
}

/** A memory of the host's engine: the guest's bytes stay where they are. */
export interface LeftMemory {
  readonly raw: {
    readonly buffer: ArrayBufferLike;
    /** @throws where it cannot grow */
    grow(pages: number): unknown;
  };
  readonly growth: Growth;
}

/** What a guest is outside of its memory while nothing of it runs. */
export interface LeftState {
  readonly gasUsed: bigint;
  /** Whether the limit on gas was reached. */
  readonly exhausted: boolean;
  /** Those of the module's own that can be changed, by their number. */
  readonly globals: readonly (readonly [global: number, value: LeftValue])[];
  /** By table: elements, as {@link LeftValue.reference} has them. */
  readonly tables: readonly (readonly unknown[])[];
  /** Numbers of the passive segments that are, in ascending order; all others are when a guest has begun. */
  readonly droppedData: readonly number[];
  readonly droppedElements: readonly number[];
}

/** What a guest can drop. */
interface PassiveSegments {
  readonly data: readonly number[];
  readonly elements: readonly number[];
}

const passive = new WeakMap<WasmModule, PassiveSegments>();

/** Numbers of the segments that are not copied or dropped when a guest begins. */
export function passiveSegments(module: WasmModule): PassiveSegments {
  let found = passive.get(module);
  if (found === undefined) {
    const of = (segments: WasmModule['data'] | WasmModule['elements']): number[] => {
      const numbers: number[] = [];
      for (let i = 0; i < segments.length; i++) if (segments.mode(i) === 'passive') numbers.push(i);
      return numbers;
    };
    found = { data: of(module.data), elements: of(module.elements) };
    passive.set(module, found);
  }
  return found;
}

/** All that a guest is where it was left: one instance, which imports functions of the host's and nothing else. */
export interface LeftGuest extends LeftState {
  /** Number of the function that was called from outside. */
  readonly entered: number;
  /** The outermost first. */
  readonly frames: readonly LeftFrame[];
  readonly memories: readonly LeftMemory[];
  /** What its memories and tables have been taken from. */
  readonly budget: Budget;
  /** What it waits for; undefined where it is at a checkpoint. */
  readonly wait: LeftWait | undefined;
  /**
   * Tells the host function that it waits for what it has of the guest from now on.
   * @returns what ends that
   */
  moved(caller: CallingGuest): () => void;
}

/** A guest that is to be what another engine has made of it; nothing of it runs. */
export interface ReturningGuest extends LeftState {
  /** By memory: its bytes, where it is not one of the host's engine. */
  readonly bytes: readonly (Uint8Array | undefined)[];
}
