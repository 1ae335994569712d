/** What looks at everything that a tenant could have left behind. */

import type { Call } from './history.ts';

const call = (name: string, ...args: number[]): Call => ({ name, args });

export const PROBE: readonly Call[] = [
  call('globals'),
  // The whole memory, as the host sees it.
  call('host', 3, 0),
  call('load', 65_528),
  ...[0, 1, 2, 3, 4, 5].map((i) => call('callElement', i)),
  call('look', 0),
  call('look', 1),
  call('look', 2),
  call('copyData', 9_000),
  call('copyElements', 2),
  call('callElement', 3),
  call('random', 8),
  call('clock', 0),
  call('clock', 1),
  call('input', 0),
  call('strings'),
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((fd) => call('describe', fd)),
  call('list', 3, 0, 200),
  ...[0, 1, 3, 4].map((name) => call('stat', name)),
  call('open', 1, 0, 0),
  call('read', 4, 0),
  call('open', 4, 1, 0),
  call('write', 5, 5),
  call('write', 1, 5),
  call('request', 0),
  call('request', 0),
  call('grow', 1),
  call('growTable', 1),
  call('host', 2, 100),
  call('host', 3, 0),
];
