// Compilers of other versions than the project's, under the settings that programs have, on the packed types.
import { join } from 'node:path';

const USE = `import { Capability, type ModuleSource, WasmSandbox, WasmSandboxError } from 'wasm-sandbox';
import { WasmSandbox as Sync } from 'wasm-sandbox/sync';
import WebAssembly, { createWebAssembly } from 'wasm-sandbox/webassembly';
import { instrument } from 'wasm-sandbox/instrument';
import { createHost } from 'wasm-sandbox/policy';
import { WasmSandbox as Minimal } from 'wasm-sandbox/minimal';
import { WasmSandbox as Interpreter } from 'wasm-sandbox/interpreter';

export async function use(source: ModuleSource, bytes: Uint8Array): Promise<Uint8Array> {
  const sandbox: WasmSandbox = await WasmSandbox.create({ source, capabilities: [Capability.stdio({})] });
  const result: number = await sandbox.call<number>('run', [1, 2n]);
  const sync: Sync = Sync.create({ source: bytes });
  const error: WasmSandboxError = WasmSandboxError.from(JSON.parse('{}'));
  const all = [result, sync, error, createWebAssembly, createHost, Minimal, Interpreter];
  const artifact: Uint8Array = await instrument(bytes);
  return all.length > 0 ? sandbox.snapshot() : artifact;
}
`;
/** The namespace that is exported by default. */
const DEFAULT = 'export const validate: (bytes: Uint8Array) => boolean = (bytes) => WebAssembly.validate(bytes);\n';

const BASE = { strict: true, noEmit: true, target: 'es2022', types: [], skipLibCheck: false };
const SETTINGS = [
  { module: 'nodenext', lib: ['es2022'], exactOptionalPropertyTypes: true },
  { module: 'nodenext', lib: ['es2022', 'dom'] },
  { module: 'esnext', moduleResolution: 'bundler', lib: ['es2022'] },
  { module: 'commonjs', moduleResolution: 'node10', lib: ['es2022'], esModuleInterop: true, old: true },
];

/** @param key of the table of versions */
export const typescript = (version, key) => ({
  name: `TypeScript ${version}`,
  needs: [key],
  checksOnly: true,
  async run({ folder, write, run }) {
    for (const file of ['use.mts', 'use.cts', 'use-old.ts']) write(file, USE + DEFAULT);
    for (const { old = false, ...more } of SETTINGS) {
      const files = old ? ['use-old.ts'] : more.module === 'nodenext' ? ['use.mts', 'use.cts'] : ['use.mts'];
      const silence = old && Number(version) >= 6 ? { ignoreDeprecations: '6.0' } : {};
      write('tsconfig.json', JSON.stringify({ compilerOptions: { ...BASE, ...more, ...silence }, files }));
      await run(process.execPath, [join(folder, 'node_modules', key, 'lib/tsc.js'), '--pretty', 'false']);
    }
  },
});
