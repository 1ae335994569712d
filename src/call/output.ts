/** What programs wrote, and how they ended. */

import type { Host } from '../../policy/index.ts';
import { decodeLossy } from '../../wasm/utf8.ts';

/** What the guest wrote and nobody took: as bytes, and decoded as UTF-8. */
export interface Output {
  /** Bytes that are no UTF-8 are U+FFFD here. */
  readonly stdout: string;
  /** The same. */
  readonly stderr: string;
  readonly stdoutBytes: Uint8Array;
  readonly stderrBytes: Uint8Array;
}

/** How a program ended, and what it wrote. */
export interface RunResult extends Output {
  /** An unsigned 32-bit integer; 0 where the program returned without saying. */
  readonly exitCode: number;
}

export function outputOf(host: Pick<Host, 'output'>): Output {
  const stdoutBytes = host.output('stdout');
  const stderrBytes = host.output('stderr');
  return { stdout: decodeLossy(stdoutBytes), stderr: decodeLossy(stderrBytes), stdoutBytes, stderrBytes };
}
