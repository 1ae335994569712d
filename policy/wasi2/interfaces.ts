/** The interfaces of WASI preview 2 that are offered, without their versions. */

import { CLI } from './cli.ts';
import { CLOCKS } from './clocks.ts';
import { FILESYSTEM } from './filesystem.ts';
import { HTTP } from './http.ts';
import { IO } from './io.ts';
import { RANDOM } from './random.ts';
import type { Interface } from './table.ts';

export const INTERFACES: Readonly<Record<string, Interface>> = {
  ...CLI,
  ...CLOCKS,
  ...RANDOM,
  ...IO,
  ...FILESYSTEM,
  ...HTTP,
};

/** The functions that may promise what they return, by interface and name. */
export const WAITING: ReadonlySet<string> = new Set(
  Object.entries(INTERFACES).flatMap(([name, rows]) =>
    Object.entries(rows).flatMap(([key, { waits }]) => (waits === true ? [`${name}#${key}`] : [])),
  ),
);
