/** Items that are made when they are asked for. */
export abstract class List<T> implements Iterable<T> {
  abstract get length(): number;

  /** @throws RangeError where there is none */
  abstract at(index: number): T;

  *[Symbol.iterator](): Iterator<T> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }

  forEach(use: (item: T, index: number) => void): void {
    for (let i = 0; i < this.length; i++) use(this.at(i), i);
  }

  map<U>(make: (item: T, index: number) => U): U[] {
    const made: U[] = [];
    for (let i = 0; i < this.length; i++) made.push(make(this.at(i), i));
    return made;
  }
}
