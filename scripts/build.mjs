// `npm run build`: compiles the source to dist/, from nothing, so that no file of an earlier build survives.
import { chmodSync, rmSync } from 'node:fs';
import { run, tool } from './ensure.mjs';

const dist = new URL('../dist/', import.meta.url);
rmSync(dist, { recursive: true, force: true });
const status = run(process.execPath, [tool('typescript', 'tsc'), '-p', 'tsconfig.build.json']);
if (status !== 0) process.exit(status);
chmodSync(new URL('src/cli/main.node.js', dist), 0o755);
