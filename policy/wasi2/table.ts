/** What the functions of an interface are, as rows. */

import type { HostCallContext } from '../call.ts';
import type { PolicyRequest } from '../decide.ts';
import type { NetworkState } from '../net/requests.ts';
import type { WasiState } from '../wasi/state.ts';
import type { Kind } from './resources.ts';

/** What the functions of one component share. */
export interface Preview2 {
  readonly state: WasiState;
  readonly network: NetworkState;
  /** Whether the guest can wait for promises. */
  readonly mayWait: boolean;
  /** Of all headers that the component has made and not dropped. */
  headerBytes: number;
  /** Of the bodies of requests that it has not sent. */
  bodyBytes: number;
  /** A resource of a kind, for the component to hold. */
  hold<S>(kind: Kind<S>, state: S): object;
  /** Room for what preview 1 takes from a guest's memory, or leaves there. @returns where it is */
  give(call: HostCallContext, bytes: Uint8Array): number;
}

/** A function's body. Methods are given the resource first. Throws {@link import('./resources.ts').WitError}. */
export type Handler = (host: Preview2, call: HostCallContext, ...args: never[]) => unknown;

export interface Row {
  /** What a call asks of the policy. */
  readonly asks: PolicyRequest | ((host: Preview2, ...args: never[]) => PolicyRequest);
  readonly call: Handler;
  /** What refused calls get; the same unless given, as where nothing is granted there is nothing to find. */
  readonly refused?: Handler | undefined;
  /** Whether it may promise what it returns. */
  readonly waits?: boolean | undefined;
}

/** Functions by their names in WIT, as components import them. */
export type Interface = Readonly<Record<string, Row>>;

export function row(asks: Row['asks'], call: Handler, refused?: Handler): Row {
  return { asks, call, refused };
}

/** One that may promise what it returns. */
export function waiting(asks: Row['asks'], call: Handler, refused?: Handler): Row {
  return { asks, call, refused, waits: true };
}
