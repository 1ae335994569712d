/** What element segments hold (specification 4.2.11). */

import type { Reference } from '../values/index.ts';
import { evaluate } from './constant.ts';
import type { Instance } from './instance.ts';

/** Values of an element segment, from `start` to before `end`. */
export function elementsOf(instance: Instance, segment: number, start: number, end: number): readonly Reference[] {
  const known = instance.segmentValues.get(segment);
  if (known !== undefined) return known.slice(start, end);
  const { elements } = instance.module;
  const areExpressions = elements.areExpressions(segment);
  const last = Math.min(end, elements.count(segment));
  const values: Reference[] = [];
  for (let i = start; i < last; i++) {
    values.push(
      areExpressions
        ? evaluate(instance, elements.expressionAt(segment, i)).reference
        : instance.function(elements.functionAt(segment, i)),
    );
  }
  return values;
}
