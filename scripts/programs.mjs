// `npm run examples`: has each program of examples/ test itself, and starts it, on the packed package. From a clean clone it
// installs and builds first; with --built it takes dist/ as it is. With --only NAME, one of them.
//
// What they need beside is linked from the project, or comes from npm once. What a program does not do for want of
// something (Chromium, nbconvert) it says itself.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureInstalled, run, step } from './ensure.mjs';
import { fromNpm } from './from-npm.mjs';
import { check, installPacked, link, onWindows, read, root } from './packed.mjs';

/**
 * What `npm start` does of each: it ends by itself and has written what `shows` is of, or it says an address, at which `asks`
 * is answered, and ends when it is asked to. `links` are packages of the project, `installs` says that its own
 * manifest's are installed, `inPlace` that it works in a clone.
 */
const PROGRAMS = {
  'cli-tool': { args: ['primes', '1000'], shows: /168/ },
  'express-app': {
    links: ['express'],
    asks: '/',
    answers: /<input type="file" name="plugin"/,
  },
  'nest-api': {
    links: [
      '@nestjs/common',
      '@nestjs/core',
      '@nestjs/platform-express',
      '@nestjs/terminus',
      'reflect-metadata',
      'rxjs',
    ],
    asks: '/health',
    answers: /"status":"ok"/,
  },
  microservice: {
    links: ['fastify', 'fastify-plugin', 'prom-client'],
    asks: '/primes/100',
    answers: /"primes":25/,
  },
  'data-pipeline': {
    links: ['apache-arrow', 'bullmq', 'ioredis'],
    installs: true,
    shows: /out\/report\.html, in this process/,
  },
  notebook: { inPlace: true, shows: /analysis\.html|skipped: the notebook/ },
};

const { values: options } = parseArgs({ options: { built: { type: 'boolean' }, only: { type: 'string' } } });
const names = Object.keys(PROGRAMS).filter((name) => options.only === undefined || name === options.only);
check(names.length > 0, `there is no program "${options.only}": there are ${Object.keys(PROGRAMS).join(', ')}`);

if (!options.built) {
  ensureInstalled();
  step('building', () => run(process.execPath, ['scripts/build.mjs']));
}

const folder = mkdtempSync(join(tmpdir(), 'wasm-sandbox-examples-'));

/** A folder with the program, which finds the package in the one above. */
function place(name, { inPlace, installs }, tarball) {
  const source = join(root, 'examples', name);
  if (inPlace) return source;
  const target = join(folder, 'examples', name);
  const filter = (path) => !/[\\/](?:node_modules|out)$/.test(path);
  cpSync(source, target, { recursive: true, filter });
  if (!installs) return target;
  const path = join(target, 'package.json');
  const manifest = JSON.parse(readFileSync(path, 'utf8'));
  manifest.dependencies['wasm-sandbox'] = `file:${join(folder, tarball.filename)}`;
  writeFileSync(path, JSON.stringify(manifest));
  read('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'], target);
  return target;
}

/** How many of its tests have passed, and which it has left out, a line each. */
function test(where) {
  let printed;
  try {
    printed = read('npm', ['test', '--loglevel=error'], where);
  } catch (error) {
    throw new Error(`npm test fails:\n${error.stdout}`);
  }
  const passed = /^# pass (\d+)$/m.exec(printed)?.[1];
  const skipped = printed.split('\n').filter((line) => / # SKIP |^skipped: /.test(line));
  const left = skipped.map((line) => line.replace(/^.*? - /, '').trim());
  return [passed === undefined ? 'tested' : `${passed} tests`, ...left];
}

async function start(where, { args = [], shows, asks, answers }) {
  const env = { ...process.env, PORT: '0' };
  const words = ['start', '--silent', ...(args.length > 0 ? ['--', ...args] : [])];
  // In a group of its own, which can be ended as a whole.
  const stdio = ['ignore', 'pipe', 'pipe'];
  const child = spawn('npm', words, { cwd: where, env, stdio, detached: !onWindows, shell: onWindows });
  const ended = once(child, 'close');
  let printed = '';
  const reads = (stream) => stream.setEncoding('utf8').on('data', (text) => void (printed += text));
  const hasFailed = ended.then(([status, signal]) => {
    throw new Error(`npm start ended with ${signal ?? status}:\n${printed}`);
  });
  // Looked at where it is waited for.
  hasFailed.catch(() => undefined);
  reads(child.stderr);
  reads(child.stdout);
  if (asks === undefined) {
    const [status] = await ended;
    check(status === 0 && shows.test(printed), `npm start ended with ${status}, and wrote:\n${printed}`);
    return 'started';
  }
  const address = () => /https?:\/\/[\w.[\]:]+/.exec(printed)?.[0];
  while (address() === undefined) await Promise.race([once(child.stdout, 'data'), hasFailed]);
  const url = address();
  const answer = await (await fetch(url + asks, { headers: { connection: 'close' } })).text();
  check(answers.test(answer), `${asks} answered:\n${answer}`);
  if (onWindows) child.kill();
  else process.kill(-child.pid, 'SIGTERM');
  await ended;
  const isThere = await fetch(url).then(
    () => true,
    () => false,
  );
  check(!isThere, 'it goes on when it has been asked to end');
  return 'started, answered and ended';
}

try {
  mkdirSync(join(folder, 'examples'));
  const tarball = installPacked(folder);
  link(folder, [...new Set(names.flatMap((name) => PROGRAMS[name].links ?? []))]);
  if (names.includes('express-app')) {
    fromNpm('playwright-core', '1.65.1');
    link(folder, ['playwright-core'], join(root, 'node_modules/.cache/playwright-core/node_modules'));
  }
  for (const name of names) {
    const program = PROGRAMS[name];
    try {
      const begun = performance.now();
      const where = place(name, program, tarball);
      const [tested, ...left] = test(where);
      const started = await start(where, program);
      const seconds = ((performance.now() - begun) / 1_000).toFixed(0);
      console.log(`examples/${name}: ${tested}, ${started}, in ${seconds} s`);
      for (const what of left) console.log(`  ${what}`);
    } catch (error) {
      throw new Error(`examples/${name}: ${error.message}`);
    }
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
