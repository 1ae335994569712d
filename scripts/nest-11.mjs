// Runs the tests of the adapter for Nest against Nest 11, which comes from npm once; `npm test` runs them against the version
// that is installed. Arguments are vitest's.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureInstalled, npm, run, step, tool } from './ensure.mjs';
import { FOLDER, VERSIONS } from './nest-11/versions.mjs';

const isThere = ([name, version]) => {
  const manifest = join(FOLDER, 'node_modules', name, 'package.json');
  return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === version;
};

ensureInstalled();
if (!Object.entries(VERSIONS).every(isThere)) {
  step('installing Nest 11', () => {
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(join(FOLDER, 'package.json'), JSON.stringify({ private: true, dependencies: VERSIONS }));
    return npm(['install', '--prefix', FOLDER, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
  });
}
process.exitCode = run(process.execPath, [
  tool('vitest'),
  'run',
  '--config=scripts/nest-11/vitest.config.ts',
  ...process.argv.slice(2),
]);
