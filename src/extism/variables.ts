/** A plug-in's variables: bytes by name, which stay from one call to the next. */

import type { Share } from '../../wasm/budget.ts';

/** Bytes that a variable counts for in the memory limit, beside its name and value. */
const VARIABLE_BYTES = 256;

export class Variables {
  private readonly share: Share;
  /** Bytes of all values together. */
  private readonly limit: number;
  private readonly values = new Map<string, Uint8Array<ArrayBuffer>>();
  private bytes = 0;

  constructor(share: Share, limit: number) {
    this.share = share;
    this.limit = limit;
  }

  get(name: string): Uint8Array | undefined {
    return this.values.get(name);
  }

  /** Keeps a copy. @returns what is in the way; undefined where nothing was */
  set(name: string, value: Uint8Array): string | undefined {
    const before = this.values.get(name);
    const bytes = this.bytes + value.length - (before?.length ?? 0);
    if (bytes > this.limit) return `var memory limit exceeded: ${bytes} bytes requested, ${this.limit} allowed`;
    // The new one stands beside the old one for a moment.
    if (!this.share.take(cost(name, value))) return 'memory limit exceeded: there is no room for the variable';
    this.delete(name);
    this.values.set(name, new Uint8Array(value));
    this.bytes += value.length;
    return undefined;
  }

  delete(name: string): void {
    const value = this.values.get(name);
    if (value === undefined) return;
    this.values.delete(name);
    this.bytes -= value.length;
    this.share.give(cost(name, value));
  }
}

/** A name as text takes up to two bytes a character. */
function cost(name: string, value: Uint8Array): number {
  return value.length + 2 * name.length + VARIABLE_BYTES;
}
