// One package on one engine, in a process of its own: prints what it answered, what it cost and how long it took.
//
//   node child.mjs ROW host|interpreter|native FOLDER NAMESPACE OPTIONS
//
// The folder is that of the packages, the namespace the file of `wasm-sandbox/webassembly`, its options JSON.
import { existsSync, readFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MARK, ROWS } from './table.mjs';

const [name, engine, folder, file, given] = process.argv.slice(2);
const row = ROWS.find((row) => row.name === name);
const clock = process.hrtime.bigint.bind(process.hrtime);
const require = createRequire(join(folder, 'x.cjs'));
const path = (file) => join(folder, 'node_modules', file);

/** Nothing a package asks for differs from run to run: the gas of two engines could not be compared. */
function freeze() {
  let time = 1.7e12;
  let seed = 1;
  const random = () => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
  const fill = (view) => {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    for (let i = 0; i < bytes.length; i++) bytes[i] = random() * 256;
    return view;
  };
  const { Date: HostDate } = globalThis;
  class FrozenDate extends HostDate {
    static now = () => time++;
    constructor(...args) {
      super(...(args.length === 0 ? [time++] : args));
    }
  }
  globalThis.Date = FrozenDate;
  // The library looks at this one as well, and not as often on either engine: it goes on with the others only.
  performance.now = () => time - 1.7e12;
  process.hrtime = Object.assign(() => [Math.floor(time / 1000), 1e6 * (time++ % 1000)], {
    bigint: () => BigInt(time++) * 1_000_000n,
  });
  Math.random = random;
  const crypto = require('node:crypto');
  crypto.randomFillSync = fill;
  crypto.randomBytes = (size) => fill(Buffer.alloc(size));
  crypto.webcrypto.getRandomValues = fill;
  globalThis.crypto.getRandomValues = fill;
}

/** What the row says is imported: a package as its manifest says, a file of one as it is. */
const fileOf = (name) => (/.\/.*\.[cm]?js$/.test(name) && existsSync(path(name)) ? path(name) : undefined);
const { load } = await import(pathToFileURL(join(folder, 'load.mjs')).href);
const from = {
  path,
  bytes: (file) => readFileSync(fileOf(file) ?? (existsSync(path(file)) ? path(file) : require.resolve(file))),
  require: (name) => require(fileOf(name) ?? name),
  import: (name) => load(fileOf(name) ? pathToFileURL(path(name)).href : name),
};

/** The text of what was answered, with whatever JSON has no form for. */
const textOf = (answer) =>
  JSON.stringify(answer, (_, value) =>
    typeof value === 'bigint' ? `${value}n` : value instanceof Uint8Array ? [...value] : value,
  ) ?? String(answer);

async function timed(work) {
  const start = clock();
  const made = await work();
  return [made, Number(clock() - start) / 1e6];
}

/** An error's name, message and causes, on one line. */
function why(error) {
  if (!(error instanceof Error) && typeof error?.message !== 'string') return textOf(error);
  const { name, message, cause } = error;
  const more = cause === undefined ? '' : ` ← ${why(cause)}`;
  return `${name ?? 'Error'}: ${message}`.replaceAll(/\s+/g, ' ').slice(0, 400) + more;
}

function say(found) {
  writeSync(3, MARK + JSON.stringify(found));
  process.exit();
}

const phase = { of: 'load' };
for (const event of ['uncaughtException', 'unhandledRejection'])
  process.on(event, (error) => say({ phase: phase.of, error: why(error), gas: gasOf() }));

// The runtime's own parsers are WebAssembly: they are loaded before anybody counts.
await load(pathToFileURL(join(folder, 'first.cjs')).href);
const namespace =
  engine === 'host'
    ? WebAssembly
    : await (await import(file)).createWebAssembly({ engine, ...row.options, ...JSON.parse(given) });
for (const name of (engine !== 'host' && row.without) || []) delete namespace[name];
const gasOf = () => (engine === 'host' ? undefined : String(namespace.stats().gasUsed));
globalThis.WebAssembly = namespace;
freeze();
try {
  const [run, loadMs] = await timed(() => row.load(from));
  phase.of = 'run';
  const [answer, runMs] = await timed(run);
  say({ answer: textOf(answer), gas: gasOf(), loadMs, runMs });
} catch (error) {
  say({ phase: phase.of, error: why(error), gas: gasOf() });
}
