// Executes examples/notebook/analysis.ipynb in Deno's kernel by nbconvert, and makes HTML of it, with the built package.
//
//   npm run build && node scripts/notebook.mjs          the folder's analysis.html; deno comes from npm, once
//   node scripts/notebook.mjs --check                   looks at what came out, and leaves nothing
//   node scripts/notebook.mjs --runtimes FOLDER         takes deno from FOLDER/node_modules/.bin
//   node scripts/notebook.mjs --out FILE                where the HTML goes
//   node scripts/notebook.mjs --look FOLDER             has Chromium run the widget of the HTML without a network, light and
//                                                       dark, and leaves pictures; playwright-core comes from npm, once
//
// nbconvert comes from the system: Debian's packages jupyter-nbconvert and python3-jupyter-client. Without it, what is not
// done is named, and nothing fails.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { fromNpm } from './from-npm.mjs';
import { findRuntimes } from './runtimes.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'examples/notebook');
const { values: options } = parseArgs({
  options: {
    runtimes: { type: 'string' },
    check: { type: 'boolean' },
    out: { type: 'string' },
    look: { type: 'string' },
  },
});
const scratch = mkdtempSync(join(tmpdir(), 'wasm-sandbox-notebook-'));

/** How nbconvert is started: as Debian installs it, or as a module of Python's. */
const STARTS = [['jupyter-nbconvert'], ['/usr/bin/python3', '-m', 'nbconvert'], ['python3', '-m', 'nbconvert']];

const answers = ([file, ...args]) => spawnSync(file, [...args, '--version'], { stdio: 'ignore' }).status === 0;

/** Tells Jupyter of the kernel, in a folder of its own: what is installed for the user stays as it is. */
function offerKernel(deno) {
  const kernel = join(scratch, 'kernels/deno');
  mkdirSync(kernel, { recursive: true });
  const argv = [deno, 'jupyter', '--kernel', '--conn', '{connection_file}'];
  const spec = { argv, display_name: 'Deno', language: 'typescript' };
  writeFileSync(join(kernel, 'kernel.json'), JSON.stringify(spec));
  return { ...process.env, JUPYTER_PATH: scratch, NO_COLOR: '1' };
}

function convert(nbconvert, to, env) {
  const [file, ...args] = nbconvert;
  const into = ['--output-dir', scratch, '--output', 'analysis'];
  // Outputs that come late are waited for: seconds, of which there are 4 unless said.
  const patience = ['--ExecutePreprocessor.iopub_timeout=60', '--ExecutePreprocessor.raise_on_iopub_timeout=True'];
  const words = [...args, '--execute', '--to', to, ...patience, ...into, join(folder, 'analysis.ipynb')];
  const { status, stderr, error } = spawnSync(file, words, { cwd: folder, env, encoding: 'utf8', timeout: 300_000 });
  if (status !== 0) throw new Error(`nbconvert failed: ${error?.message ?? stderr.slice(-2_000)}`);
  return readFileSync(join(scratch, to === 'html' ? 'analysis.html' : 'analysis.ipynb'), 'utf8');
}

/** What has to be in the outputs, in their order. */
const SHOWN = [
  ['a cell', /<pre class="value">21<\/pre>/],
  ['a cell that fails', /GasExhausted: Gas limit exceeded[\s\S]*<code>deeper<\/code>/],
  ['a sandbox', /1 arguments[\s\S]*fd_write/],
  ['a profile', /<svg class="flame"/],
  ['a batch', /<code>6765<\/code>[\s\S]*GasExhausted/],
  ['a pool', /1 of 4 sandboxes|[23] of 4 sandboxes/],
  ['a widget', /<iframe class="[\w-]+" title="Fibonacci, recursively" sandbox="allow-scripts"/],
];

