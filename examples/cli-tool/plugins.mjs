/** Plug-ins of a folder: each a WASI command NAME.wasm, and NAME.policy.json, without which it is not run. */

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Capability, SecurityPolicy, UsageError, WasmSandbox } from 'wasm-sandbox';

/** Bytes of either file. */
const MAX_FILE = 8 * 1024 * 1024;
const NAME = /^[\w-]{1,64}$/;

export class PluginMissing extends Error {}

const pathOf = (folder) => (folder instanceof URL ? fileURLToPath(folder) : folder);

async function read(folder, file, what) {
  const path = join(pathOf(folder), file);
  try {
    const found = await stat(path);
    if (found.isFile() && found.size <= MAX_FILE) return await readFile(path);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw new PluginMissing(`${path}: ${error.code}`);
    throw new PluginMissing(`there is no ${what} ${path}`);
  }
  throw new PluginMissing(`${path} is no file of up to ${MAX_FILE} bytes`);
}

export async function listPlugins(folder) {
  const files = await readdir(pathOf(folder)).catch(() => []);
  const names = files.filter((file) => file.endsWith('.wasm')).map((file) => file.slice(0, -'.wasm'.length));
  return names.filter((name) => files.includes(`${name}.policy.json`)).sort();
}

export async function loadPlugin(folder, name) {
  if (!NAME.test(name)) throw new PluginMissing('the name of a plug-in is of letters, digits, "_" and "-"');
  const source = await read(folder, `${name}.wasm`, 'plug-in');
  const text = (await read(folder, `${name}.policy.json`, 'policy')).toString();
  const securityPolicy = SecurityPolicy.fromJSON(text);
  const gasLimit = BigInt(JSON.parse(text).limits?.gas ?? 0);
  if (gasLimit === 0n) throw new UsageError(`${name}.policy.json has no limits.gas, which every plug-in needs`);
  /** A sandbox whose program has not begun. Standard streams are the tool's to grant, all else is the policy's. */
  const start = ({ args, ...streams }) =>
    WasmSandbox.create({
      source,
      securityPolicy,
      args,
      engine: 'interpreter',
      capabilities: [Capability.stdio({})],
      ...streams,
    });
  return { name, gasLimit, start };
}
