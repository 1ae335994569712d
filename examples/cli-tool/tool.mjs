/** The command: which plug-in is run, on what, and what is said of it. */

import { parseArgs } from 'node:util';
import { WasmSandboxError } from 'wasm-sandbox';
import { listPlugins, loadPlugin, PluginMissing } from './plugins.mjs';
import { progressBar } from './progress.mjs';

const HELP = `usage: plug [--plugins DIR] [--audit] PLUGIN [ARGUMENT…]

Runs PLUGIN.wasm, a WASI command, on standard input, under PLUGIN.policy.json.

  --plugins DIR   where both are; "plugins" beside this program unless given
  --audit         says what the plug-in asked for
  --help          this text, and which plug-ins there are

Arguments that begin with "-" come behind "--". The status is the plug-in's own;
125 where it was ended or could not be run, 2 where the command was wrong.
`;

const OPTIONS = {
  plugins: { type: 'string' },
  audit: { type: 'boolean' },
  help: { type: 'boolean' },
};

/** Steps of a run, and so of the bar. */
const STEPS = 100n;
/** Bytes of standard input. */
const MAX_INPUT = 16 * 1024 * 1024;

class UsageProblem extends Error {}

/** @returns the status to end with */
export async function main(argv, { stdin, stdout, stderr }) {
  try {
    const { values, positionals } = parsed(argv);
    const folder = values.plugins ?? new URL('./plugins/', import.meta.url);
    const [name, ...args] = positionals;
    if (values.help || name === undefined) {
      stdout.write(`${HELP}\nplug-ins: ${(await listPlugins(folder)).join(', ')}\n`);
      return values.help ? 0 : 2;
    }
    return await run(await loadPlugin(folder, name), args, values.audit, { stdin, stdout, stderr });
  } catch (error) {
    if (error instanceof UsageProblem || error instanceof PluginMissing) {
      stderr.write(`plug: ${error.message}\n`);
      return 2;
    }
    if (!(error instanceof WasmSandboxError)) throw error;
    stderr.write(`plug: ${printable(error.message)}\n`);
    return 125;
  }
}

function parsed(argv) {
  try {
    return parseArgs({ args: argv, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageProblem(error.message);
  }
}

async function run(plugin, args, audit, { stdin, stdout, stderr }) {
  const output = [];
  const messages = [];
  const sandbox = await plugin.start({
    args: [plugin.name, ...args],
    stdin: await inputOf(stdin),
    onStdout: (bytes) => output.push(bytes.slice()),
    onStderr: (bytes) => messages.push(bytes.slice()),
  });
  const bar = progressBar(stderr, plugin.gasLimit);
  try {
    const execution = sandbox.start('_start');
    while (execution.step(plugin.gasLimit / STEPS || 1n) === 'paused') {
      bar.show(sandbox.getResourceStats().gasUsed);
      // The terminal, and whoever presses Ctrl-C, have their turn.
      await new Promise(setImmediate);
    }
    return await execution.run();
  } finally {
    bar.clear();
    write(stdout, output);
    write(stderr, messages);
    const [refused] = sandbox.violations();
    if (refused !== undefined) stderr.write(`plug: refused: ${printable(`${refused.function}: ${refused.reason}`)}\n`);
    if (audit) for (const event of sandbox.auditEvents()) stderr.write(`${lineOf(event)}\n`);
    sandbox.dispose();
  }
}

/** On a terminal without what would move its cursor or change its title; a file or a pipe gets the bytes. */
function write(stream, pieces) {
  const bytes = Buffer.concat(pieces);
  stream.write(stream.isTTY ? printable(bytes.toString()) : bytes);
}

const printable = (text) => text.replace(/[^\P{C}\n\t]/gu, '\u{FFFD}');

function lineOf({ function: name, allowed, reason, rule, gasUsed }) {
  return printable(`${gasUsed} ${name}: ${allowed ? 'allowed' : `refused, ${reason ?? rule}`}`);
}

/** Nothing from a terminal: nobody is asked for input. */
async function inputOf(stdin) {
  if (stdin.isTTY) return new Uint8Array(0);
  const pieces = [];
  let size = 0;
  for await (const piece of stdin) {
    size += piece.length;
    if (size > MAX_INPUT) throw new UsageProblem(`standard input is longer than ${MAX_INPUT} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
