import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decode } from '../../wasm/decode.ts';
import { compile } from '../generate/text.ts';
import { again, begin, instantiate, sequence, stateOf, trace, whole } from './programs.ts';

const TEXT = readFileSync(new URL('./objects.wat', import.meta.url), 'utf8');
const BYTES = compile(TEXT);

describe('a guest with objects', () => {
  const program = { bytes: BYTES, calls: [{ export: 'run', args: [60] }] };

  it('goes on with them in another instance, wherever it was left', async () => {
    const expected = await trace(program, whole);
    expect(expected[0]).toMatch(/^run\(60\): -?\d+n$/);
    const module = decode(BYTES);
    const next = sequence(3);
    const seen = await trace(program, async (first, call) => {
      let instance = first;
      let execution = begin(instance, call);
      while (execution.advance(BigInt(next() % 150)) !== 'done') {
        const moved = again(module, instance, execution, { viaBytes: next() % 2 === 0 });
        instance = moved.instance;
        execution = moved.execution!;
      }
      return { results: execution.results, instance };
    });
    expect(seen).toEqual(expected);
  });

  it('shares none of them with its fork', () => {
    const module = decode(BYTES);
    const instance = instantiate(module);
    instance.start();
    const execution = begin(instance, { export: 'run', args: [60] });
    execution.advance(800n);
    const copy = again(module, instance, execution, { viaBytes: false });
    const before = stateOf(copy.instance);
    execution.advance();
    expect(stateOf(copy.instance)).toEqual(before);
    copy.execution?.advance();
    expect(copy.execution?.results).toEqual(execution.results);
    expect(stateOf(copy.instance)).toEqual(stateOf(instance));
  });
});
