/** How a SecurityViolation begins. Programs match on these words. */

import type { PolicyRequest } from './decide.ts';

export const FILE_DENIAL = 'Filesystem access denied';

export const DENIALS: Readonly<Partial<Record<PolicyRequest['kind'], string>>> = {
  network: 'Network access denied',
  filesystem: FILE_DENIAL,
  environment: 'Environment access denied',
};

export const OUTPUT_DENIAL = 'Output limit exceeded';

export const NETWORK_LIMIT_DENIAL = 'Network limit exceeded';
export const FILE_LIMIT_DENIAL = 'File limit exceeded';
