export interface Streams {
  readonly stdin: AsyncIterable<Uint8Array> & { readonly isTTY?: boolean };
  readonly stdout: Output;
  readonly stderr: Output;
}

export interface Output {
  readonly isTTY?: boolean;
  write(chunk: string | Uint8Array): unknown;
}

/** Runs the command. @returns the status to end with */
export declare function main(argv: readonly string[], streams: Streams): Promise<number>;
