/** Where durable jobs are kept: items by name, each sealed, so that half of one, or one of another job, is known for what it is. */

import { isBytes } from '../../wasm/bytes.ts';
import { SnapshotError, UsageError } from '../../wasm/errors.ts';
import { describe, quote } from '../../wasm/quote.ts';
import { encodeUtf8 } from '../../wasm/utf8.ts';
import { WireReader, WireWriter } from '../../wasm/wire.ts';
import { ownBytes, record, refuse } from '../checks/check.ts';
import { hexDigestOf } from '../crypto/digest.ts';
import type { Authenticator } from '../crypto/key.ts';
import { isCutOff, type Packing, pack, unpack } from '../snapshot/container.ts';

/**
 * What is used of a store: a part of `Storage` of the package `unstorage`, of whichever driver. What was written must be
 * what is read next, by everybody: a store that tells of changes later does not do.
 */
export interface CheckpointStore {
  /** The bytes of an item; null or undefined where there is none. */
  getItemRaw(name: string): Promise<unknown>;
  /** Puts bytes in the place of whatever the item was. */
  setItemRaw(name: string, bytes: Uint8Array): Promise<void>;
  /** Also of an item that is not there. */
  removeItem(name: string): Promise<void>;
}

/** @throws UsageError */
export function checkStore(value: unknown): CheckpointStore {
  const { getItemRaw, setItemRaw, removeItem } = record('store', value);
  for (const method of [getItemRaw, setItemRaw, removeItem]) {
    if (typeof method !== 'function') refuse('store', 'a store of unstorage, or one like it', value);
  }
  return value as CheckpointStore;
}

/**
 * What an item was found to be. `torn`: cut off, as a worker leaves it that dies while it writes. `changed`: whole, and not
 * what was written: by another key, in another place, or damaged since.
 */
export type Found =
  | { readonly state: 'whole'; readonly from: WireReader }
  | { readonly state: 'absent' | 'torn' }
  | { readonly state: 'changed'; readonly why: SnapshotError };

const PREFIX = 'wasm-sandbox';
/** Of the names of jobs and items, and what is in front of an item's contents. */
const OVERHEAD = 2_048;

/** The items of one job. */
export class JobItems {
  private readonly store: CheckpointStore;
  private readonly job: string;
  private readonly sealing: Packing;
  private readonly maxBytes: number;
  private readonly folder: string;

  private constructor(store: CheckpointStore, job: string, folder: string, { key, maxBytes }: ItemOptions) {
    this.store = store;
    this.job = job;
    this.sealing = { kind: 'item', key };
    this.maxBytes = maxBytes;
    this.folder = folder;
  }

  /** Under the SHA-256 of the job's name: stores differ in which names they take. */
  static async of(store: CheckpointStore, job: string, options: ItemOptions): Promise<JobItems> {
    return new JobItems(store, job, `${PREFIX}:${await hexDigestOf(encodeUtf8(job))}`, options);
  }

  /** @throws SnapshotError where it is no bytes; what the store fails with */
  async read(name: string): Promise<Found> {
    const found = await this.store.getItemRaw(this.nameOf(name));
    if (found === null || found === undefined) return { state: 'absent' };
    if (!isBytes(found)) {
      throw new SnapshotError(`the store gave ${describe(found)} in the place of the bytes of ${quote(name)}`);
    }
    const bytes = ownBytes('an item', found);
    if (isCutOff(bytes)) return { state: 'torn' };
    try {
      const from = new WireReader(await unpack(bytes, { ...this.sealing, maxBytes: this.maxBytes + OVERHEAD }));
      // Sealed as it is, it may have been moved here from elsewhere.
      const isOwn = from.text(OVERHEAD) === this.job && from.text(OVERHEAD) === name;
      return isOwn ? { state: 'whole', from } : { state: 'changed', why: new SnapshotError('it is another item') };
    } catch (error) {
      if (error instanceof SnapshotError) return { state: 'changed', why: error };
      throw error;
    }
  }

  /**
   * The same, of an item without which nothing can be known of the job.
   * @returns undefined where there is none, or half of one
   * @throws SnapshotError where it was changed
   */
  async readWhole(name: string): Promise<WireReader | undefined> {
    const found = await this.read(name);
    if (found.state !== 'changed') return found.state === 'whole' ? found.from : undefined;
    throw new SnapshotError(
      `the item ${quote(name)} of the job ${quote(this.job)} cannot be believed: ${found.why.message}`,
      { cause: found.why },
    );
  }

  /**
   * @returns bytes in the store
   * @throws SnapshotError where it is larger than it may be; what the store fails with
   */
  async write(name: string, write: (to: WireWriter) => void): Promise<number> {
    const to = new WireWriter();
    to.text(this.job);
    to.text(name);
    write(to);
    if (to.length > this.maxBytes + OVERHEAD) {
      throw new SnapshotError(
        `an item of the job has ${to.length} bytes, and ${this.maxBytes} are allowed (maxCheckpointBytes)`,
      );
    }
    const bytes = await pack(to.written, false, this.sealing);
    await this.store.setItemRaw(this.nameOf(name), bytes);
    return bytes.length;
  }

  async remove(name: string): Promise<void> {
    await this.store.removeItem(this.nameOf(name));
  }

  private nameOf(name: string): string {
    return `${this.folder}:${name}`;
  }
}

export interface ItemOptions {
  readonly key: Authenticator | undefined;
  /** Bytes that the contents of an item may have. */
  readonly maxBytes: number;
}

/** Of the name of a job, as text in UTF-16. */
const LONGEST_NAME = 512;

/** @throws UsageError */
export function checkJobName(value: unknown): string {
  if (typeof value !== 'string' || value === '' || value.length > LONGEST_NAME) {
    throw new UsageError(`job must be a string of 1 to ${LONGEST_NAME} characters, not ${describe(value)}`);
  }
  return value;
}
