/**
 * Ends the process of a test that hangs. A guest that outlives its limits never gives the thread back, and no time-out
 * of the runner's is ever looked at then: this one is kept by a thread of its own, one for all test files of a process.
 */

import { Worker } from 'node:worker_threads';
import { PATIENCE } from './patience.ts';

/** The real one, whatever a test puts in its place. */
const { now } = Date;

const WATCH = `
  const { workerData } = require('node:worker_threads');
  const { writeSync } = require('node:fs');
  const { clock, name, most, pid } = workerData;
  const times = new Int32Array(clock);
  const text = new Uint8Array(name);
  setInterval(() => {
    const begun = Atomics.load(times, 0);
    if (begun === 0 || Date.now() / 1000 - begun < most) return;
    const label = Buffer.from(text.slice(0, Atomics.load(times, 1))).toString();
    writeSync(2, 'the watchdog ends a test that has not ended within ' + most + ' s: ' + label + '\\n');
    process.kill(pid, 'SIGKILL');
  }, 500);
`;

const times = new Int32Array(new SharedArrayBuffer(8));
const name = new Uint8Array(new SharedArrayBuffer(1_024));

const workerData = { clock: times.buffer, name: name.buffer, most: PATIENCE, pid: process.pid };
new Worker(WATCH, { eval: true, workerData }).unref();

export function begin(test: string): void {
  const label = new TextEncoder().encode(test).subarray(0, name.length);
  name.set(label);
  Atomics.store(times, 1, label.length);
  Atomics.store(times, 0, Math.floor(now() / 1_000));
}

export function end(): void {
  Atomics.store(times, 0, 0);
}
