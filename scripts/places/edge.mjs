// examples/edge in its places: fifty tenants, and one job of many requests, with the same result and gas as in a piece.
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { inOneFile, load } from './bundlers.mjs';
import { IMPORT } from './texts.mjs';

/** Argument of the long job: some ten seconds of work. */
const LONG = 37;

const HEAD = `${IMPORT}import worker from './edge-worker.mjs';\n`;

/** Asks a worker as its users do; `fetch` is the worker's, or that of whoever runs it. */
async function drive({ WasmSandbox }, modules, size, fetch) {
  const post = async (path, tenant, body) => {
    const response = await fetch(`http://edge${path}`, { method: 'POST', headers: { 'x-tenant': tenant }, body });
    return JSON.parse((await response.text()).trim().split('\n').at(-1));
  };
  const finish = async (tenant, path, module) => {
    let last = await post(path, tenant, module);
    let requests = 1;
    for (; last.state === 'paused'; requests++) last = await post(`/jobs/${last.job}`, tenant);
    return { ...last, requests };
  };
  const whole = await WasmSandbox.create({ source: modules.fib });
  const result = String(await whole.call('run', [size]));
  const { gasUsed } = whole.getResourceStats();
  const long = await finish('long', `/jobs?args=${size}`, modules.fib);
  const many = await Promise.all(
    Array.from({ length: 50 }, (_, i) => finish(`tenant-${i}`, '/jobs?args=10', modules.fib)),
  );
  const isSame = long.result === result && long.stats.gasUsed === String(gasUsed);
  if (!isSame) throw new Error(`in pieces it is ${JSON.stringify(long)}, in one ${result} with ${gasUsed}`);
  if (!many.every(({ result }) => result === '55')) throw new Error(`the tenants got ${JSON.stringify(many)}`);
  return long.requests;
}

const INSIDE = `${HEAD}${drive}
drive(library, modules, 27, (url, init) => worker.fetch(new Request(url, init))).then((requests) => console.log(requests));
`;

const sourceOfWorker = (root) => readFileSync(`${root}/examples/edge/worker.mjs`, 'utf8');

async function onWorkerd({ folder, write, root }) {
  const { Miniflare } = await load(folder, 'miniflare');
  write('edge-worker.mjs', sourceOfWorker(root));
  const script = await inOneFile(folder, `${folder}/edge-worker.mjs`, ['workerd', 'worker', 'browser']);
  const library = await load(folder, 'wasm-sandbox');
  const fib = new Uint8Array(readFileSync(`${root}/fixtures/build/fib.wasm`));
  const options = { modules: true, script, compatibilityDate: '2026-01-01', durableObjects: { TENANTS: 'Tenant' } };
  const miniflare = new Miniflare(options);
  try {
    await miniflare.ready;
    const began = performance.now();
    const init = { method: 'POST', headers: { 'x-tenant': 'first' }, body: fib };
    await (await miniflare.dispatchFetch('http://edge/jobs?args=10', init)).text();
    const first = performance.now() - began;
    const requests = await drive(library, { fib }, LONG, (url, init) => miniflare.dispatchFetch(url, init));
    console.error(
      `edge on workerd: ${script.length} characters, first result after ${first.toFixed(0)} ms, ${requests} requests`,
    );
  } finally {
    await miniflare.dispose();
  }
}

const inside = (name, start) => ({
  name: `edge example on ${name}`,
  checksOnly: true,
  run(context) {
    context.write('edge-worker.mjs', sourceOfWorker(context.root));
    const [command, ...args] = start(context);
    return context.run(command, [...args, context.write('edge.mjs', INSIDE)]);
  },
});

export const EDGE = [
  { name: 'edge example on workerd', needs: ['miniflare', 'esbuild'], checksOnly: true, run: onWorkerd },
  inside('Node', () => [process.execPath]),
  inside('Deno', ({ runtimes }) => runtimes.deno),
  inside('Bun', ({ runtimes }) => runtimes.bun),
];
