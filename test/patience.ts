/**
 * Seconds that a test may take before the watchdog takes it for one that hangs, and ends its process. Far more than any
 * takes: how long one takes is the machine's business.
 */
export const PATIENCE = Number(process.env.TEST_WATCHDOG ?? 300);