function check(notebook) {
  const outputs = JSON.parse(notebook).cells.flatMap(({ outputs = [] }) => outputs);
  const failed = outputs.find(({ output_type: type }) => type === 'error');
  if (failed !== undefined) throw new Error(`a cell failed: ${failed.ename}: ${failed.evalue}`);
  const pages = outputs.map(({ data }) => [data?.['text/html'] ?? ''].flat().join('')).filter((page) => page !== '');
  if (pages.length !== SHOWN.length) throw new Error(`${pages.length} outputs are HTML, not ${SHOWN.length}`);
  for (const [i, [what, expected]] of SHOWN.entries()) {
    if (!expected.test(pages[i])) throw new Error(`${what} is not shown as such:\n${pages[i].slice(0, 2_000)}`);
    console.log(`${what}: ${pages[i].length} characters of HTML`);
  }
}

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Presses the widget's buttons, as whoever has nothing but the HTML would. */
async function look(file, into) {
  const executablePath = CHROMIUM.find(existsSync);
  if (executablePath === undefined) return console.log('skipped: the look at the page, as there is no Chromium');
  const {
    default: { chromium },
  } = await fromNpm('playwright-core', '1.65.1')();
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    for (const colorScheme of ['light', 'dark']) {
      const page = await browser.newPage({ colorScheme, viewport: { width: 1_000, height: 1_000 } });
      const errors = [];
      page.on('pageerror', ({ message }) => errors.push(message));
      await page.route(/^https?:/, (route) => route.abort());
      await page.goto(pathToFileURL(file).href);
      const widget = page.frames().find((frame) => frame !== page.mainFrame());
      const shows = (id, text) =>
        widget.waitForFunction(([id, text]) => document.getElementById(id).textContent.includes(text), [id, text]);
      await shows('gas-told', ' of 1,000,000,000');
      const unused = await widget.textContent('#gas-told');
      await widget.fill('#inputs input', '18');
      await widget.click('#run');
      await shows('result', 'run = 2584');
      await widget.fill('#inputs input', 'eighteen');
      await widget.press('#inputs input', 'Enter');
      await shows('result', '"eighteen" is no integer');
      await widget.fill('#inputs input', '40');
      await widget.click('#run');
      await widget.click('#stop');
      await shows('result', 'stopped');
      await widget.click('#reset');
      await shows('gas-told', unused);
      await widget.fill('#inputs input', '10');
      await widget.click('#run');
      await shows('result', 'run = 55');
      // The template of nbconvert asks for scripts of others', which are not there without a network.
      const own = errors.filter((message) => !/require|MathJax/i.test(message));
      if (own.length > 0) throw new Error(`the page has failed: ${own[0]}`);
      const picture = join(into, `notebook-${colorScheme}.png`);
      await page.screenshot({ path: picture, fullPage: true });
      console.log(picture);
    }
  } finally {
    await browser.close();
  }
}

async function main() {
  if (!existsSync(join(root, 'dist/jupyter.node.js'))) throw new Error('dist/ has no jupyter.node.js: npm run build');
  const nbconvert = STARTS.find(answers);
  if (nbconvert === undefined) {
    console.log(
      "skipped: the notebook, as nbconvert is not there (Debian's jupyter-nbconvert, python3-jupyter-client)",
    );
    return;
  }
  const deno = findRuntimes(options.runtimes).find(({ name }) => name === 'deno').start[0];
  if (!answers([deno])) {
    console.log('skipped: the notebook, as deno is not there');
    return;
  }
  const env = offerKernel(deno);
  if (options.look !== undefined) {
    const file = join(scratch, 'page.html');
    writeFileSync(file, convert(nbconvert, 'html', env));
    mkdirSync(options.look, { recursive: true });
    return look(file, options.look);
  }
  if (options.check) {
    // Now and then an output of the kernel's is lost on its way to nbconvert: then the notebook is executed again.
    for (let tries = 1; ; tries++) {
      try {
        return check(convert(nbconvert, 'notebook', env));
      } catch (error) {
        if (tries === 8) throw error;
      }
    }
  }
  const out = resolve(options.out ?? join(folder, 'analysis.html'));
  writeFileSync(out, convert(nbconvert, 'html', env));
  console.log(out);
}

try {
  await main();
} catch (error) {
  console.error(`the notebook does not work: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
