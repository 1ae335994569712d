import { MiB } from '../checks/sizes.ts';

/** Bytes of events that any recording has at most. */
export const MOST_EVENTS: number = 256 * MiB;
