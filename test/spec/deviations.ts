/**
 * Commands that are known to fail on an implementation other than the project's own, each with the reason. The runner
 * is right to call them failures; whoever runs it asks here whether they are news.
 */

import type { Failure } from './run.ts';

export interface Deviation {
  readonly host: string;
  readonly file: string;
  readonly line: number;
  readonly reason: string;
}

const MEMORY_SIZE =
  'V8 takes no memory type of more pages than it can allocate, of which the specification allows 2^48';
const SUPERSEDED = 'release 3.0 says the opposite';
const TABLE_SIZE = 'V8 takes no table type of more than 10,000,000 elements, where the specification has no such limit';

export const deviations: readonly Deviation[] = [
  { host: 'native', file: 'memory64', line: 21, reason: MEMORY_SIZE },
  { host: 'native', file: 'memory64', line: 25, reason: MEMORY_SIZE },
  { host: 'native', file: 'memory64', line: 29, reason: 'an instance of the module of line 25' },
  { host: 'native', file: 'table', line: 31, reason: TABLE_SIZE },
  { host: 'native', file: 'table64', line: 41, reason: TABLE_SIZE },
];

/**
 * Lines of the scripts about threads that say the opposite of release 3.0, on which the proposal is not based: that several
 * tables or memories are invalid, and that sizes beyond 32 bits are malformed rather than invalid.
 */
export const superseded: Readonly<Record<string, readonly number[]>> = {
  'proposals/threads/imports': [309, 313, 317, 404, 408, 412],
  'proposals/threads/memory': [14, 15, 83, 87, 91],
};

/** What of a file's failures is not known, and which known ones did not come. Both empty: all is as listed. */
export function compareWithKnown(host: string, file: string, failed: readonly Failure[]) {
  const own = deviations.filter((entry) => entry.host === host && entry.file === file);
  const known = [...own, ...(superseded[file] ?? []).map((line) => ({ line, reason: SUPERSEDED }))];
  return {
    unknown: failed.filter(({ line }) => !known.some((entry) => entry.line === line)),
    absent: known.filter(({ line }) => !failed.some((failure) => failure.line === line)),
  };
}
