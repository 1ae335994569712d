import { describe, expect, test } from 'vitest';
import { atOnce, type Waits, waitFor } from '../../src/time/waits.ts';

const seen: string[] = [];

function* work(part: (name: string) => unknown): Waits<string> {
  seen.length = 0;
  try {
    seen.push(String(yield part('a')));
    seen.push(String(yield part('b')));
    return 'end';
  } catch (error) {
    seen.push(`caught ${(error as Error).message}`);
    seen.push(String(yield part('c')));
    throw error;
  } finally {
    seen.push('finally');
  }
}

const failing = (name: string) => {
  if (name === 'b') throw new Error('no b');
  return name;
};

describe('work that may wait', () => {
  test('goes on with what each part gave', async () => {
    expect(atOnce(work((name) => name))).toBe('end');
    expect(seen).toEqual(['a', 'b', 'finally']);
    expect(await waitFor(work(async (name) => name))).toBe('end');
    expect(seen).toEqual(['a', 'b', 'finally']);
  });

  test('sees failures where the part stands, and fails with what it throws', async () => {
    const asSeen = ['a', 'caught no b', 'c', 'finally'];
    expect(() => atOnce(work(failing))).toThrow('no b');
    expect(seen).toEqual(asSeen);
    await expect(waitFor(work(async (name) => failing(name)))).rejects.toThrow('no b');
    expect(seen).toEqual(asSeen);
    await expect(waitFor(work(failing))).rejects.toThrow('no b');
    expect(seen).toEqual(asSeen);
  });

  test('begins before the caller goes on, and gives promises as they are to who does not wait', () => {
    const promise = Promise.resolve();
    expect(atOnce(work(() => promise))).toBe('end');
    expect(seen).toEqual(['[object Promise]', '[object Promise]', 'finally']);
    const asked: string[] = [];
    void waitFor(work((name) => void asked.push(name)));
    expect(asked).toEqual(['a']);
  });
});
