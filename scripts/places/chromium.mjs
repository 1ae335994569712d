// Chromium, where it is installed: a page, a worker and a service worker, under a policy that allows scripts of the
// page's own origin and nothing else.
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { load } from './bundlers.mjs';
import { IMPORT, MARK } from './texts.mjs';

const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const CSP = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'";

const ENTRIES = {
  page: `${IMPORT}window.found = probe(library, modules);\n`,
  worker: `${IMPORT}probe(library, modules).then((found) => postMessage(found));\n`,
  'service-worker': `${IMPORT}addEventListener('message', ({ source }) =>
  probe(library, modules).then((found) => source.postMessage(found)));\n`,
};

/** What the page does to have the answer of each. Service workers load no chunks later, and so are one file. */
const ASK = {
  page: () => import('/page.mjs').then(() => window.found),
  worker: () =>
    new Promise((resolve, reject) => {
      const worker = new Worker('/worker.mjs', { type: 'module' });
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(message));
    }),
  'service-worker': async () => {
    const { active, installing } = await navigator.serviceWorker.register('/service-worker.mjs', { type: 'module' });
    const answer = new Promise((resolve) => {
      navigator.serviceWorker.onmessage = ({ data }) => resolve(data);
    });
    const worker = active ?? installing;
    navigator.serviceWorker.startMessages();
    worker.postMessage('go');
    return answer;
  },
};

async function run(kind, { folder, write }) {
  const { build } = await load(folder, 'esbuild');
  const { chromium } = await load(folder, 'playwright-core');
  const out = join(folder, 'bundles/chromium');
  const splitting = kind !== 'service-worker';
  const options = {
    bundle: true,
    minify: true,
    splitting,
    format: 'esm',
    outdir: out,
    outExtension: { '.js': '.mjs' },
  };
  await build({ ...options, entryPoints: { [kind]: write(`${kind}.mjs`, ENTRIES[kind]) }, logLevel: 'silent' });

  const asked = [];
  const server = createServer(({ url }, response) => {
    asked.push(url);
    response.setHeader('content-security-policy', CSP);
    if (url === '/') return response.setHeader('content-type', 'text/html').end('<!doctype html><title>x</title>');
    const path = join(out, url);
    if (!existsSync(path)) return response.writeHead(404).end();
    return response.setHeader('content-type', 'text/javascript').end(readFileSync(path));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = await chromium.launch({ executablePath: PATHS.find(existsSync), args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage();
    const violations = [];
    page.on('console', (message) => message.type() === 'error' && violations.push(message.text()));
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    violations.length = 0;
    const found = await page.evaluate(ASK[kind]);
    if (violations.length > 0) throw new Error(violations[0]);
    if (asked.some((url) => url.includes('node:'))) throw new Error(`it asked for ${asked.join(', ')}`);
    return MARK + JSON.stringify(found);
  } finally {
    await browser.close();
    server.close();
  }
}

export function chromium() {
  return Object.keys(ENTRIES).map((kind) => ({
    name: `Chromium, ${kind.replace('-', ' ')}`,
    needs: ['playwright-core', 'esbuild'],
    absent: PATHS.some(existsSync) ? undefined : 'no Chromium is installed here',
    run: (context) => run(kind, context),
  }));
}
