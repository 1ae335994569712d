/** What every sandbox needs of policies, whether or not its embedder names one. */

export { AuditLog } from './audit.ts';
export { createHost } from './host.ts';
export { granted, granting, Policy, STRICT } from './in-force.ts';
export { environmentAccess, stdio } from './program-capabilities.ts';
export { toInput, toOutput } from './stdio.ts';
