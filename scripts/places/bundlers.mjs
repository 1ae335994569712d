// Bundlers, as their users call them for the browser: without configuration, and without a warning.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cjs, esm } from './texts.mjs';

/** Loads a package of the places' folder. */
export async function load(folder, name) {
  const path = createRequire(join(folder, 'x.cjs')).resolve(name);
  const loaded = await import(pathToFileURL(path).href);
  return loaded.default ?? loaded;
}

const named = { entryFileNames: '[name].mjs', chunkFileNames: '[name]-[hash].mjs' };

/** Each bundles an entry into a folder, and returns its warnings. */
const BUNDLERS = {
  async esbuild(folder, main, out) {
    const { build } = await load(folder, 'esbuild');
    const options = { bundle: true, minify: true, splitting: true, format: 'esm', outExtension: { '.js': '.mjs' } };
    const { warnings } = await build({ ...options, entryPoints: { main }, outdir: out, logLevel: 'silent' });
    return warnings.map(({ text }) => text);
  },
  async rollup(folder, main, out) {
    const { rollup } = await load(folder, 'rollup');
    const { nodeResolve } = await load(folder, '@rollup/plugin-node-resolve');
    const warnings = [];
    const onwarn = ({ message }) => warnings.push(message);
    const build = await rollup({ input: { main }, plugins: [nodeResolve({ browser: true })], onwarn });
    await build.write({ dir: out, ...named });
    return warnings;
  },
  async webpack(folder, main, path) {
    const webpack = await load(folder, 'webpack');
    // As modules, which Node can run too; its advice on the size of what is loaded is no warning of the package.
    const output = { path, filename: 'main.mjs', chunkFilename: '[id].mjs', module: true, publicPath: './' };
    const experiments = { outputModule: true };
    const config = {
      mode: 'production',
      target: ['web', 'es2022'],
      entry: main,
      output,
      experiments,
      performance: false,
    };
    const { compilation } = await new Promise((resolve, reject) => {
      webpack(config, (error, stats) => (error ? reject(error) : resolve(stats)));
    });
    return [...compilation.warnings, ...compilation.errors].map(({ message }) => message);
  },
  async parcel(folder, main, out) {
    const page = join(folder, 'parcel.html');
    writeFileSync(page, `<!doctype html><title>x</title><script type="module" src="./${basename(main)}"></script>`);
    const program = join(folder, 'node_modules/parcel/lib/bin.js');
    const flags = ['--no-cache', '--no-source-maps', '--log-level', 'warn'];
    const options = { cwd: folder, encoding: 'utf8', env: { ...process.env, FORCE_COLOR: '0' } };
    const built = spawnSync(process.execPath, [program, 'build', page, '--dist-dir', out, ...flags], options);
    if (built.status !== 0) throw new Error(built.stdout + built.stderr);
    withoutImportMap(out);
    return `${built.stdout}${built.stderr}`.split('\n').filter((line) => line.trim() !== '');
  },
  async vite(folder, main, outDir) {
    const { build } = await load(folder, 'vite');
    const warnings = [];
    const warn = (text) => warnings.push(text);
    const ignore = () => undefined;
    const customLogger = {
      info: ignore,
      warn,
      warnOnce: warn,
      error: warn,
      clearScreen: ignore,
      hasErrorLogged: () => false,
    };
    const rollupOptions = { input: { main }, output: named };
    await build({
      root: folder,
      configFile: false,
      customLogger: { ...customLogger, hasWarned: false },
      build: { outDir, emptyOutDir: true, modulePreload: false, rollupOptions },
    });
    return warnings;
  },
};

/** Node has no import maps: what the page's says is written into the files. */
function withoutImportMap(out) {
  const page = readFileSync(join(out, 'parcel.html'), 'utf8');
  const [, map] = /<script type=importmap>(.*?)<\/script>/.exec(page);
  const [, main] = /<script type=module src=\/(.*?)>/.exec(page);
  for (const path of readdirSync(out).filter((name) => name.endsWith('.js'))) {
    let text = readFileSync(join(out, path), 'utf8');
    for (const [id, file] of Object.entries(JSON.parse(map).imports)) {
      text = text.replaceAll(`"${id}"`, `".${file.replace(/js$/, 'mjs')}"`);
    }
    writeFileSync(join(out, path === main ? 'main.mjs' : path.replace(/js$/, 'mjs')), text);
  }
}

/** A place that bundles the probe, looks through what came out, and runs it on what runs in browsers and in Node. */
export function bundler(name, needs, { isRequired = false, ...more } = {}) {
  const bundle = BUNDLERS[name.toLowerCase()];
  const [file, text] = isRequired ? [`${name}.main.cjs`, cjs] : [`${name}.main.mjs`, esm];
  return {
    name: isRequired ? `${name}, require` : name,
    needs,
    ...more,
    async run({ folder, write, run }) {
      const out = join(folder, 'bundles', file);
      const [warning] = await bundle(folder, write(file, text), out);
      if (warning !== undefined) throw new Error(`it warns: ${warning}`);
      for (const path of readdirSync(out, { recursive: true, encoding: 'utf8' })) {
        if (!/\.m?js$/.test(path)) continue;
        if (/["'`]node:/.test(readFileSync(join(out, path), 'utf8')))
          throw new Error(`${path} names a module of Node's`);
      }
      return run(process.execPath, [join(out, 'main.mjs')]);
    },
  };
}

/** The text of one file, for what takes no modules. */
export async function inOneFile(folder, entry, conditions, format = 'esm') {
  const { build } = await load(folder, 'esbuild');
  const options = { bundle: true, minify: true, write: false, logLevel: 'silent' };
  const { outputFiles } = await build({ ...options, entryPoints: [entry], conditions, format });
  return outputFiles[0].text;
}
