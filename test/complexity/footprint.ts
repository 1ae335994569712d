/** What the process takes of memory, at its most. */

import { readFileSync, writeFileSync } from 'node:fs';

/** Bytes that the process has had in memory at most since the last reset; undefined where the host does not say. */
export function peak(): number | undefined {
  try {
    const found = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'latin1'));
    return found === null ? undefined : Number(found[1]) * 1024;
  } catch {
    return undefined;
  }
}

export function resetPeak(): boolean {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
    return true;
  } catch {
    return false;
  }
}
