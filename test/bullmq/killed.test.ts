import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sequence } from '../life/programs.ts';
import { kill } from './killed.ts';
import { hasRedis, onRedis, type Redis, startRedis } from './redis.ts';

let redis: Redis | undefined;
beforeAll(async () => {
  if (hasRedis) redis = await startRedis();
});
afterAll(() => redis?.stop());

// `npm run durable` has a hundred jobs.
describe(`workers that are killed, ${onRedis}`, () => {
  test.skipIf(!hasRedis)('every job ends as if none had been', async () => {
    const next = sequence(3);
    const random = () => (next() >>> 0) / 2 ** 32;
    const report = await kill({ url: redis?.url ?? '', jobs: 3, killsEach: 2, processes: 2, random });
    expect(report.wrong).toEqual([]);
    expect([...report.killsOf.values()]).toEqual([2, 2, 2]);
  });
});
