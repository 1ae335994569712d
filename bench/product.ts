/**
 * The project as its users run it: compiled by the compiler of the package, with its settings. Timing the TypeScript
 * sources as the runner of scripts transpiles them would time that tool too. The build goes to a folder of its own, so
 * that no benchmark takes dist/ away from whoever is using it.
 */

import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Product {
  readonly sandbox: typeof import('../src/index.ts');
  readonly webassembly: typeof import('../src/webassembly.ts');
  readonly text: typeof import('../src/text.ts');
  readonly extism: typeof import('../src/extism.ts');
  readonly ndarray: typeof import('../src/ndarray.ts');
  readonly arrow: typeof import('../src/arrow.ts');
  readonly policy: typeof import('../src/policy.node.ts');
  readonly service: typeof import('../src/service.node.ts');
  readonly decoder: typeof import('../wasm/decode.ts');
  readonly host: typeof import('../wasm/host.ts');
  readonly instrument: typeof import('../instrument/index.ts');
  readonly optimise: typeof import('../instrument/optimise.ts');
}

const DIST = new URL('./dist/', import.meta.url);
const ROOT = fileURLToPath(new URL('../', import.meta.url));

/**
 * Compiles the sources.
 * @returns what the compiler complained of, empty where it did not; the output is there either way
 */
export function buildProduct(): string {
  const manifest = createRequire(import.meta.url).resolve('typescript/package.json');
  const options = ['--declaration', 'false', '--sourceMap', 'false', '--inlineSources', 'false'];
  const { status, stdout, stderr, error } = spawnSync(
    process.execPath,
    [
      join(dirname(manifest), 'bin', 'tsc'),
      ...['-p', 'tsconfig.build.json', '--outDir', fileURLToPath(DIST), '--noEmitOnError', 'false'],
      ...options,
    ],
    { cwd: ROOT, encoding: 'utf8' },
  );
  if (error !== undefined) throw error;
  return status === 0 ? '' : `${stdout}${stderr}`.trim();
}

/** Loads what {@link buildProduct} has built. */
export async function loadProduct(): Promise<Product> {
  // Computed, so that the compiler does not look for files that are not there yet.
  const load = (path: string): Promise<unknown> => import(new URL(path, DIST).href);
  const [sandbox, webassembly, text, extism, ndarray, arrow, policy, service, decoder, host, instrument, optimise] =
    await Promise.all([
      load('src/index.node.js'),
      load('src/webassembly.js'),
      load('src/text.js'),
      load('src/extism.node.js'),
      load('src/ndarray.js'),
      load('src/arrow.js'),
      load('src/policy.node.js'),
      load('src/service.node.js'),
      load('wasm/decode.js'),
      load('wasm/host.js'),
      load('instrument/index.js'),
      load('instrument/optimise.js'),
    ]);
  return {
    sandbox,
    webassembly,
    text,
    extism,
    ndarray,
    arrow,
    service,
    policy,
    decoder,
    host,
    instrument,
    optimise,
  } as Product;
}
