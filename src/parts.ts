/** What entries have beyond the interpreter and the host functions that need nothing. */

import { http } from '../policy/parts.ts';
import { leavable, native } from './engines/choose.ts';

export function offerNative(): void {
  native.offer(() => import('./engines/native.ts'));
  leavable.offer(() => import('./engines/leavable.ts'));
}

export function offerNetwork(): void {
  http.offer(() => import('../policy/net/functions.ts'));
}
