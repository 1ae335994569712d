export const ENTRIES: Readonly<Record<string, string>>;
export const NEEDED: Readonly<Record<string, string>>;
export function manifestFields(): Readonly<Record<string, unknown>>;

/** Of entries that are for a framework: the packages that their users have installed. */
export const FRAMEWORKS: Readonly<Record<string, readonly string[]>>;
