/**
 * Instrumented modules as files. An artifact is the rewritten module with a custom section at its end that says by
 * which schedule and plan it counts. The section is no signature: whoever can change the artifact can change both.
 * An artifact is trusted like the code of the host, and accepted only where the host says so.
 */

import { type Bytes, isBytes, viewOf } from '../wasm/bytes.ts';
import { decode } from '../wasm/decode.ts';
import { CompileError, UsageError } from '../wasm/errors.ts';
import { GAS_VERSION } from '../wasm/gas.ts';
import type { WasmModule } from '../wasm/module.ts';
import { instantiationCost, planSteps } from '../wasm/plan.ts';
import { describe } from '../wasm/quote.ts';
import { reported } from '../wasm/reported.ts';
import { sha256, sha256Steps } from '../wasm/sha256.ts';
import { complete, STEP_BYTES, type Steps } from '../wasm/steps.ts';
import { decodeUtf8, encodeUtf8 } from '../wasm/utf8.ts';
import { Writer } from '../wasm/writer.ts';
import { adopt } from './adopted.ts';
import { ARTIFACT_SECTION, artifactSection } from './claim.ts';
import { meterModuleSteps } from './meter-module.ts';
import { describeMetered, type MeteredModule, type MeteredNames } from './metered.ts';
import { loadOptimiser } from './optimiser.ts';

/** Of what is in the section, and of how the module and the host work together. */
export const ARTIFACT_FORMAT = 1;

/** The most an instance may be given, whatever its sandbox says. */
export interface ArtifactLimits {
  /** Units of the gas schedule. */
  readonly gas?: bigint | undefined;
  /** All memories and tables together. */
  readonly memoryBytes?: number | undefined;
  /** Stack weight. */
  readonly stackBytes?: number | undefined;
}

/** How a module is instrumented. */
export interface InstrumentOptions {
  /** Whether NaN results get the canonical bits, as determinism needs; true unless it says otherwise. */
  readonly canonicalNaN?: boolean | undefined;
  /** Whether wall-clock limits can interrupt the module, which makes loops slower; true unless it says otherwise. */
  readonly timeSlices?: boolean | undefined;
  /** Recorded, and kept by the engines beside the limits of the sandbox. */
  readonly limits?: ArtifactLimits | undefined;
  /** Whether the package `binaryen`, which has to be installed, makes the result smaller; false unless it says so. */
  readonly optimise?: boolean | undefined;
}

/** What the section of an artifact says. */
export interface ArtifactInfo {
  readonly format: number;
  readonly gasVersion: number;
  /** SHA-256 of the plan by which it counts. */
  readonly planDigest: string;
  /** SHA-256 of the original module. */
  readonly sourceDigest: string;
  /** SHA-256 of the artifact without the section. */
  readonly codeDigest: string;
  /** Module name under which it imports its meter. */
  readonly importName: string;
  /** What the names of the exports that it has for its meter begin with. */
  readonly exportPrefix: string;
  /** Units of gas that instantiation costs. */
  readonly cost: bigint;
  readonly canonicalNaN: boolean;
  readonly timeSlices: boolean;
  readonly limits: ArtifactLimits;
}

/** SHA-256 of all charges of a module: what two versions of the schedule, or two modules, do not have in common. */
export function* planDigest(module: WasmModule): Steps<string> {
  const out = new Writer();
  out.name(String(instantiationCost(module)));
  let pause = STEP_BYTES;
  for (let body = 0; body < module.bodies.length; body++) {
    const { entryCost, weight, points } = yield* planSteps(module, body);
    for (const number of [entryCost, weight, points.length]) out.u32(number);
    for (const { offset, cost, check } of points) {
      out.u32(offset);
      out.u32(cost);
      out.u8(check ? 1 : 0);
      if (out.length < pause) continue;
      pause = out.length + STEP_BYTES;
      yield;
    }
  }
  return yield* sha256Steps(yield* out.takeSteps());
}

function encodeInfo(info: ArtifactInfo): Writer {
  const { limits, cost, ...rest } = info;
  const text = JSON.stringify({
    ...rest,
    cost: String(cost),
    limits: { ...limits, ...(limits.gas !== undefined && { gas: String(limits.gas) }) },
  });
  const out = new Writer(text.length + 64);
  out.name(ARTIFACT_SECTION);
  out.copy(encodeUtf8(text));
  return out;
}

/**
 * Instruments a module, to be kept or shipped and run by either engine.
 * @param source the bytes of a module, of any kind, or a decoded one
 * @throws CompileError for an invalid module, or one too large; UsageError where `optimise` lacks its package, or the
 *   module is an artifact already, or no module
 */
export async function instrument(
  source: Bytes | WasmModule,
  options: InstrumentOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const module = asModule(source);
  const metered = complete(meteredFor(module, options));
  const bytes = metered.code.bytes();
  const code = options.optimise === true ? await optimised(bytes, metered, module) : bytes;
  return complete(sealed(module, metered, code, options));
}

/** The same in steps, and without binaryen. */
export function* instrumentSteps(module: WasmModule, options: InstrumentOptions = {}): Steps<Uint8Array<ArrayBuffer>> {
  const metered = yield* meteredFor(module, options);
  return yield* sealed(module, metered, metered.code.bytes(), options);
}

