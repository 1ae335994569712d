/** The WebAssembly/wasi-testsuite programs, each with what its manifest says. */

import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Capability, SecurityPolicy, WasmSandbox } from '../../src/index.ts';
import { folderOf, SUITES } from '../suites.ts';

export interface Program {
  /** `language/name`. */
  readonly name: string;
  readonly path: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The folder to be seen as `/`. */
  readonly root: string | undefined;
  readonly exitCode: number;
  readonly stdout: string | undefined;
}

const FOLDER = folderOf(SUITES.wasi);
const LANGUAGES = ['assemblyscript', 'c', 'rust'];

interface Manifest {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly root?: string;
  readonly exit_code?: number;
  readonly stdout?: string;
}

export function loadSuite(): Program[] {
  return LANGUAGES.flatMap((language) => {
    const folder = join(FOLDER, language);
    const names = readdirSync(folder).filter((file) => file.endsWith('.wasm'));
    return names.sort().map((file): Program => {
      const stem = file.slice(0, -'.wasm'.length);
      const manifestPath = join(folder, `${stem}.json`);
      const manifest: Manifest = existsSync(manifestPath) ? JSON.parse(readFileSync(manifestPath, 'utf8')) : {};
      return {
        name: `${language}/${stem}`,
        path: join(folder, file),
        args: [file, ...(manifest.args ?? [])],
        env: manifest.env ?? {},
        root: manifest.root === undefined ? undefined : join(folder, manifest.root),
        exitCode: manifest.exit_code ?? 0,
        stdout: manifest.stdout,
      };
    });
  });
}

/** Runs with a fresh copy of a folder, and takes it away afterwards. */
export async function withCopy<T>(folder: string, use: (copy: string) => Promise<T>): Promise<T> {
  const copy = mkdtempSync(join(tmpdir(), 'wasm-sandbox-wasi-'));
  try {
    cpSync(folder, copy, { recursive: true });
    return await use(copy);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** A folder's content for files in memory. */
export function readTree(folder: string, prefix = ''): Record<string, Uint8Array> {
  const files: Record<string, Uint8Array> = {};
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) {
      files[`${prefix}${name}/`] = new Uint8Array(0);
      Object.assign(files, readTree(path, `${prefix}${name}/`));
    } else files[`${prefix}${name}`] = new Uint8Array(readFileSync(path));
  }
  return files;
}

/** Runs a program and checks what its manifest says. */
export async function run(program: Program, grants: readonly Capability[]): Promise<void> {
  const sandbox = await WasmSandbox.fromBytes(readFileSync(program.path), {
    securityPolicy: SecurityPolicy.moderate().with(...grants),
    args: program.args,
    env: program.env,
  });
  try {
    const { exitCode, stdout, stderr } = await sandbox.run().catch((error: Error) => {
      throw new Error(`${error.message}\n${sandbox.output().stderr}`, { cause: error });
    });
    expect(exitCode, stderr).toBe(program.exitCode);
    if (program.stdout !== undefined) expect(stdout).toBe(program.stdout);
  } finally {
    sandbox.dispose();
  }
}

/** The same, with its folder copied and mounted. */
export function runInFolder(program: Program): Promise<void> {
  if (program.root === undefined) return run(program, []);
  return withCopy(program.root, (host) =>
    run(program, [Capability.filesystemAccess([{ host, guest: '/' }], { readOnly: false })]),
  );
}
