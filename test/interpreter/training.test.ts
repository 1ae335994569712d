import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { FIRST_RARE, MACHINE_OPS } from '../../interpreter/code/index.ts';
import { run } from '../../interpreter/machine/loop.generated.ts';
import { train } from '../../interpreter/machine/training.ts';
import { oneFile } from '../one-file.ts';

const script = await oneFile('test/interpreter/train-once.ts');

/** Parts that compute nothing: ways out of the loop, and branches backwards. */
const WITHOUT_COMPUTATION =
  /^(else |default: )?\{? ?(pc = (pc \+ \d+|target); ?)?(exit = \d+; ?)?break( loop| bounds)?; ?\}?$/;
/** Others that no pass reaches: NaN in the middle of a sequence, rare operands of vectors. */
const NOT_REACHED = { run: 6, runFirst: 1, runUnmetered: 6, runVectors: 14 };

describe('a loop that is trained', () => {
  test('has run each of its instructions, both ways', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [script]);
    const missing = JSON.parse(stdout) as Record<string, string[]>;
    expect(Object.keys(missing).sort()).toEqual(Object.keys(NOT_REACHED));
    for (const [name, texts] of Object.entries(missing)) {
      const computing = texts.filter((text) => !WITHOUT_COMPUTATION.test(text.replaceAll(/\s+/g, ' ').trim()));
      expect(computing.length, `${name}: ${computing.join('\n')}`).toBeLessThanOrEqual(
        NOT_REACHED[name as keyof typeof NOT_REACHED],
      );
    }
  });

  test('is so once', () => {
    let calls = 0;
    const loop: typeof run = (thread) => {
      calls++;
      return run(thread);
    };
    train(loop);
    const before = calls;
    expect(before).toBeGreaterThan(0);
    train(loop);
    expect(calls).toBe(before);
  });

  test('is left at instructions, never between them', () => {
    const left = new Set<string | undefined>();
    const loop: typeof run = (thread) => {
      const exit = run(thread);
      left.add(MACHINE_OPS[thread.code[thread.pc] as number]?.name);
      return exit;
    };
    train(loop);
    const known = new Set(MACHINE_OPS.slice(0, FIRST_RARE).map(({ name }) => name));
    expect([...left].filter((name) => name === undefined || !known.has(name))).toEqual([]);
  });
});
