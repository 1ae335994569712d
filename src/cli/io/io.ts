import type { StreamName } from '../../../policy/index.ts';
import { escapeUnprintable } from '../../../wasm/quote.ts';
import { encodeUtf8 } from '../../../wasm/utf8.ts';

/** What the command uses of the world, so that tests can put their own in its place. */
export interface Io {
  /** Writes all of it before returning. Throws {@link ClosedOutput} where nobody reads any more. */
  stdout(bytes: Uint8Array): void;
  /** The same, but never throws: there is nobody left to tell. */
  stderr(bytes: Uint8Array): void;
  /** Waits for input; returns 1 to `maxBytes` bytes, or none at its end. */
  stdin(maxBytes: number): Uint8Array;
  readonly version: string;
  /** Begins to say what is being done, where somebody looks at it and it takes long. */
  progress(what: string): Promise<Progress>;
  /** The standard streams that lead to a terminal. */
  readonly terminals: readonly StreamName[];
  /** Whether the stream shows colours. */
  readonly colours: { readonly stdout: boolean; readonly stderr: boolean };
}

/** Of one piece of work. */
export interface Progress {
  /** Told between pieces of it. */
  tick(): void;
  /** Leaves nothing of it behind. */
  end(): void;
}

/** Shows the progress of work that tells of its pieces. @throws what it throws */
export async function showing<T>(io: Io, what: string, work: (tick: () => void) => Promise<T>): Promise<T> {
  const progress = await io.progress(what);
  try {
    return await work(() => progress.tick());
  } finally {
    progress.end();
  }
}

/** The reader of standard output has gone away, as `head` does. The command ends quietly. */
export class ClosedOutput extends Error {}

/** What was written is lost: the disk is full, say. */
export class LostOutput extends Error {}

export function encode(text: string): Uint8Array {
  return encodeUtf8(text);
}

/** Lines of text on standard output. */
export function print(io: Io, lines: readonly string[]): void {
  if (lines.length > 0) io.stdout(encode(`${lines.join('\n')}\n`));
}

/** A value as JSON on standard output, in which what a terminal would obey is escaped. */
export function printJson(io: Io, value: unknown): void {
  print(io, JSON.stringify(value, null, 2).split('\n').map(escapeUnprintable));
}

/** Lines of text on standard error. */
export function complain(io: Io, lines: readonly string[]): void {
  if (lines.length > 0) io.stderr(encode(`${lines.join('\n')}\n`));
}
