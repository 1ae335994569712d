/** Text that grows, line by line. */

import { UsageError } from '../../errors.ts';

/** Characters that become one piece. */
const PIECE = 1 << 16;
/** As long as strings can be in every runtime. */
const LONGEST = (1 << 28) - 1;
/** Depth up to which lines are set in further: the text stays linear in the module. */
const DEEPEST = 40;

const INDENTS: readonly string[] = Array.from({ length: DEEPEST + 1 }, (_, depth) => `\n${'  '.repeat(depth)}`);

export class TextOut {
  private readonly pieces: string[] = [];
  private piece = '';
  private length = 0;

  /** @throws UsageError where there is more than a string can hold */
  add(text: string): void {
    this.piece += text;
    if (this.piece.length > PIECE) this.flush();
  }

  /** Begins a line. */
  line(depth: number, text: string): void {
    this.add(INDENTS[Math.min(depth, DEEPEST)] + text);
  }

  private flush(): void {
    this.length += this.piece.length;
    if (this.length > LONGEST)
      throw new UsageError(`the text would have more than ${LONGEST} characters: too long for a string`);
    this.pieces.push(this.piece);
    this.piece = '';
  }

  take(): string {
    this.flush();
    return this.pieces.join('');
  }
}
