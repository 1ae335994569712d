/** Assertions left out, each with the reason. */

export interface Skip {
  readonly host: string;
  readonly file: string;
  readonly line: number;
  readonly reason: string;
}

export const skips: readonly Skip[] = [];

/** Whether a host leaves an assertion out. */
export function isSkipped(host: string, file: string, line: number): boolean {
  return skips.some((skip) => skip.host === host && skip.file === file && skip.line === line);
}
