/** Signals by which callers end what they have begun. */

import { CallAborted } from '../../wasm/errors.ts';
import { messageOf } from '../../wasm/quote.ts';
import { refuse } from '../checks/check.ts';

/** @throws UsageError */
export function checkSignal(value: unknown): AbortSignal {
  return isSignal(value) ? value : refuse('signal', 'an AbortSignal', value);
}

/** Also one of another realm. */
function isSignal(value: unknown): value is AbortSignal {
  return (
    typeof value === 'object' &&
    value !== null &&
    'aborted' in value &&
    'addEventListener' in value &&
    typeof value.addEventListener === 'function'
  );
}

/** @param what was ended by the signal it was given, as a clause of the message */
export function aborted(what: string, reason: unknown): CallAborted {
  const why = reason instanceof Error && reason.message !== '' ? `: ${messageOf(reason)}` : '';
  return new CallAborted(`Call aborted: ${what} was ended by its caller${why}`, { cause: reason });
}
