/** By name: the files that are changed, and the tests that have to notice. */
export const TARGETS: Readonly<
  Record<string, { readonly files: readonly string[]; readonly tests: readonly string[] }>
>;
