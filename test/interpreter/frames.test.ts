/** Call stacks of guests that trap: as V8 has them for the same module and call. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import { interpreter } from '../../interpreter/index.ts';
import { Capability, WasmSandbox } from '../../src/index.ts';
import { decode } from '../../wasm/decode.ts';
import type { InstanceLimits } from '../../wasm/engine.ts';
import { GasExhausted, type RuntimeError, Trap, UncaughtException } from '../../wasm/errors.ts';
import { HostFunction, type WasmValue } from '../../wasm/host.ts';
import { EXTERNREF, FUNCREF, type FuncType, I64, type ValType } from '../../wasm/types.ts';
import { anyLifeProgram, type LifeProgram } from '../life/programs.ts';
import { SEED } from '../property/runner.ts';
import { assemble, I32 } from '../sandbox/modules.ts';

const LIMITS: InstanceLimits = { gas: 100_000n, memoryBytes: 2 ** 26, stackBytes: 65_536 };

const answerOf = (type: ValType): WasmValue => (type === I64 ? 3n : type === FUNCREF || type === EXTERNREF ? null : 3);

function answers({ results }: FuncType): WasmValue {
  const values = results.map(answerOf);
  return values.length > 1 ? values : values[0];
}

interface Place {
  readonly functionIndex: number;
  readonly offset: number;
}

/** What V8 says of its own stack. */
function placesOf(error: unknown): Place[] {
  const lines = (error as Error).stack?.matchAll(/wasm-function\[(\d+)\]:0x([\da-f]+)/g) ?? [];
  return [...lines].map(([, index, offset]) => ({
    functionIndex: Number(index),
    offset: Number.parseInt(offset!, 16),
  }));
}

/** The traps of a program's calls: as the interpreter and as V8 have them. Up to where V8 could do something else. */
function traps({ bytes, calls }: LifeProgram): { readonly own: readonly Place[]; readonly v8: readonly Place[] }[] {
  const module = decode(bytes);
  const host = (type: FuncType) => new HostFunction(type, { base: 1, perByte: 0 }, () => answers(type));
  const instance = interpreter.instantiate(module, { limits: LIMITS, imports: (_module, _name, type) => host(type) });
  const compiled = new WebAssembly.Module(new Uint8Array(bytes));
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
  for (const imported of module.imports) {
    const type = module.types[(imported as { typeIndex: number }).typeIndex] as FuncType;
    (imports[imported.module] ??= {})[imported.name] = () => answers(type);
  }
  const found: { own: readonly Place[]; v8: readonly Place[] }[] = [];
  const both = (run: () => unknown, runV8: () => unknown): boolean => {
    let error: unknown;
    try {
      run();
    } catch (caught) {
      error = caught;
    }
    if (error !== undefined && !(error instanceof Trap || error instanceof UncaughtException)) return false;
    try {
      runV8();
    } catch (caught) {
      // Its exceptions have no stack. What it did not call, as a vector is a parameter, or gave up is not comparable.
      if (!(caught instanceof WebAssembly.RuntimeError)) {
        return caught instanceof WebAssembly.Exception && error instanceof UncaughtException;
      }
      const own = ((error as RuntimeError | undefined)?.frames ?? []).map(({ functionIndex, offset }) => ({
        functionIndex,
        offset,
      }));
      found.push({ own, v8: placesOf(caught) });
      return true;
    }
    return error === undefined;
  };
  let native: WebAssembly.Instance | undefined;
  const started = both(
    () => instance.start(),
    () => {
      native = new WebAssembly.Instance(compiled, imports);
    },
  );
  for (const call of calls) {
    const raw = native?.exports[call.export];
    if (!started || typeof raw !== 'function') break;
    if (
      !both(
        () => instance.call(call.export, call.args),
        () => raw(...call.args),
      )
    )
      break;
  }
  return found;
}

test('a hundred random modules that trap have the stack that V8 has', () => {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 200;
  let modules = 0;
  let deepest = 0;
  try {
    for (let seed = SEED; modules < 100; seed++) {
      for (const program of fc.sample(anyLifeProgram(), { numRuns: 50, seed })) {
        let compared: ReturnType<typeof traps>;
        try {
          compared = traps(program);
        } catch (error) {
          // Not for this V8, or beyond what the instance may use.
          if (error instanceof WebAssembly.CompileError || 'code' in (error as Error)) continue;
          throw error;
        }
        // A start that fails where segments are copied has no frame in V8 either.
        for (const { own, v8 } of compared) {
          expect(own, `seed ${seed}`).toEqual(v8.slice(0, 100));
          deepest = Math.max(deepest, own.length);
        }
        if (compared.some(({ own }) => own.length > 0)) modules++;
      }
    }
  } finally {
    Error.stackTraceLimit = limit;
  }
  console.log(`${modules} modules that trap, the deepest stack of ${deepest} calls, seed ${SEED}`);
  expect(deepest).toBeGreaterThan(1);
});

