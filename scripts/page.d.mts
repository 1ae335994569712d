export function bundlePage(): Promise<[name: string, text: string][]>;
