/** One line on a terminal that says what is going on; nothing where there is no terminal. */

export class Progress {
  private readonly start = performance.now();
  private isShown = false;

  show(text: string): void {
    if (!process.stderr.isTTY) return;
    const seconds = Math.round((performance.now() - this.start) / 1_000);
    const width = (process.stderr.columns ?? 80) - 1;
    process.stderr.write(`\r\x1b[K${`${seconds} s  ${text}`.slice(0, width)}`);
    this.isShown = true;
  }

  clear(): void {
    if (this.isShown) process.stderr.write('\r\x1b[K');
    this.isShown = false;
  }

  /** Prints to standard output. */
  print(text: string): void {
    this.clear();
    process.stdout.write(`${text}\n`);
  }
}
