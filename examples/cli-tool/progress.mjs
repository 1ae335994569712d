/** A line on a terminal that says how much of its gas a plug-in has used; nothing elsewhere. */

const WIDTH = 30;

export function progressBar(stream, limit) {
  if (!stream.isTTY) return { show: () => undefined, clear: () => undefined };
  return {
    show(used) {
      const done = Math.min(WIDTH, Number((used * BigInt(WIDTH)) / limit));
      const bar = '█'.repeat(done) + '░'.repeat(WIDTH - done);
      stream.write(`\r${bar} ${(used * 100n) / limit} % of ${limit.toLocaleString('en')} units of gas`);
    },
    clear: () => stream.write('\r\u001B[K'),
  };
}
