/** The host's environment, for policies that grant variables of it by name. Loaded only for those. */

import process from 'node:process';

export function hostEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}
