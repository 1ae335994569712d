/** Strings one after another, as a guest gets them. */
export class StringList {
  readonly bytes: Uint8Array;
  /** Where each begins. */
  readonly offsets: readonly number[];

  /** @param strings in UTF-8, with their final NUL */
  constructor(strings: readonly Uint8Array[]) {
    const offsets: number[] = [];
    let size = 0;
    for (const { length } of strings) {
      offsets.push(size);
      size += length;
    }
    this.offsets = offsets;
    this.bytes = new Uint8Array(size);
    strings.forEach((string, i) => {
      this.bytes.set(string, offsets[i]);
    });
  }
}
