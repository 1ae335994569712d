/**
 * Seconds that a test may take before the watchdog takes it for one that hangs, and ends its process. Far more than any
 * takes: how long one takes is the machine's business. Properties take longer the more runs they are asked for.
 */
export const PATIENCE = Number(process.env.TEST_WATCHDOG ?? 300 + 0.5 * Number(process.env.FUZZ_RUNS ?? 0));
