export const ENTRIES: Readonly<Record<string, string>>;
export const NEEDED: Readonly<Record<string, string>>;
export function manifestFields(): Readonly<Record<string, unknown>>;
