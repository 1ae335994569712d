/** A guest that asks its host for something again and again. */

import { assemble, I32 } from './modules.ts';

/** Exports `run(n, sum)`, which adds what `env.work` says of n, n - 1 and so on down to 1. */
export const LOOP = assemble({
  imports: [['env', 'work', [[I32], [I32]]]],
  functions: [
    {
      name: 'run',
      type: [[I32, I32], [I32]],
      code: [
        ...[0x02, 0x40, 0x03, 0x40], // block loop
        ...[0x20, 0, 0x45, 0x0d, 1], // n = 0: leave
        ...[0x20, 0, 0x10, 0, 0x20, 1, 0x6a, 0x21, 1], // sum += work(n)
        ...[0x20, 0, 0x41, 1, 0x6b, 0x21, 0, 0x0c, 0], // n -= 1
        ...[0x0b, 0x0b, 0x20, 1],
      ],
    },
  ],
});

/** The host's side of it, as a capability takes it. */
export function loopOf(work: (n: number) => unknown) {
  return (n: number) => work(n) as number;
}
