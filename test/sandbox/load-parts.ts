/**
 * Uses a part that is loaded when it is first needed, in a process that has used none, and prints what came of it.
 * Arguments: the paths of modules by name, as JSON, and the part.
 */

import { readFileSync } from 'node:fs';
import process from 'node:process';
import { replay, WasmSandbox } from '../../src/index.ts';

const paths = JSON.parse(process.argv[2] ?? '') as Record<string, string>;
const source = (name: string) => new Uint8Array(readFileSync(paths[name] ?? ''));

const PARTS: Record<string, () => Promise<unknown>> = {
  vectors: async () => {
    const sandbox = await WasmSandbox.create({ source: source('simd'), engine: 'interpreter' });
    return sandbox.call('run', [1]);
  },
  native: async () => {
    const sandbox = await WasmSandbox.create({ source: source('fib'), engine: 'native' });
    return sandbox.call('run', [10]);
  },
  auto: async () => {
    const sandbox = await WasmSandbox.create({ source: source('fib'), engine: 'auto' });
    return sandbox.getResourceStats().engine;
  },
  wasi: async () => {
    const sandbox = await WasmSandbox.create({ source: source('primes'), args: ['primes', '10'] });
    return (await sandbox.run()).exitCode;
  },
  network: async () => {
    const sandbox = await WasmSandbox.create({ source: source('fetch'), args: ['fetch', 'GET', 'http://localhost/'] });
    return (await sandbox.run()).exitCode;
  },
  recording: async () => {
    const sandbox = await WasmSandbox.create({ source: source('simd'), record: true });
    await sandbox.call('run', [1]);
    return (await replay(await sandbox.recording())).same;
  },
  snapshot: async () => {
    const options = { source: source('simd'), engine: 'interpreter' } as const;
    const bytes = await (await WasmSandbox.create(options)).snapshot();
    return (await WasmSandbox.restore(bytes, options)).call('run', [1]);
  },
};

process.stdout.write(String(await PARTS[process.argv[3] ?? '']?.()));
