/**
 * When hostile guests end, in a process of its own: `node … '{"name":…,"engine":…,"count":…}'` prints a {@link Ended} as
 * JSON. Nothing was run before in this process.
 */

import { cpuTime } from '../../bench/clock.ts';
import { WasmSandbox } from '../../src/index.ts';
import { CALLED, GRANTED, SIZED, type Sized } from './sized.ts';
import type { Task } from './sized-process.ts';

export interface Ended {
  readonly bytes: number;
  /** Milliseconds on the wall and on a processor from the bytes to the end of the first call. */
  readonly wall: number;
  readonly processor: number;
  readonly ending: string;
  /** Milliseconds on a processor that the second call took to trap; undefined where the first did not. */
  readonly secondTrap: number | undefined;
}

const CPU_TIMEOUT = 100;

const nameOf = (error: unknown): string => (error as Error).constructor.name;

async function end({ name, engine, count }: Task): Promise<Ended> {
  const { make, argument } = SIZED[name] as Sized;
  const bytes = await make(count);
  const args = argument === undefined ? [] : [argument];
  const [begun, used] = [performance.now(), cpuTime()];
  let sandbox: WasmSandbox | undefined;
  let ending = 'ran';
  try {
    sandbox = await WasmSandbox.fromBytes(bytes, { engine, cpuTimeout: CPU_TIMEOUT, capabilities: GRANTED });
    await sandbox.call(CALLED, args);
  } catch (error) {
    ending = nameOf(error);
  }
  const [wall, processor] = [performance.now() - begun, cpuTime() - used];
  let secondTrap: number | undefined;
  if (ending === 'Trap') {
    const again = cpuTime();
    await sandbox?.call(CALLED, args).catch(() => undefined);
    secondTrap = cpuTime() - again;
  }
  return { bytes: bytes.length, wall, processor, ending, secondTrap };
}

process.stdout.write(`${JSON.stringify(await end(JSON.parse(process.argv[2] as string) as Task))}\n`);
