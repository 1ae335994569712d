/** `wasi:io`. */

import { POLL } from './poll.ts';
import { ERRORS, STREAMS } from './streams.ts';
import type { Interface } from './table.ts';

export const IO: Readonly<Record<string, Interface>> = {
  'wasi:io/error': ERRORS,
  'wasi:io/poll': POLL,
  'wasi:io/streams': STREAMS,
};
