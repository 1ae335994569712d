/** The process's own streams, synchronously: what a guest wrote has arrived before the next thing happens. */

import { readSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import process from 'node:process';
import { isatty, type WriteStream } from 'node:tty';
import { STREAMS } from '../../../policy/stdio.ts';
import { messageOf } from '../../../wasm/quote.ts';
import { ClosedOutput, type Io, LostOutput } from './io.ts';
import { showProgress } from './progress.node.ts';

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
/** Between two tries on a stream that another program made non-blocking. */
const RETRY_MS = 2;

const sleeper = new Int32Array(new SharedArrayBuffer(4));

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** Tries again for as long as the stream says that it would have to wait. */
function patiently<T>(action: () => T): T {
  for (;;) {
    try {
      return action();
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EAGAIN' || code === 'EWOULDBLOCK') Atomics.wait(sleeper, 0, 0, RETRY_MS);
      else if (code !== 'EINTR') throw error;
    }
  }
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    const from = done;
    done += patiently(() => writeSync(descriptor, bytes, from, bytes.length - from));
  }
}

function readSome(maxBytes: number): Uint8Array {
  const buffer = new Uint8Array(maxBytes);
  try {
    return buffer.subarray(
      0,
      patiently(() => readSync(STDIN, buffer, 0, maxBytes, null)),
    );
  } catch (error) {
    // Windows reports the end of a pipe, and a console without input, as errors.
    if (codeOf(error) === 'EOF' || codeOf(error) === 'EBADF') return buffer.subarray(0, 0);
    throw error;
  }
}

/** Finds the manifest both from the source and from the build. */
const { version } = createRequire(import.meta.url)('wasm-sandbox/package.json') as { version: string };

/** As FORCE_COLOR says, then NO_COLOR (no-color.org), or else as the terminal does, if it is one. */
function hasColours(stream: WriteStream): boolean {
  const { FORCE_COLOR: forced = '', NO_COLOR: none = '' } = process.env;
  if (forced !== '') return forced !== '0' && forced !== 'false';
  return none === '' && stream.isTTY === true && stream.hasColors();
}

export const processIo: Io = {
  version,
  progress: showProgress,
  terminals: STREAMS.filter((_, descriptor) => isatty(descriptor)),
  colours: { stdout: hasColours(process.stdout), stderr: hasColours(process.stderr) },
  stdout: (bytes) => {
    try {
      writeAll(STDOUT, bytes);
    } catch (error) {
      if (codeOf(error) === 'EPIPE') throw new ClosedOutput('standard output was closed', { cause: error });
      throw new LostOutput(`standard output cannot be written: ${messageOf(error)}`, { cause: error });
    }
  },
  stderr: (bytes) => {
    try {
      writeAll(STDERR, bytes);
    } catch {
      // Nobody is left to be told.
    }
  },
  stdin: readSome,
};
