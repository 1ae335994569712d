/** The services of examples/, in this process. `scripts/programs.mjs` runs them as processes, on the packed package. */

import { describe, expect, test } from 'vitest';

type Checks = Readonly<Record<string, () => Promise<void>>>;

describe.each(['microservice', 'nest-api'])('examples/%s', async (name) => {
  const { checks }: { checks: Checks } = await import(
    new URL(`../../examples/${name}/checks.mjs`, import.meta.url).href
  );

  test.each(Object.entries(checks))('%s', async (_, check) => {
    await expect(check()).resolves.toBeUndefined();
  });
});
