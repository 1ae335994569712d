/** What entries have beyond the interpreter and the host functions that need nothing. */

import { http } from '../policy/parts.ts';
import { native } from './engines/choose.ts';

export function offerNative(): void {
  native.offer(() => import('./engines/native.ts'));
}

export function offerNetwork(): void {
  http.offer(() => import('../policy/net/functions.ts'));
}
