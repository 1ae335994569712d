/** Values by key, bounded in number and size: the one used longest ago goes first. */

export interface Bounds {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

interface Entry<T> {
  readonly value: T;
  readonly bytes: number;
}

export class LruMap<T> {
  readonly #bounds: Bounds;
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry<T>>();
  #bytes = 0;
  #evictions = 0;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Entries that had to go so far. */
  get evictions(): number {
    return this.#evictions;
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** Keeps nothing that is larger than all may be together. */
  set(key: string, value: T, bytes: number): void {
    this.delete(key);
    const { maxBytes, maxEntries } = this.#bounds;
    if (bytes > maxBytes || maxEntries === 0) return;
    this.#entries.set(key, { value, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= maxBytes && this.#entries.size <= maxEntries) break;
      this.delete(oldest);
      this.#evictions++;
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#bytes -= entry.bytes;
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }
}
