/** What adapters are given, looked at when they are made: a mistake is not to wait for the first request. */

import { refuse } from '../checks/check.ts';
import { checkNamed, type Given } from '../checks/named.ts';
import type { ProblemHandlerOptions, ProblemLogger } from './problems.ts';
import type { SandboxService } from './service.ts';

const has = (value: unknown, method: string): boolean =>
  typeof value === 'object' && value !== null && typeof (value as Record<string, unknown>)[method] === 'function';

/** @throws UsageError where it is no service. One of another copy of the package is. */
export function checkGiven(what: string, value: unknown): SandboxService {
  return has(value, 'withSignal') ? (value as SandboxService) : refuse(what, 'a SandboxService', value);
}

/** @throws UsageError where it can be none, and no promise of one */
export function checkSource(what: string, value: unknown, others = ''): void {
  if (has(value, 'withSignal') || has(value, 'then')) return;
  refuse(what, `a SandboxService, or a promise of one as SandboxService.create(options) gives it${others}`, value);
}

/** @throws UsageError */
export function checkHandler(options: unknown): Given<ProblemHandlerOptions> {
  return checkNamed<ProblemHandlerOptions>('problemHandler()', options, {
    logger: (value) =>
      has(value, 'error') ? (value as ProblemLogger) : refuse('logger', 'an object with a method error', value),
  });
}
