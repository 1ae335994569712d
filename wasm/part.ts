/** Parts of the library that are loaded when they are first needed, so that nobody pays for what no guest of theirs uses. */

import { UsageError } from './errors.ts';

export class Part<T> {
  private readonly what: string;
  private source: (() => Promise<T>) | undefined;
  private value: T | undefined;

  /**
   * @param what for messages
   * @param source where entries do not have it, they offer none
   */
  constructor(what: string, source?: () => Promise<T>) {
    this.what = what;
    this.source = source;
  }

  /** For an entry that has it, in a file of its own. */
  offer(source: () => Promise<T>): void {
    this.source ??= source;
  }

  /** For an entry that has it loaded, as there nothing can be waited for. */
  provide(value: T): void {
    this.value ??= value;
  }

  get isOffered(): boolean {
    return this.value !== undefined || this.source !== undefined;
  }

  get isLoaded(): boolean {
    return this.value !== undefined;
  }

  /** @throws UsageError where the entry does not have it */
  async load(): Promise<T> {
    this.value ??= await this.source?.();
    return this.now;
  }

  /** What has been loaded. @throws UsageError where that is nothing */
  get now(): T {
    return this.value ?? this.refuse();
  }

  /** @throws UsageError where nothing has been loaded */
  check(): void {
    if (this.value === undefined) this.refuse();
  }

  private refuse(): never {
    throw new UsageError(
      `this entry of the package has no ${this.what}: take wasm-sandbox itself, or wasm-sandbox/sync`,
    );
  }
}
