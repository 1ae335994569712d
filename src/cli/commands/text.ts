/** `wasm-sandbox parse` and `print`: from text to module and back, as filters. */

import { concat } from '../../../wasm/bytes.ts';
import { parse, print } from '../../text.ts';
import { encode, type Io } from '../io/io.ts';
import { STATUS } from '../io/status.ts';

/** What stands for standard input and output. */
const STANDARD = '-';

/** Bytes that are asked for at a time. */
const READ_BYTES = 1 << 16;

export interface ParseCommandOptions {
  readonly output: string;
  readonly validate?: boolean;
}

export interface PrintCommandOptions {
  readonly output: string;
  readonly flat?: boolean;
  readonly offsets?: boolean;
  readonly function?: string;
}

export async function parseCommand(path: string, options: ParseCommandOptions, io: Io): Promise<number> {
  const bytes = parse(await read(path, io), { validate: options.validate });
  await write(options.output, bytes, io);
  return STATUS.ok;
}

export async function printCommand(path: string, options: PrintCommandOptions, io: Io): Promise<number> {
  const { flat = false, offsets, function: wanted } = options;
  const text = print(await read(path, io), { folded: !flat, offsets, function: functionOf(wanted) });
  await write(options.output, encode(text), io);
  return STATUS.ok;
}

/** A function as people name it: digits are its index. */
export function functionOf(wanted: string | undefined): string | number | undefined {
  return wanted !== undefined && /^\d+$/.test(wanted) ? Number(wanted) : wanted;
}

async function read(path: string, io: Io): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  if (path !== STANDARD) {
    const { readChunks } = await import('../../module/file.node.ts');
    for await (const chunk of readChunks(path)) pieces.push(chunk.slice());
  } else
    for (let piece = io.stdin(READ_BYTES); piece.length > 0; piece = io.stdin(READ_BYTES)) pieces.push(piece.slice());
  return concat(pieces);
}

async function write(path: string, bytes: Uint8Array, io: Io): Promise<void> {
  if (path === STANDARD) {
    io.stdout(bytes);
    return;
  }
  const { writeBytes } = await import('../io/files.node.ts');
  writeBytes(path, bytes);
}
