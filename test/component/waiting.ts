/** The component of fixtures/components/waiting, whose exports give promises. */

import type { Transpiled } from '../../src/component/transpiler.ts';
import type { Component, ComponentOptions } from '../../src/component.node.ts';
import { from, transpile, WAITING } from './components.ts';

/** `test:waiting/work`, as the declarations have it. */
export interface Work {
  readonly Sum: new (start: number) => { add(value: number): Promise<number> } & Disposable;
  twice(value: number): Promise<number>;
  attempt(value: number): Promise<number>;
  sleep(nanoseconds: bigint): Promise<bigint>;
  fetch(authority: string, path: string, body: Uint8Array, timeout: bigint): Promise<[number, Uint8Array]>;
  spin(): Promise<void>;
}

/** `test:waiting/host`: what is promised takes a turn. */
export const LATER = {
  'test:waiting/host': {
    later: async (value: number) => 2 * value,
    attempt: async (value: number) => {
      await Promise.resolve();
      if (value > 5) throw Object.assign(new Error('too large'), { payload: 'too large' });
      return value;
    },
  },
};

let transpiled: Promise<Transpiled> | undefined;

export async function createWaiting(options: ComponentOptions = {}): Promise<Component<{ readonly work: Work }>> {
  transpiled ??= transpile(WAITING, true);
  return from(await transpiled, { imports: LATER, ...options });
}
