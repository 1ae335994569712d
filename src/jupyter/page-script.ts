/**
 * The program of a widget's page (`page/main.ts`) as one file: gzipped, as base64. `npm run build` puts it here; the sources
 * have none.
 */
export const PAGE_SCRIPT: string = '';
