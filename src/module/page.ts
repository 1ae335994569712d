/** Where sources without a scheme lie: in a page, and in its workers, beside the page; elsewhere they are files. */

/** What tells whether there is a page. */
export interface Surroundings {
  readonly location?: { readonly href: string } | undefined;
  readonly document?: { readonly baseURI: string } | undefined;
  /** Of Node, and of what behaves as it: there are files, also where a test has put up a page. */
  readonly process?: { readonly versions?: { readonly node?: string } } | undefined;
}

/** The URL of a path in a page; undefined where there is none, or it has no place on a server. */
export function urlInPage(path: string, around: Surroundings = globalThis as Surroundings): URL | undefined {
  const { location, document, process } = around;
  if (location === undefined || process?.versions?.node !== undefined) return undefined;
  try {
    const url = new URL(path, document?.baseURI ?? location.href);
    return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined;
  } catch {
    return undefined;
  }
}
