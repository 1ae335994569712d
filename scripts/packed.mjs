// The package as users have it: packed from dist/, and installed in a folder.
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const onWindows = process.platform === 'win32';

/** Runs a program to its end, and gives what it wrote. @throws where it fails, with `stdout` */
export function read(command, args, cwd, env = process.env) {
  return execFileSync(command, args, {
    cwd,
    env,
    shell: onWindows && command !== process.execPath,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

export function check(condition, message) {
  if (!condition) throw new Error(message);
}

/**
 * Installs it, and what it depends on, in an empty folder.
 * @returns {{ filename: string, files: { path: string, size: number }[], unpackedSize: number }} what npm says of the tarball
 */
export function installPacked(folder) {
  const packed = JSON.parse(
    read('npm', ['pack', '--json', '--ignore-scripts', '--loglevel=error', '--pack-destination', folder], root),
  );
  // npm 12 and later key the list by package name.
  const [tarball] = Object.values(packed);
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  read('npm', ['install', ...quiet, `./${tarball.filename}`], folder);
  return tarball;
}

/** Puts packages into the folder, as if they had been installed: the project's own, unless they are elsewhere. */
export function link(folder, names, from = join(root, 'node_modules')) {
  for (const name of names) {
    const path = join(folder, 'node_modules', name);
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(join(from, name), path, 'junction');
  }
}
