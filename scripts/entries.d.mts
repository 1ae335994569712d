export const ENTRIES: Readonly<Record<string, string>>;
export function manifestFields(): Readonly<Record<string, unknown>>;
