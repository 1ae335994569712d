/** What the interface keeps for one plug-in: its variables, and the call that it is in. */

import { Budget, Share } from '../../wasm/budget.ts';
import { HostError, MemoryLimitExceeded, Trap } from '../../wasm/errors.ts';
import type { WasmValue } from '../../wasm/host.ts';
import { decodeUtf8 } from '../../wasm/utf8.ts';
import type { Guest } from '../sandbox/guest.ts';
import { Blocks } from './blocks.ts';
import type { PluginSettings } from './settings.ts';
import { Variables } from './variables.ts';

/** What a plug-in may have while its sandbox is made: there is no guest yet that could be charged for it. */
const STARTING_BYTES = 1024 * 1024;

const NOTHING = new Uint8Array(0);

/** A call of one of its functions, from outside. */
export class PluginCall {
  readonly blocks: Blocks;
  readonly hostContext: unknown;
  /** Where the input is; 0 where there is none. */
  inputAddress = 0;
  /** Where the output is; 0 where it has no bytes. */
  outputAddress = 0;
  /** Undefined where nothing was put out. */
  outputLength: number | undefined;
  /** Where the message is that was set last; 0 where none was. */
  errorAddress = 0;
  /** Of the last response. */
  httpStatus = 0;
  httpHeaders: Readonly<Record<string, string>> = {};
  isOver = false;

  constructor(blocks: Blocks, hostContext: unknown) {
    this.blocks = blocks;
    this.hostContext = hostContext;
  }

  /** A copy of bytes in a block; 0 where there is no room. */
  store(bytes: Uint8Array): number {
    const address = this.blocks.alloc(bytes.length);
    if (address !== 0) this.blocks.from(address)?.set(bytes);
    return address;
  }

  /** None once the block was freed. */
  get input(): Uint8Array {
    return this.blocks.from(this.inputAddress) ?? NOTHING;
  }

  /** Says what the output is. @throws Trap where that is in no block */
  put(address: number, length: number): void {
    if (length > 0) this.view(address, length);
    this.outputAddress = length > 0 ? address : 0;
    this.outputLength = length;
  }

  /** Undefined where nothing was put out, or its block was freed. */
  outputBytes(): Uint8Array | undefined {
    if (this.outputLength === 0) return NOTHING;
    return this.blocks.from(this.outputAddress)?.subarray(0, this.outputLength);
  }

  /** The message that the plug-in, or what it called, leaves behind. @throws Trap where there is none */
  fail(address: number): void {
    if (address !== 0) this.whole(address);
    this.errorAddress = address;
  }

  /** Bytes of a block that the plug-in passes. @throws Trap where there is none */
  whole(address: number): Uint8Array {
    return this.blocks.from(address) ?? outside();
  }

  /** @throws Trap for bytes that are in no block */
  view(address: number, length: number) {
    return this.blocks.view(address, length) ?? outside();
  }

  /** Text that the plug-in passes. @throws Trap; HostError where it is no UTF-8 */
  text(address: number, what: string): string {
    const bytes = this.whole(address);
    try {
      return decodeUtf8(bytes);
    } catch (cause) {
      throw new HostError(`${what} is no UTF-8`, { cause });
    }
  }

  end(): void {
    this.isOver = true;
    this.blocks.end();
  }
}

function outside(): never {
  throw new Trap('memory-out-of-bounds', { hint: 'no block of the plug-in has these bytes' });
}

/** An address as the plug-in passes it. What is beyond 2^53 is no block's, so that it need not be exact. */
export function addressOf(value: WasmValue): number {
  return Number(BigInt.asUintN(64, value as bigint));
}

export class Kernel {
  readonly settings: PluginSettings;
  /** Undefined while its sandbox is made. */
  readonly guest: Guest | undefined;
  readonly variables: Variables;
  private readonly share: Share;
  private now: PluginCall;

  constructor(settings: PluginSettings, guest: Guest | undefined) {
    this.settings = settings;
    this.guest = guest;
    this.share = guest?.share() ?? new Share(new Budget(STARTING_BYTES));
    this.variables = new Variables(this.share, settings.maxVarBytes);
    this.now = this.newCall(undefined);
  }

  /** Whether its sandbox was reset. */
  get isOver(): boolean {
    return this.share.isOver;
  }

  /** The call that the plug-in is in, or was in last. */
  get call(): PluginCall {
    return this.now;
  }

  /** @throws MemoryLimitExceeded where there is no room for the input; there is no other call then */
  begin(input: Uint8Array | undefined, hostContext: unknown): PluginCall {
    this.now.end();
    const call = this.newCall(hostContext);
    this.now = call;
    if (input !== undefined) {
      call.inputAddress = call.store(input);
      if (call.inputAddress === 0) {
        throw new MemoryLimitExceeded(`Memory limit exceeded: there is no room for an input of ${input.length} bytes`, {
          resources: this.guest?.figures(),
        });
      }
    }
    return call;
  }

  private newCall(hostContext: unknown): PluginCall {
    return new PluginCall(new Blocks(this.share, this.settings.maxBlockBytes), hostContext);
  }
}
