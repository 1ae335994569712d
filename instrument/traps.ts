/** From what engines say when a guest traps to the kinds of traps of the specification. */

import type { TrapKind } from '../wasm/errors.ts';

/** What an engine's message can stand for where it does not say which. */
export type Reported = TrapKind | 'table index' | 'callee';

/**
 * The wording of V8, SpiderMonkey, JavaScriptCore, and the specification, in this order where they differ. The first
 * pattern that matches counts.
 */
const MESSAGES: readonly (readonly [pattern: RegExp, kind: Reported])[] = [
  [/unreachable/i, 'unreachable'],
  [/(?:divide|remainder|division) by zero/i, 'divide-by-zero'],
  [
    /divide result unrepresentable|integer overflow|division by -1|out of bounds trunc|unrepresentable/i,
    'integer-overflow',
  ],
  [/invalid conversion to integer/i, 'invalid-conversion'],
  [/null function or function signature mismatch/i, 'callee'],
  [/uninitialized element|indirect call to null/i, 'uninitialized-element'],
  [
    /indirect call (?:type|signature) mismatch|signature mismatch$|call_indirect to a signature that does not match/i,
    'indirect-call-type-mismatch',
  ],
  [/undefined element/i, 'undefined-element'],
  [/out of bounds memory access|memory access out of bounds|index out of bounds|data segment/i, 'memory-out-of-bounds'],
  [/out of bounds table access|out-of-bounds table|element segment|table initializer/i, 'table-out-of-bounds'],
  [/table index is out of bounds|call_indirect|table/i, 'table index'],
];

/** Undefined where the message is unknown. */
export function reportedTrap(message: string): Reported | undefined {
  return MESSAGES.find(([pattern]) => pattern.test(message))?.[1];
}

/** How engines report that their own stack is full. */
export function isStackOverflow(error: unknown): boolean {
  return (
    (error instanceof RangeError || (error instanceof Error && error.name === 'InternalError')) &&
    /call stack|recursion/i.test(error.message)
  );
}
