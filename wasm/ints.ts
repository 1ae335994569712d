const FIRST_CAPACITY = 64;

/** A copy with so many places, behind the old ones zeros. */
export function resized(values: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length);
  larger.set(values);
  return larger;
}

/** A list of integers of 32 bits, which is used for one function after another: a stack too. */
export class Ints {
  values: Int32Array = new Int32Array(FIRST_CAPACITY);
  length = 0;

  /** Returns its place. */
  push(value: number): number {
    if (this.length === this.values.length) this.values = resized(this.values, 2 * this.length);
    this.values[this.length] = value;
    return this.length++;
  }

  /** The last one, which there has to be. */
  pop(): number {
    return this.values[--this.length] as number;
  }

  /** Undefined where there is none. */
  get last(): number | undefined {
    return this.values[this.length - 1];
  }

  clear(): void {
    this.length = 0;
  }
}
