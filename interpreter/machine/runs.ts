/**
 * Numbers from 0 on, which as a text take a fraction.
 * @param lengths of runs, by turns of those that are among them and of those that are not
 */
export function inRuns(lengths: string): number[] {
  const numbers: number[] = [];
  let at = 0;
  lengths.split(',').forEach((length, i) => {
    for (const end = at + Number(length); at < end; at++) if (i % 2 === 0) numbers.push(at);
  });
  return numbers;
}
