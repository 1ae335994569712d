/** Instrumented modules, in and out of a store. */

import { adopt } from '../../instrument/adopted.ts';
import { describeArtifact, instrumentSteps, readArtifact } from '../../instrument/artifact.ts';
import { decode } from '../../wasm/decode.ts';
import { CompileError, UsageError } from '../../wasm/errors.ts';
import type { WasmModule } from '../../wasm/module.ts';
import type { Steps } from '../../wasm/steps.ts';

/** The module with its meter as bytes; undefined for one that cannot be given a meter. */
export function* makeArtifact(module: WasmModule): Steps<Uint8Array | undefined> {
  try {
    return yield* instrumentSteps(module);
  } catch (error) {
    // Whoever runs the module is told why.
    if (error instanceof CompileError || error instanceof UsageError) return undefined;
    throw error;
  }
}

/**
 * Lets the host's engine run a module as the artifact has it, which spares making that again. The artifact is decoded
 * and validated like any module; that it counts what it should is taken from whoever wrote it.
 * @param moduleDigest SHA-256 of the module's bytes
 * @returns false where the artifact is not one of this module, made by this version for any sandbox
 */
export function useArtifact(module: WasmModule, moduleDigest: string, artifact: Uint8Array): boolean {
  try {
    const metered = decode(artifact);
    const info = readArtifact(metered);
    if (info?.sourceDigest !== moduleDigest || !info.canonicalNaN || !info.timeSlices) return false;
    if (Object.values(info.limits).some((limit) => limit !== undefined)) return false;
    adopt(module, describeArtifact(metered, info), { refills: true, limits: {} });
    return true;
  } catch (error) {
    if (error instanceof CompileError) return false;
    throw error;
  }
}
