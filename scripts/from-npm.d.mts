/** Undefined where the package is not installed, and is not to be. */
export function fromNpm(
  name: string,
  version: string,
  options?: { readonly installs?: boolean; readonly beside?: readonly string[]; readonly scripts?: boolean },
): (() => Promise<unknown>) | undefined;
