/** What the host says of its files, in the guest's terms. */

import type { BigIntStats } from 'node:fs';
import type { NodeKind, TimeChange } from '../filesystem.ts';

/** Files whose exact times are remembered. */
const MAX_KNOWN = 1_024;

export function kindOf(stat: BigIntStats): NodeKind {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  return stat.isSymbolicLink() ? 'link' : 'other';
}

/** Tells whether two are the same file. */
export function identity({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

interface Pair {
  readonly accessed: bigint;
  readonly modified: bigint;
}

/**
 * Times to the nanosecond. The host's functions set them in seconds as a double, and lose digits; what was asked for
 * is told for as long as the file has the time that then came out.
 */
export class KnownTimes {
  private readonly known = new Map<string, { readonly asked: Pair; readonly got: Pair }>();

  of(stat: BigIntStats): Pair {
    const { atimeNs, mtimeNs } = stat;
    const known = this.known.get(identity(stat));
    return {
      accessed: known?.got.accessed === atimeNs ? known.asked.accessed : atimeNs,
      modified: known?.got.modified === mtimeNs ? known.asked.modified : mtimeNs,
    };
  }

  /**
   * @param look gives the file's state
   * @param change sets both times, in seconds
   */
  set(
    { accessed, modified }: TimeChange,
    look: () => BigIntStats,
    change: (accessed: number, modified: number) => void,
  ): void {
    const old = this.of(look());
    const asked = { accessed: accessed ?? old.accessed, modified: modified ?? old.modified };
    change(Number(asked.accessed) / 1e9, Number(asked.modified) / 1e9);
    const stat = look();
    if (this.known.size >= MAX_KNOWN) this.known.clear();
    this.known.set(identity(stat), { asked, got: { accessed: stat.atimeNs, modified: stat.mtimeNs } });
  }
}
