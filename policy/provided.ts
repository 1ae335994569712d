/** What a program is given when it runs, under a policy. */

import { UsageError } from '../wasm/errors.ts';
import type { ProgramInput } from './host-options.ts';
import type { Policy } from './in-force.ts';

/**
 * Whether a program under the policy can be given this, before anything is.
 * @throws UsageError where there is an environment, and the policy grants none
 */
export function checkProvided({ capabilities }: Policy, { env }: ProgramInput): void {
  if (env === undefined || capabilities.some(({ kind }) => kind === 'environment')) return;
  throw new UsageError(
    'the policy grants no environment, so the guest would not see env: grant one, which may be empty, with Capability.environmentAccess({})',
  );
}
