/** The calls about time, randomness and the program itself. */

import { RANDOM_BYTE } from '../../wasm/gas.ts';
import { GuestExit } from '../../wasm/host.ts';
import type { HostCallContext } from '../call.ts';
import { CLOCK_IDS, U64 } from './abi.ts';
import { ERRNO, type Errno } from './errno.ts';
import type { WasiState } from './state.ts';

export function clockResGet(state: WasiState, call: HostCallContext, id: number, resultPointer: number): Errno {
  const kind = CLOCK_IDS[id];
  if (kind === undefined) return ERRNO.inval;
  const result = call.view(resultPointer, U64.size);
  if (result === undefined) return ERRNO.fault;
  U64.write(result, { value: state.sources.clock.resolution(kind) });
  return ERRNO.success;
}

export function clockTimeGet(
  state: WasiState,
  call: HostCallContext,
  id: number,
  _precision: bigint,
  resultPointer: number,
): Errno {
  const kind = CLOCK_IDS[id];
  if (kind === undefined) return ERRNO.inval;
  const result = call.view(resultPointer, U64.size);
  if (result === undefined) return ERRNO.fault;
  U64.write(result, { value: state.sources.clock.now(kind) });
  return ERRNO.success;
}

export function randomGet(state: WasiState, call: HostCallContext, pointer: number, length: number): Errno {
  const bytes = call.view(pointer, length);
  if (bytes === undefined) return ERRNO.fault;
  call.chargeBytes(RANDOM_BYTE * length);
  state.sources.random.fill(bytes);
  return ERRNO.success;
}

/** @throws GuestExit always */
export function procExit(_state: WasiState, _call: HostCallContext, code: number): never {
  throw new GuestExit(code);
}

export function schedYield(): Errno {
  return ERRNO.success;
}