describe('frames', () => {
  test('say function, name, and the offset that debug information has', async () => {
    const bytes = loadFixture('traps');
    const sandbox = await WasmSandbox.fromBytes(bytes);
    const { exports } = sandbox;
    const failing = exports.find(({ kind, name }) => kind === 'function' && /unreachable/.test(name));
    const error = (await sandbox.call(failing!.name).catch((caught: unknown) => caught)) as Trap;
    const [frame] = error.frames;
    expect(frame).toMatchObject({ functionIndex: error.functionIndex, functionName: error.functionName });
    expect(frame?.offset).toBe(error.offset);
    // The section begins behind its header: where its contents stand at that offset is the instruction.
    expect(bytes[frame!.offset - frame!.codeOffset - 2]).toBeDefined();
    expect(decode(bytes).codeStart).toBe(frame!.offset - frame!.codeOffset);
    expect(bytes[frame!.offset]).toBe(0);
  });

  test('of a stack without an end are the innermost hundred', async () => {
    const endless = assemble({ functions: [{ name: 'run', type: [[], []], code: [0x10, 0, 0x10, 0] }] });
    const error = (await (await WasmSandbox.fromBytes(endless)).call('run').catch((caught: unknown) => caught)) as Trap;
    expect(error.frames).toHaveLength(100);
    expect(new Set(error.frames.map(({ offset }) => offset)).size).toBe(1);
  });

  test('are of the call that ended, not of the one whose host function made it', async () => {
    const module = assemble({
      imports: [['env', 'again', [[I32], []]]],
      functions: [
        { name: 'outer', type: [[], []], code: [0x41, 1, 0x10, 0] },
        { name: 'inner', type: [[], []], code: [0x00] },
      ],
    });
    let inner: Trap | undefined;
    const again = async () => {
      await sandbox.call('inner').catch((error: Trap) => {
        inner = error;
      });
    };
    const capabilities = [Capability.hostFunctions('env', { again })];
    const sandbox: WasmSandbox = await WasmSandbox.fromBytes(module, { capabilities });
    await sandbox.call('outer').catch(() => undefined);
    expect(inner?.frames.map(({ functionName }) => functionName)).toEqual(inner === undefined ? undefined : ['inner']);
  });

  test('are the same on the native engine, and none where no guest has run', async () => {
    const bytes = loadFixture('traps');
    const [sandbox, interpreted] = (await Promise.all(
      (['native', 'interpreter'] as const).map((engine) => WasmSandbox.fromBytes(bytes, { engine })),
    )) as [WasmSandbox, WasmSandbox];
    const failing = sandbox.exports.find(({ kind, name }) => kind === 'function' && /unreachable/.test(name));
    const [error, expected] = (await Promise.all(
      [sandbox, interpreted].map((one) => one.call(failing!.name).catch((caught: unknown) => caught)),
    )) as [Trap, Trap];
    expect(error).toBeInstanceOf(Trap);
    expect(error.frames).toEqual(expected.frames);
    expect(error.message).toBe(expected.message);
    const unknown = (await sandbox.call('nothing').catch((caught: unknown) => caught)) as Trap;
    expect(unknown.frames).toEqual([]);
  });

  test('of what runs out of gas say where', async () => {
    const sandbox = await WasmSandbox.fromBytes(loadFixture('spin'), { gasLimit: 10_000 });
    const error = (await sandbox.call('run').catch((caught: unknown) => caught)) as GasExhausted;
    expect(error).toBeInstanceOf(GasExhausted);
    expect(error.frames[0]).toMatchObject({ functionIndex: error.functionIndex, offset: error.offset });
  });
});

describe('a program that keeps a stack in its memory', () => {
  /** Takes 4 KiB of it in each call, and calls itself; global 0, of so much to begin with, is its pointer. */
  const recursing = (from: readonly number[]) =>
    Uint8Array.from([
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 5, 3, 1, 0, 1],
      ...[6, 3 + from.length, 1, 0x7f, 1, ...from, 7, 7, 1, 3, 0x72, 0x75, 0x6e, 0, 0],
      ...[10, 21, 1, 19, 0, 0x23, 0, 0x41, 0x80, 0x20, 0x6b, 0x24, 0],
      ...[0x23, 0, 0x41, 1, 0x36, 2, 0, 0x10, 0, 0x0b],
    ]);
  const messageOf = async (from: readonly number[]) => {
    const bytes = recursing(from);
    const error = await (await WasmSandbox.fromBytes(bytes)).call('run').catch((caught: unknown) => caught);
    return (error as Trap).message;
  };

  test('is told when that is used up', async () => {
    const message = await messageOf([0x41, 0x80, 0x80, 0x04, 0x0b]);
    expect(message).toMatch(
      /^out of bounds memory access \(function 0 <run>, offset 0x[\da-f]+\): the program has probably/,
    );
    expect(message).toContain('stack-size');
  });

  test('is told nothing of the kind where the pointer began elsewhere', async () => {
    expect(await messageOf([0x41, 0x10, 0x0b])).not.toContain('stack-size');
  });
});

test('a call that was left has its frames, at the same places as a call that fails there', async () => {
  const source = `(module
    (import "env" "wait" (func $wait))
    (func $inner (param i32) (result i32) (local $n i32) (call $wait)
      (loop (br_if 0 (i32.ne (local.tee $n (i32.add (local.get $n) (i32.const 1))) (local.get 0)))) (local.get $n))
    (func (export "outer") (param i32) (result i32) (call $inner (local.get 0))))`;
  let go = (): void => undefined;
  const wait = () => new Promise<void>((resolve) => (go = resolve));
  const sandbox = await WasmSandbox.create({ source, capabilities: [Capability.hostFunctions('env', { wait })] });
  const execution = sandbox.start('outer', [1_000]);
  const names = () => execution.frames.map(({ functionName }) => functionName);
  expect(names()).toEqual([]);
  expect(execution.step(1_000)).toBe('waiting');
  expect(names()).toEqual(['inner', 'outer']);
  go();
  await execution.whenReady();
  expect(execution.step(1_000)).toBe('paused');
  expect(names()).toEqual(['inner', 'outer']);
  const failing = sandbox.fork().then((fork) => fork.execution?.frames);
  expect(await failing).toEqual(execution.frames);
  await execution.run();
  expect(names()).toEqual([]);
});
