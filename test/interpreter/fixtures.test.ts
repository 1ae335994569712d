import { describe, expect, it } from 'vitest';
import { loadFixture, manifest } from '../../fixtures/load.node.ts';
import { Trap } from '../../wasm/errors.ts';
import { failureOf, instantiate } from './engine.ts';

const programs = manifest.filter((fixture) => fixture.kind !== 'wasi' && fixture.expect !== undefined);

describe.each(programs)('$name', (fixture) => {
  it('gives the recorded results and traps', () => {
    const instance = instantiate(loadFixture(fixture.name));
    if (fixture.kind === 'wasi') return;
    for (const { export: name, args, result, trap } of fixture.expect?.calls ?? []) {
      if (trap === undefined)
        expect(instance.call(name, args), `${name}(${args})`).toEqual(result === undefined ? [] : [result]);
      else {
        const error = failureOf(() => instance.call(name, args));
        expect(error, name).toBeInstanceOf(Trap);
        expect((error as Trap).message).toContain(trap);
      }
    }
    // Nobody may change it without meaning to.
    expect(instance.figures().gasUsed).toMatchSnapshot('gas');
  });
});

it('says in which function and where it trapped', () => {
  const instance = instantiate(loadFixture('traps'));
  expect(failureOf(() => instance.call('outer', [0]))).toMatchObject({
    code: 'TRAP',
    kind: 'divide-by-zero',
    functionName: 'inner',
    offset: expect.any(Number),
    message: expect.stringMatching(/^integer divide by zero \(function \d+ <inner>, offset 0x[0-9a-f]+\)$/),
  });
});
