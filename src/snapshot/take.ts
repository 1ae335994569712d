/** Takes the state of a sandbox's life; snapshot.ts makes bytes of it, and is loaded for that. */

import type { EngineImage } from '../../wasm/engine.ts';
import { Part } from '../../wasm/part.ts';
import { type WireReader, WireWriter } from '../../wasm/wire.ts';
import { refuse } from '../checks/check.ts';
import { type Checks, checkNamed } from '../checks/named.ts';
import { Authenticator, type Key } from '../crypto/key.ts';
import type { LeftCall, Taken } from './contents.ts';

/** How a snapshot is written. */
export interface SnapshotOptions {
  /** Whether to compress it where the runtime can; true unless given. Runtimes differ in what they make of it. */
  readonly compress?: boolean | undefined;
  /** Authenticates the snapshot: it is then restored with the same key alone. Without one anybody can make snapshots. */
  readonly key?: Key | undefined;
}

interface Checked {
  readonly compress?: boolean | undefined;
  readonly key?: Authenticator | undefined;
}

const CHECKS: Checks<Checked> = {
  compress: (value) => (typeof value === 'boolean' ? value : refuse('compress', 'true or false', value)),
  key: Authenticator.of,
};

/** @throws UsageError */
export function checkSnapshotOptions(options: SnapshotOptions): {
  readonly compress: boolean;
  readonly key?: Authenticator | undefined;
} {
  return { compress: true, ...checkNamed<Checked>('a snapshot', options, CHECKS) };
}

interface Captured {
  capture(purpose: 'write'): {
    readonly guest: EngineImage | WireReader;
    readonly host: WireReader;
    readonly call: LeftCall | undefined;
    readonly functionCalls: number;
  };
}

/**
 * The state as it stands when this is called: the guest may go on while what writes it is loaded.
 * @throws UsageError, SnapshotError
 */
export async function take(life: Captured, hasRun: boolean): Promise<Taken> {
  const { guest: image, host, call, functionCalls } = life.capture('write');
  const guest = new WireWriter();
  if ('write' in image) {
    // Not of the others, which are good until the guest goes on.
    if (image.ready !== undefined) await image.ready();
    image.write(guest);
  }
  return { functionCalls, hasRun, call, host: host.raw(host.left), guest: guest.written };
}

/** What makes bytes of it, and reads them. */
export const snapshots = new Part<typeof import('./snapshot.ts')>('snapshots', () => import('./snapshot.ts'));
