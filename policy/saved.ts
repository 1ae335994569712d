/** What parts of a host have in common whose state goes into a snapshot. */

import type { WireReader, WireWriter } from '../wasm/wire.ts';

export interface Saved {
  /** @throws SnapshotError where the state cannot be saved as it stands */
  save(to: WireWriter): void;
  /**
   * Takes what {@link save} wrote in the place of its own state.
   * @throws SnapshotError where that is damaged or does not fit the policy; the part is then to be given up
   */
  load(from: WireReader): void;
}
