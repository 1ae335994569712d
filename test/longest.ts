/**
 * The test files that take longest, from the longest on: they begin first, so that no process is left with one of them when
 * the other has nothing more to do. After a run vitest knows how long each took; a fresh clone does not.
 */
export const LONGEST: readonly string[] = [
  'test/instrument/returning.test.ts',
  'test/instrument/spec.test.ts',
  'test/cache/kill.test.ts',
  'test/instrument/random.test.ts',
  'test/spec/spec.test.ts',
  'test/instrument/leaving.test.ts',
  'test/threads/green.test.ts',
  'test/property/differential.test.ts',
  'test/pool/tenants.test.ts',
  'test/forgery/forgery.test.ts',
  'test/property/hostile.test.ts',
  'test/life/replay.test.ts',
  'test/readme.test.ts',
  'test/instrument/fixtures.test.ts',
  'test/sandbox/parts.test.ts',
  'test/bullmq/killed.test.ts',
  'test/hostile/hostile.test.ts',
  'test/extism/guests.test.ts',
  'test/life/host.test.ts',
  'test/complexity/work.test.ts',
  'test/life/moving.test.ts',
  'test/wasm/rows.test.ts',
  'test/pool/load.test.ts',
  'test/durable/run.test.ts',
];
