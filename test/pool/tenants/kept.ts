/** What a host function was given of a guest, and keeps: once its call has ended, nothing is to be reached through it. */

import assert from 'node:assert/strict';
import { type Caller, type GuestMemory, UsageError } from '../../../src/index.ts';

/** In memory that every guest writes to when it starts, and that tenants write to. */
const SEEN = 2_304;
/** What is left in a view, to find out who writes there. */
const MARK = 0xaa;

export class Kept {
  readonly caller: Caller;
  /** Whether the host function is at work. */
  isServing = true;
  private readonly memory: GuestMemory | undefined;
  private readonly view: Uint8Array | undefined;
  private isMarked = false;
  private gasUsed: unknown;

  readonly isForked: boolean;

  constructor(caller: Caller, isForked: boolean) {
    this.caller = caller;
    this.isForked = isForked;
    this.memory = caller.memory;
    this.view = this.memory?.view(0, SEEN);
  }

  /** Tries all that can be tried: the call has ended. */
  expectNothing(): void {
    const { caller, memory } = this;
    assert(caller.memory === undefined, 'a caller has a memory');
    assert.equal(memory?.byteLength, 0, 'a memory has bytes');
    assert(memory?.view(0, 0) === undefined, 'a memory can be viewed');
    assert.throws(() => caller.chargeBytes(1_000), UsageError, 'a caller charges');
    // A call that was given up may say what it had used until then, and nothing that has happened since.
    const gasUsed = this.countOrRefusal();
    this.gasUsed ??= gasUsed;
    assert.equal(gasUsed, this.gasUsed, 'a caller counts');
    assert(
      !this.isMarked || (this.seen?.every((byte) => byte === MARK) ?? true),
      'a view shows what others have written',
    );
  }

  /** From now on nobody is to write where the view is; and whatever is written through it is to reach nobody. */
  mark(): void {
    this.seen?.fill(MARK);
    this.isMarked = true;
  }

  /** A memory that has grown may have taken its bytes away from the view. */
  private get seen(): Uint8Array | undefined {
    return this.view?.length === SEEN ? this.view : undefined;
  }

  private countOrRefusal(): unknown {
    try {
      return this.caller.gasUsed();
    } catch (error) {
      assert(error instanceof UsageError);
      return 'refused';
    }
  }
}
