/** Runs the command in this process, with streams of the test's own. */

import { fileURLToPath } from 'node:url';
import type { Io } from '../../src/cli/io/io.ts';
import { main } from '../../src/cli/program.ts';

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly stdoutBytes: Uint8Array;
}

/** Reads nothing, and forgets what is written. */
export const SILENT: Io = {
  version: '1.2.3',
  terminals: [],
  colours: { stdout: false, stderr: false },
  progress: async () => ({ tick: () => undefined, end: () => undefined }),
  stdout: () => undefined,
  stderr: () => undefined,
  stdin: () => new Uint8Array(0),
};

/**
 * @param input what standard input holds
 * @param pieceBytes the most it gives at once
 */
export async function run(
  args: readonly string[],
  input: string | Uint8Array = '',
  pieceBytes = Number.POSITIVE_INFINITY,
  isColoured = false,
  progress: Io['progress'] = SILENT.progress,
): Promise<Ran> {
  const out: Uint8Array[] = [];
  const err: Uint8Array[] = [];
  let rest = typeof input === 'string' ? new TextEncoder().encode(input) : input;
  const io: Io = {
    ...SILENT,
    progress,
    colours: { stdout: isColoured, stderr: isColoured },
    stdout: (bytes) => void out.push(bytes.slice()),
    stderr: (bytes) => void err.push(bytes.slice()),
    stdin: (maxBytes) => {
      const piece = rest.subarray(0, Math.min(maxBytes, pieceBytes));
      rest = rest.subarray(piece.length);
      return piece;
    },
  };
  const status = await main(args, io);
  const stdoutBytes = new Uint8Array(Buffer.concat(out));
  return { status, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString(), stdoutBytes };
}

export function fixture(name: string): string {
  return fileURLToPath(new URL(`../../fixtures/build/${name}.wasm`, import.meta.url));
}
