import type { RawFunction } from './host.ts';
import type { MeteredInstance } from './metered-instance.ts';

/**
 * The embedder's functions that guests refer to, as the engine shows them. It makes an object of one when it is first asked
 * for; of a hundred thousand imports hardly any ever is, which is why nobody asks before one has been seen.
 */
export class PassedFunctions {
  private readonly guests = new Set<WeakRef<MeteredInstance>>();

  add(guest: MeteredInstance): void {
    if (guest.metered.seenImports.length > 0) this.guests.add(new WeakRef(guest));
  }

  /** Whose import a function is, and its number there. */
  find(raw: RawFunction): readonly [guest: MeteredInstance, number: number] | undefined {
    for (const kept of this.guests) {
      const guest = kept.deref();
      const number = guest?.importOf(raw);
      if (guest === undefined) this.guests.delete(kept);
      else if (number !== undefined) return [guest, number];
    }
    return undefined;
  }
}
