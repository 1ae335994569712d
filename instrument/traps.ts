/** From what engines say when a guest traps to the kinds of traps of the specification. */

import type { TrapKind } from '../wasm/errors.ts';

/** What an engine's message can stand for where it does not say which, or not in every version. */
export type Reported = TrapKind | 'index' | 'table index' | 'callee';

/**
 * The wording of V8, SpiderMonkey, JavaScriptCore, and the specification, in this order where they differ. The first
 * pattern that matches counts. V8 and JavaScriptCore say of a null element that its signature differs.
 */
const MESSAGES: readonly (readonly [pattern: RegExp, kind: Reported])[] = [
  [/unreachable/i, 'unreachable'],
  [/(?:divide|remainder|division) by zero/i, 'divide-by-zero'],
  [
    /divide result unrepresentable|integer overflow|division by -1|out of bounds trunc|unrepresentable/i,
    'integer-overflow',
  ],
  [/invalid conversion to integer/i, 'invalid-conversion'],
  [
    /uninitialized element|indirect call to null|call_indirect to a null|null function(?! or)/i,
    'uninitialized-element',
  ],
  [/signature|indirect call type mismatch/i, 'callee'],
  [/undefined element|out of bounds call_indirect/i, 'undefined-element'],
  [/unaligned (?:memory )?access/i, 'unaligned-atomic'],
  [/memory access|data segment/i, 'memory-out-of-bounds'],
  [/out.of.bounds table access|element segment|table initializer/i, 'table-out-of-bounds'],
  [/table|call_indirect/i, 'table index'],
  [/index out of bounds/i, 'index'],
];

/** JavaScriptCore quotes the host's own code, which may have any words. */
const EVALUATING = / \(evaluating '.*$/s;

/** Undefined where the message is unknown. */
export function reportedTrap(message: string): Reported | undefined {
  const said = message.replace(EVALUATING, '');
  return MESSAGES.find(([pattern]) => pattern.test(said))?.[1];
}

/** How engines report that their own stack is full. */
export function isStackOverflow(error: unknown): boolean {
  return (
    (error instanceof RangeError || (error instanceof Error && error.name === 'InternalError')) &&
    /call stack|recursion/i.test(error.message)
  );
}
