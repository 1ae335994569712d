/** What every sandbox needs of policies, whether or not its embedder names one. */

export { AuditLog } from './audit.ts';
export { IdleHost } from './idle-host.ts';
export { granted, granting, Policy, STRICT } from './in-force.ts';
export { environmentAccess, stdio } from './program-capabilities.ts';
export { checkProvided } from './provided.ts';
export { toInput, toOutput } from './stdio.ts';
