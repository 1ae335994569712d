// The npm package wabt, which reads and writes the text format of release 2.0: to compare with. It comes from npm once, into a
// folder beside the dependencies.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { npm, step } from './ensure.mjs';

const VERSION = '1.0.39';

/** All it has that is in release 3.0. */
const FEATURES = {
  exceptions: true,
  mutable_globals: true,
  sat_float_to_int: true,
  sign_extension: true,
  simd: true,
  function_references: true,
  multi_value: true,
  tail_call: true,
  bulk_memory: true,
  reference_types: true,
  memory64: true,
  extended_const: true,
  relaxed_simd: true,
};

const folder = fileURLToPath(new URL('../node_modules/.cache/wabt', import.meta.url));

function install() {
  mkdirSync(folder, { recursive: true });
  // A manifest of its own, or npm would take the project's.
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  return npm(['install', '--prefix', folder, '--no-audit', '--no-fund', '--loglevel=error', `wabt@${VERSION}`]);
}

/** Undefined where it is not installed, and is not to be. */
export async function loadWabt({ installs = true } = {}) {
  const manifest = join(folder, 'node_modules/wabt/package.json');
  const isThere = existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === VERSION;
  if (!isThere && !installs) return undefined;
  if (!isThere) step(`installing wabt ${VERSION}`, install);
  const wabt = await createRequire(import.meta.url)(join(folder, 'node_modules/wabt'))();
  return {
    /** @throws Error where it cannot read the text */
    parse(text) {
      const module = wabt.parseWat('module.wat', text, FEATURES);
      try {
        return module.toBinary({ canonicalize_lebs: true }).buffer;
      } finally {
        module.destroy();
      }
    },
    /** @throws Error where it cannot read the module */
    print(bytes) {
      const module = wabt.readWasm(bytes, { ...FEATURES, readDebugNames: true, check: false });
      try {
        module.applyNames();
        return module.toText({ foldExprs: true });
      } finally {
        module.destroy();
      }
    },
  };
}
