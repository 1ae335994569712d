// The npm package wabt, which reads and writes the text format of release 2.0: to compare with.
import { fromNpm } from './from-npm.mjs';

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

/** Undefined where it is not installed, and is not to be. */
export async function loadWabt({ installs = true } = {}) {
  const load = fromNpm('wabt', VERSION, { installs });
  if (load === undefined) return undefined;
  const wabt = await (await load()).default();
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
