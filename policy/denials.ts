/** How a SecurityViolation begins. Programs match on these words. */

import type { PolicyRequest } from './decide.ts';

export const DENIALS: Readonly<Partial<Record<PolicyRequest['kind'], string>>> = {
  network: 'Network access denied',
  filesystem: 'Filesystem access denied',
  environment: 'Environment access denied',
};

export const OUTPUT_DENIAL = 'Output limit exceeded';