function meteredFor(module: WasmModule, options: InstrumentOptions): Steps<MeteredModule> {
  if (artifactSection(module) !== undefined) throw new UsageError('the module has been instrumented already');
  const { canonicalNaN = true, timeSlices = true } = options;
  return meterModuleSteps(module, { canonicalNaN, refills: timeSlices });
}

/** The code, and behind it what it is. */
function* sealed(
  module: WasmModule,
  { importName, exportPrefix, cost }: MeteredNames,
  code: Uint8Array,
  { canonicalNaN = true, timeSlices = true, limits = {} }: InstrumentOptions,
): Steps<Uint8Array<ArrayBuffer>> {
  const info: ArtifactInfo = {
    format: ARTIFACT_FORMAT,
    gasVersion: GAS_VERSION,
    planDigest: yield* planDigest(module),
    sourceDigest: yield* sha256Steps(module.bytes),
    codeDigest: yield* sha256Steps(code),
    importName,
    exportPrefix,
    cost,
    canonicalNaN,
    timeSlices,
    limits,
  };
  const out = new Writer();
  out.copy(code);
  out.section(0, encodeInfo(info));
  return yield* out.takeSteps();
}

function asModule(source: Bytes | WasmModule): WasmModule {
  if (isBytes(source)) return decode(viewOf(source, 'the module') as Uint8Array);
  if (typeof source === 'object' && source !== null && 'customSections' in source) return source;
  throw new UsageError(`the module must be bytes, or decoded already, not ${describe(source)}`);
}

/**
 * The module after binaryen, or as it was where binaryen cannot carry it: beyond release 2.0 it is not told what calls may do
 * (throw, run beside others), and would move the count past them.
 */
async function optimised(bytes: Uint8Array, names: MeteredNames, { features }: WasmModule): Promise<Uint8Array> {
  let smaller: Uint8Array;
  try {
    const optimise = await loadOptimiser();
    if (features.length > 0) return bytes;
    smaller = await optimise(bytes);
    describeMetered(decode(smaller), names);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    return bytes;
  }
  return smaller.length < bytes.length ? smaller : bytes;
}

/**
 * What an artifact says about itself; undefined where the module is none.
 * @throws CompileError where it is damaged, or made by another version
 */
export function readArtifact(module: WasmModule): ArtifactInfo | undefined {
  const section = artifactSection(module);
  if (section === undefined) return undefined;
  const info = parse(section);
  if (info.format !== ARTIFACT_FORMAT) {
    refuse(`it has format ${info.format}, and this version reads format ${ARTIFACT_FORMAT}`);
  }
  if (info.gasVersion !== GAS_VERSION) {
    refuse(`it counts by version ${info.gasVersion} of the gas schedule, and this is version ${GAS_VERSION}`);
  }
  const code = module.bytes.subarray(0, codeEnd(module));
  if (sha256(code) !== info.codeDigest) refuse('its code is not what was instrumented');
  return info;
}

/** As whoever runs it sees it. @throws CompileError where it is not made as it says */
export function describeArtifact(module: WasmModule, info: ArtifactInfo): MeteredModule {
  return describeMetered(module, info, codeEnd(module));
}

function refuse(why: string): never {
  throw new CompileError(`the instrumented module cannot be used: ${why}. Instrument the original module again`);
}

/** Where the section begins, which must be the last. */
function codeEnd(module: WasmModule): number {
  const { bytes, customSections } = module;
  // There is one: the artifact's own section has been found.
  const last = customSections.at(customSections.length - 1);
  if (last.name !== ARTIFACT_SECTION || last.bytes.end !== bytes.length) refuse('something was added to it');
  const content = bytes.length - last.bytes.start + 1 + ARTIFACT_SECTION.length;
  const size = new Writer(8);
  size.u32(content);
  return bytes.length - content - size.length - 1;
}

function parse(section: Uint8Array): ArtifactInfo {
  try {
    const { cost, limits, ...rest } = JSON.parse(decodeUtf8(section)) as {
      cost: string;
      limits: { gas?: string; memoryBytes?: number; stackBytes?: number };
    } & Omit<ArtifactInfo, 'cost' | 'limits'>;
    const { gas, ...others } = limits;
    const own = { ...others, ...(gas !== undefined && { gas: BigInt(gas) }) };
    return reported({ ...rest, cost: BigInt(cost), limits: reported(own) });
  } catch {
    return refuse('what it says about itself is no text that this version writes');
  }
}

/**
 * Accepts an artifact: engines then run it as it is. Only for artifacts that the host itself has made or has from whom
 * it trusts with its limits; a guest's own bytes must never get here.
 * @throws UsageError where the module is no artifact; CompileError where it is damaged, or made by another version
 */
export function acceptArtifact(module: WasmModule): ArtifactInfo {
  const info = readArtifact(module);
  if (info === undefined) throw new UsageError('the module is no artifact: instrument() makes one of it');
  adopt(module, describeArtifact(module, info), { refills: info.timeSlices, limits: info.limits });
  return info;
}
