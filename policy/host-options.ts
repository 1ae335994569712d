/** What a host is given, and what a program is. */

import type { CallSurroundings } from './caller.ts';
import type { TimeSources } from './clock.ts';
import type { OpenFolder } from './fs/mounts.ts';
import type { HttpClient } from './net/client.ts';
import type { RandomFill } from './random.ts';
import type { KeptSource } from './stdio.ts';

/** What a host is given of the world. */
export interface HostOptions {
  /** The program's arguments; the first is by custom its name. None unless given. */
  readonly args?: readonly string[] | undefined;
  /** The host's environment, of which the guest sees what the policy grants. Empty unless given. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** Where a real clock's time comes from. Not used unless the policy grants the real clock. */
  readonly time?: Partial<TimeSources> | undefined;
  /** Where system randomness comes from; `crypto.getRandomValues` unless given. Not used unless granted. */
  readonly randomFill?: RandomFill | undefined;
  /** What carries out HTTP requests; the runtime's own unless given. Not used unless the policy grants a network. */
  readonly httpClient?: HttpClient | undefined;
  /** Milliseconds that the guest's call still has, beyond which no request is waited for. No limit unless given. */
  readonly timeLeft?: (() => number) | undefined;
  /** Who calls, asked when a host function of the embedder's is called that gets its caller. Nobody unless given. */
  readonly surroundings?: (() => CallSurroundings) | undefined;
  /** Called when a host function has returned, promised or thrown: what it throws is what the guest's call ends with. */
  readonly afterCall?: (() => void) | undefined;
  /** Opens the folders of the host's that the policy grants. Needed where it grants any. */
  readonly openFolder?: OpenFolder | undefined;
}

/** What one run of a program is given. */
export interface ProgramInput {
  /** The program's arguments; the first is by custom its name. */
  readonly args?: readonly string[] | undefined;
  /** Exactly these variables. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly stdin?: KeptSource | undefined;
}
