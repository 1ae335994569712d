/** What the weaver meters beyond release 2.0; what it does not it refuses by name, and `auto` runs on the interpreter. */

import { describe, expect, test } from 'vitest';
import { METERED } from '../../instrument/adopted.ts';
import type { WasmHost } from '../../instrument/host.ts';
import { meteredEngine, whyNotMetered } from '../../instrument/index.ts';
import { WasmSandbox } from '../../src/index.ts';
import { decode } from '../../wasm/decode.ts';
import type { Feature } from '../../wasm/types.ts';
import { encodeModule } from '../generate/encode.ts';

const IN_A_BODY = (...raw: readonly number[]) => encodeModule({ functions: [{ body: [{ raw }] }] });

const MODULES: Readonly<Record<Feature, Uint8Array>> = {
  'tail-call': IN_A_BODY(0x12, 0),
  'multi-memory': encodeModule({ memories: [{ min: 1 }, { min: 1 }] }),
  // A memory section with the flag of 64 bits.
  memory64: Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 3, 1, 4, 1),
  // try_table without clauses.
  'exception-handling': IN_A_BODY(0x1f, 0x40, 0, 0x0b),
  // ref.null func; ref.as_non_null; drop.
  // try; catch_all; end.
  // ref.null exn; drop.
  'exception-references': IN_A_BODY(0xd0, 0x69, 0x1a),
  'legacy-exception-handling': IN_A_BODY(0x06, 0x40, 0x19, 0x0b),
  'function-references': IN_A_BODY(0xd0, 0x70, 0xd4, 0x1a),
  // i32.const 0; ref.i31; drop.
  gc: IN_A_BODY(0x41, 0, 0xfb, 0x1c, 0x1a),
  // atomic.fence.
  threads: IN_A_BODY(0xfe, 3, 0),
  // v128.const 0 three times; f32x4.relaxed_madd; drop.
  'relaxed-simd': IN_A_BODY(
    ...[0, 0, 0].flatMap(() => [0xfd, 0x0c, ...new Array<number>(16).fill(0)]),
    0xfd,
    0x85,
    0x02,
    0x1a,
  ),
};

const OPTIONS = { limits: { gas: 100n, memoryBytes: 1 << 20, stackBytes: 1 << 16 }, imports: () => undefined };
const ALL = Object.entries(MODULES) as [Feature, Uint8Array][];
const isMetered = ([feature]: [Feature, Uint8Array]) => (METERED as readonly Feature[]).includes(feature);

test.each(ALL)('%s is what the module uses', (feature, bytes) => {
  expect(decode(bytes).features).toEqual([feature]);
});

describe.each(ALL.filter(isMetered))('%s', (feature, bytes) => {
  const module = decode(bytes);

  test('is asked of the host, once, and refused by name where that does not have it', async () => {
    let compiled = 0;
    class Module {
      constructor() {
        compiled++;
        throw new WebAssembly.CompileError('no');
      }
    }
    const engine = meteredEngine({ ...hostsClasses(), Module } as unknown as WasmHost, 'native');
    for (let i = 0; i < 2; i++) {
      expect(() => engine.instantiate(module, OPTIONS)).toThrow(`the module uses ${feature}, which this host`);
    }
    expect(compiled).toBe(1);
  });

  test.skipIf(!WebAssembly.validate(bytes as BufferSource))('runs natively by choice of auto', async () => {
    expect(whyNotMetered(module)).toBeUndefined();
    const sandbox = await WasmSandbox.fromBytes(bytes, { engine: 'auto' });
    expect(sandbox.getResourceStats()).toMatchObject({ engine: 'native' });
  });
});

function hostsClasses() {
  const { Instance, Memory, Table, Global, CompileError, LinkError, RuntimeError } = WebAssembly;
  return { Instance, Memory, Table, Global, CompileError, LinkError, RuntimeError };
}

describe.each(ALL.filter((row) => !isMetered(row)))('%s', (feature, bytes) => {
  const module = decode(bytes);

  test('is refused by name', async () => {
    expect(whyNotMetered(module)).toContain(feature);
    expect(() => meteredEngine(WebAssembly, 'native').instantiate(module, OPTIONS)).toThrow(feature);
    await expect(WasmSandbox.fromBytes(bytes, { engine: 'native' })).rejects.toThrow(feature);
  });

  test('runs on the interpreter by choice of auto', async () => {
    const sandbox = await WasmSandbox.fromBytes(bytes, { engine: 'auto' });
    expect(sandbox.getResourceStats()).toMatchObject({ engine: 'interpreter' });
    expect(JSON.stringify(sandbox.getResourceStats(), (_, value) => (typeof value === 'bigint' ? 0 : value))).toContain(
      feature,
    );
  });
});
