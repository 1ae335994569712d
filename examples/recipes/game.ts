/** A game of programs: all get their share of every tick, and the match can be saved, moved and watched again. */

import { type Caller, Capability, replay, Scheduler, type SchedulerState, WasmSandbox } from 'wasm-sandbox';

export interface Saved {
  readonly scheduler: SchedulerState;
  readonly bots: readonly { readonly snapshot: Uint8Array; readonly x: number; readonly recording: Uint8Array }[];
}

export class Match {
  /** Where the bots are, by their sandboxes. */
  readonly #places = new Map<unknown, number>();
  readonly #bots: WasmSandbox[] = [];
  #scheduler = new Scheduler();

  readonly #options = {
    record: true,
    memoryLimit: 65_536,
    capabilities: [
      Capability.hostFunctions('game', { move: { call: (caller: Caller, [by]) => this.#move(caller, by as number) } }),
    ],
  };

  #move({ sandbox }: Caller, by: number): number {
    const x = (this.#places.get(sandbox) ?? 0) + Math.sign(by);
    this.#places.set(sandbox, x);
    return x;
  }

  static async begin(programs: readonly Uint8Array[]): Promise<Match> {
    const match = new Match();
    for (const source of programs) {
      const bot = await WasmSandbox.create({ source, ...match.#options });
      match.#bots.push(bot);
      match.#scheduler.add(bot.start('play'));
    }
    return match;
  }

  get places(): readonly number[] {
    return this.#bots.map((bot) => this.#places.get(bot) ?? 0);
  }

  /** Bots that have not ended, by themselves or by a fault. */
  get playing(): number {
    return this.#scheduler.size;
  }

  tick(): void {
    this.#scheduler.tick({ gas: 1_000 * this.#scheduler.size });
  }

  /** Ends the match here, for it to go on where it is restored. */
  async save(): Promise<Saved> {
    const scheduler = this.#scheduler.save();
    const bots = this.#bots.map(async (bot, i) => {
      const snapshot = await bot.snapshot();
      bot.execution?.cancel();
      return { snapshot, x: this.places[i] as number, recording: await bot.recording() };
    });
    return { scheduler, bots: await Promise.all(bots) };
  }

  static async restore({ scheduler, bots }: Saved, programs: readonly Uint8Array[]): Promise<Match> {
    const match = new Match();
    for (const [i, { snapshot, x }] of bots.entries()) {
      const bot = await WasmSandbox.restore(snapshot, { source: programs[i] as Uint8Array, ...match.#options });
      match.#bots.push(bot);
      match.#places.set(bot, x);
    }
    const going = match.#bots.flatMap(({ execution }) => execution ?? []);
    match.#scheduler = Scheduler.restore(scheduler, going);
    return match;
  }
}

/** Whether all that a match was, up to where it was saved, is what its programs do. */
export async function isGenuine({ bots }: Saved): Promise<boolean> {
  const reports = await Promise.all(bots.map(({ recording }) => replay(recording)));
  return reports.every(({ same }) => same);
}
