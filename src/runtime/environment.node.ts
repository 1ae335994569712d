/** The host's environment, for policies that grant variables of it by name. Loaded only for those. */

import process from 'node:process';
import type { Environment } from './needs.ts';

export function hostEnvironment(): Environment {
  return process.env;
}
