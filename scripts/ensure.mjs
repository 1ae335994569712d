// Plain JavaScript without dependencies: this runs on a fresh clone, before anything is installed.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/** Why the installed packages do not match the lock file, or undefined when they do. */
function whyInstall() {
  const locked = readPackages('package-lock.json');
  // npm writes what it installed to this file; comparing contents is safe where clones and copies disturb file times.
  const installed = readPackages('node_modules/.package-lock.json');
  if (locked === undefined) throw new Error('package-lock.json is missing or unreadable: restore it from git');
  if (installed === undefined) return 'nothing is installed yet';
  for (const [path, entry] of Object.entries(locked)) {
    // The first entry is this package itself. Optional ones may be for another platform.
    if (path === '' || entry.optional) continue;
    if (installed[path]?.version !== entry.version) return 'the lock file has changed';
  }
  return undefined;
}

/** Runs a program in the project's root folder with its output on this terminal, and returns its exit status. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (result.error) throw new Error(`cannot start ${command}: ${result.error.code ?? result.error.message}`);
  if (result.signal) console.error(`stopped by ${result.signal}`);
  return result.status ?? 1;
}

/** Runs npm itself; its own output goes to stderr, so that stdout stays with the job at hand. */
export function npm(args) {
  const stdio = ['inherit', 2, 2];
  const viaNode = process.env.npm_execpath?.endsWith('.js');
  return viaNode
    ? run(process.execPath, [process.env.npm_execpath, ...args], { stdio })
    : run('npm', args, { stdio, shell: process.platform === 'win32' });
}

/** Runs one step after saying so on stderr, and ends the process when the step fails. */
export function step(message, action) {
  console.error(`> ${message}`);
  const status = action();
  if (status !== 0) {
    console.error(`> failed with status ${status}`);
    process.exit(status);
  }
}

/** Installs the locked dependencies when they are missing or stale. */
export function ensureInstalled() {
  const reason = whyInstall();
  if (reason !== undefined) {
    step(`installing the dependencies (${reason})`, () => npm(['ci', '--no-audit', '--no-fund', '--loglevel=error']));
  }
}

/** The path of a development tool's script, as its package declares it. */
export function tool(name, bin = name) {
  const manifest = JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8'));
  const target = typeof manifest.bin === 'string' ? manifest.bin : manifest.bin[bin];
  return fileURLToPath(new URL(`../node_modules/${name}/${target}`, import.meta.url));
}
