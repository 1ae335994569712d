export function isPageScript(path: string): boolean;
export function bundlePage(): Promise<string>;
