/**
 * What programs are timed by: the time the process was on a processor, user and system together. Unlike the time on the
 * wall it does not count what other processes on the machine took in between.
 */

/** Milliseconds from any start; microseconds at the finest. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
