/** Node, Deno and Bun: their names, and the words that start a script on each. */
export function findRuntimes(folder?: string): { readonly name: string; readonly start: readonly string[] }[];
