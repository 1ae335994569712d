/** Exit statuses of the command, and which failure gives which. */

import type { ErrorCode } from '../../../wasm/errors.ts';

export const STATUS = {
  ok: 0,
  invalid: 1,
  usage: 2,
  limit: 125,
  trap: 126,
  refused: 127,
  /** What a shell reports of a program that a closed pipe ended: 128 + SIGPIPE. */
  closedPipe: 141,
} as const;

export const STATUS_OF: Readonly<Record<ErrorCode, number>> = {
  COMPILE: STATUS.invalid,
  LINK: STATUS.refused,
  TRAP: STATUS.trap,
  EXCEPTION: STATUS.trap,
  GAS_EXHAUSTED: STATUS.limit,
  MEMORY_LIMIT: STATUS.limit,
  STACK_LIMIT: STATUS.limit,
  CPU_TIMEOUT: STATUS.limit,
  ABORTED: STATUS.limit,
  SECURITY: STATUS.refused,
  HOST: STATUS.trap,
  SNAPSHOT: STATUS.invalid,
  POOL: STATUS.limit,
  PLUGIN: STATUS.trap,
  COMPONENT: STATUS.trap,
  DISPOSED: STATUS.usage,
  USAGE: STATUS.usage,
};

/** Part of the help. */
export const STATUS_HELP = `Exit status:
  0        success; run: whatever status the program ends with, modulo 256
  1        the module is not valid, or needs what this version does not have; a replay differs
  2        the command line is wrong, a file cannot be read, or the output cannot be written
  125      a limit was reached: gas, memory, stack or time
  126      the program trapped, threw an exception, or a host function failed
  127      the program was refused something: an import, or what the policy denies
  141      standard output was closed before everything was written`;
