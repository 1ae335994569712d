/** The generator's templates: what they become, and that what is not understood is refused. */

import { describe, expect, it } from 'vitest';
import { readMeaning } from '../../interpreter/generate/meaning.ts';
import { printBlock, printExpression } from '../../interpreter/generate/print.ts';
import { breaksTo, namesUsed, variablesOf } from '../../interpreter/generate/syntax.ts';
import { code, expression } from '../../interpreter/generate/template.ts';

/** A template without holes, as one that is being written. */
const written = (text: string) => code([text]);

describe('a template', () => {
  it.each([
    ['a = b + c * d | 0;'],
    ['a = (b + c) * d;'],
    ['R[d + 1 | 0] = x < y ? -1 : ~e;'],
    ['const n = Math.imul(a, b >>> 16);'],
    ['divS64(R, d, al, ah);'],
    ['if (a === 0) { exit = 3; break loop; }'],
    ['for (let i = 0; i < 4; i = i + 1 | 0) R[i] = 0;'],
  ])('is printed as it was written: %s', (text) => {
    expect(printBlock(written(text))).toEqual([text]);
  });

  it('keeps what fills its holes together', () => {
    const sum = expression`a + b`;
    expect(printExpression(expression`${sum} * ${sum}`)).toBe('(a + b) * (a + b)');
    expect(printExpression(expression`c + ${sum}`)).toBe('c + (a + b)');
    expect(printExpression(expression`${sum} + c`)).toBe('a + b + c');
    expect(printExpression(expression`-${expression`p ? 1 : 2`}`)).toBe('-(p ? 1 : 2)');
    expect(printBlock(code`${code`a = 1;`} R[${sum}] = ${-2};`)).toEqual(['a = 1;', 'R[a + b] = -2;']);
  });

  it('is known by the names in it', () => {
    const block = written('a = b.c; if (d) { const e = f(g); break nan; } for (let i = 0; i < n; i = i + 1) x = 1;');
    expect([...namesUsed(block)]).toEqual(['a', 'b', 'd', 'e', 'f', 'g', 'i', 'n', 'x']);
    expect(variablesOf(block)).toEqual(['a', 'x']);
    expect([breaksTo(block, 'nan'), breaksTo(block, 'loop')]).toEqual([true, false]);
  });

  it.each([
    ['a = b +;', 'an operand is expected where there is ;'],
    ['a = b', '; is expected where there is its end'],
    ['a = (b;', ') is expected where there is ;'],
    ['a + 1 = b;', 'this cannot be assigned to'],
    ['a + 1; b = 2;', 'it computes something that nothing takes'],
    ['while (a) b = 1;', '; is expected where there is b'],
    ['a = "b";', 'a character that is not expected: "'],
    ['if (a) { b = 1;', 'an operand is expected where there is its end'],
  ])('that is not understood is refused: %s', (text, why) => {
    expect(() => written(text)).toThrow(new TypeError(`the template \`${text}\` is not understood: ${why}`));
  });
});

describe('the meaning of a row', () => {
  const row = { mnemonic: 'i32.new', params: 'ii', traps: [] };

  it('is read into its parts', () => {
    const { result, uses } = readMeaning({ ...row, params: 'll', meaning: 'al & bl; ah & lo' });
    expect(result.is).toBe('halves');
    expect([...uses]).toEqual(['al', 'bl', 'ah', 'lo']);
  });

  it.each([
    ['a +', 'the template `a +` is not understood: an operand is expected where there is its end'],
    ['a b', 'the template `a b` is not understood: an operator is expected where there is b'],
    ['a + z', 'z is no operand and no helper'],
    ['al', 'al is no operand and no helper'],
    ['=> a', '=> has a call behind it'],
    ['ctz32(a + b)', 'ctz32 is of one name'],
  ])('that is not understood is refused, with its name: %s', (meaning, why) => {
    expect(() => readMeaning({ ...row, meaning })).toThrow(new TypeError(`the meaning of i32.new: ${why}`));
  });
});
