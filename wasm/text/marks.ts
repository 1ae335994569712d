/** From places in what was written to places in the source: what it takes to show an error of validation in the text. */

/** Of one run of bytes, from its start. */
export class Marks {
  /** Pairs of offset and place, offsets increasing. */
  private readonly pairs: number[] = [];

  add(offset: number, place: number): void {
    this.pairs.push(offset, place);
  }

  /** Adds those of a run that begins at `offset`. */
  append(other: Marks, offset: number): void {
    const { pairs } = other;
    for (let i = 0; i < pairs.length; i += 2) this.pairs.push(offset + (pairs[i] as number), pairs[i + 1] as number);
  }

  /** The place of what was written at an offset: of the last mark at or before it. */
  placeOf(offset: number): number | undefined {
    const { pairs } = this;
    let place: number | undefined;
    for (let i = 0; i < pairs.length && (pairs[i] as number) <= offset; i += 2) place = pairs[i + 1];
    return place;
  }
}
