/** What is in a snapshot: which module, what the host functions keep, the call that was left, and the guest. */

import { SnapshotError } from '../../wasm/errors.ts';
import { GAS_VERSION, HIGHEST_GAS } from '../../wasm/gas.ts';
import { MODULE_LIMITS } from '../../wasm/limits.ts';
import { damaged, WireReader, WireWriter } from '../../wasm/wire.ts';

/** Of a call that was left. */
export interface LeftCall {
  readonly name: string;
  readonly isProgram: boolean;
  /** Units it had used. */
  readonly gasUsed: bigint;
  /** Units it may still use, where it had a limit of its own. */
  readonly gasLeft: bigint | undefined;
}

export interface Contents {
  /** SHA-256 of the module's bytes, in 64 hexadecimal digits. */
  readonly moduleDigest: string;
  readonly functionCalls: number;
  readonly hasRun: boolean;
  readonly call: LeftCall | undefined;
  /** As `Host.save` wrote it. */
  readonly host: Uint8Array;
  /** As the engine's image wrote it. */
  readonly guest: Uint8Array;
}

/** What is taken of a life. */
export type Taken = Omit<Contents, 'moduleDigest'>;

export function writeContents(contents: Contents): Uint8Array {
  const to = new WireWriter();
  to.u32(GAS_VERSION);
  to.text(contents.moduleDigest);
  to.number(contents.functionCalls);
  to.flag(contents.hasRun);
  to.flag(contents.call !== undefined);
  if (contents.call !== undefined) {
    to.text(contents.call.name);
    to.flag(contents.call.isProgram);
    to.u64(contents.call.gasUsed);
    to.flag(contents.call.gasLeft !== undefined);
    to.u64(contents.call.gasLeft ?? 0n);
  }
  to.bytesOf(contents.host);
  to.bytesOf(contents.guest);
  return to.written;
}

function readDigest(from: WireReader): string {
  const digits = from.text(64);
  return /^[\da-f]{64}$/.test(digits) ? digits : damaged('the SHA-256 of its module is none');
}

function readCall(from: WireReader): LeftCall {
  const [name, isProgram, gasUsed] = [from.text(MODULE_LIMITS.nameBytes), from.flag(), from.u64()] as const;
  const [isLimited, gasLeft] = [from.flag(), from.u64()] as const;
  if (gasLeft > (isLimited ? HIGHEST_GAS : 0n)) damaged('the gas that its call has left is out of range');
  return { name, isProgram, gasUsed, gasLeft: isLimited ? gasLeft : undefined };
}

/** @throws SnapshotError */
export function readContents(bytes: Uint8Array): Contents {
  const from = new WireReader(bytes);
  const gasVersion = from.u32();
  if (gasVersion !== GAS_VERSION) {
    throw new SnapshotError(
      `the snapshot was made with version ${gasVersion} of the gas schedule; this is version ${GAS_VERSION}`,
    );
  }
  const contents = {
    moduleDigest: readDigest(from),
    functionCalls: from.counter('the number of calls'),
    hasRun: from.flag(),
    call: from.flag() ? readCall(from) : undefined,
    host: from.bytesOf(),
    guest: from.bytesOf(),
  };
  from.end();
  return contents;
}
