/** The application: what is asked for, and what is answered. */

import { readFileSync } from 'node:fs';
import express from 'express';
import { CompileError, LinkError } from 'wasm-sandbox';
import { wasmSandbox } from 'wasm-sandbox/express';
import { PluginError } from 'wasm-sandbox/extism';
import { toProblem } from 'wasm-sandbox/service';
import { homePage, pluginPage, problemPage } from './page.mjs';
import { Plugins } from './plugins.mjs';

const STYLE = readFileSync(new URL('./style.css', import.meta.url), 'utf8');

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** What is answered without a guest's having failed. */
class Refused extends Error {
  constructor(status, title, detail) {
    super(title);
    this.problem = { status, title, detail };
  }
}

/** What to tell of a failure. Whoever uploads a plug-in may read what is wrong with it, and what it says itself. */
function problemOf(error) {
  if (error instanceof Refused) return error.problem;
  if (error instanceof CompileError || error instanceof LinkError) {
    return { status: 422, title: 'The file is no plug-in that can be run', detail: error.message };
  }
  if (error instanceof PluginError) return { ...toProblem(error), detail: error.reason ?? error.message };
  if (error?.status === 413) return { status: 413, title: 'That is too large' };
  // What Express itself refuses.
  if (error?.status >= 400 && error?.status < 500) return { status: error.status, title: 'The request cannot be read' };
  return toProblem(error);
}

/** The file of a form; its name is for people alone. */
async function uploaded(request) {
  let file;
  try {
    const headers = { 'content-type': request.headers['content-type'] ?? '' };
    file = (await new Response(request.body, { headers }).formData()).get('plugin');
  } catch {
    throw new Refused(400, 'The form cannot be read');
  }
  if (file === null || typeof file === 'string' || file.size === 0) throw new Refused(400, 'No file was chosen');
  return { name: file.name.slice(0, 100) || 'plug-in', bytes: new Uint8Array(await file.arrayBuffer()) };
}

export async function createApp() {
  const plugins = await Plugins.create();
  const app = express();
  app.disable('x-powered-by');
  app.use((request, response, next) => {
    response.set(HEADERS);
    // Forms of other sites' pages; whatever is no browser does not say.
    const site = request.headers['sec-fetch-site'] ?? 'none';
    const isOwn = request.method === 'GET' || site === 'same-origin' || site === 'none';
    next(isOwn ? undefined : new Refused(403, 'Only forms of this page are taken'));
  });
  app.use(wasmSandbox(plugins.service));

  const found = (request) => {
    const plugin = plugins.get(request.params.id);
    if (plugin === undefined) throw new Refused(404, 'There is no such plug-in');
    return plugin;
  };

  app.get('/', (_request, response) => {
    response.send(homePage(plugins.list()));
  });
  app.get('/style.css', (_request, response) => {
    response.type('css').send(STYLE);
  });
  app.post('/plugins', express.raw({ type: 'multipart/form-data', limit: '1mb' }), async (request, response) => {
    const { name, bytes } = await uploaded(request);
    const plugin = await plugins.add(name, bytes);
    response.redirect(303, `/plugins/${plugin.id}`);
  });
  app.get('/plugins/:id', (request, response) => {
    response.send(pluginPage(found(request)));
  });
  app.post('/plugins/:id', express.urlencoded({ extended: false, limit: '300kb' }), async (request, response) => {
    const plugin = found(request);
    const { function: name, input = '' } = request.body ?? {};
    if (!plugin.functions.includes(name) || typeof input !== 'string') {
      throw new Refused(400, 'The plug-in has no such function');
    }
    const { error, ...ran } = await plugins.run(request.wasm, plugin, name, input);
    const problem = error === undefined ? undefined : problemOf(error);
    response.status(problem?.status ?? 200).send(pluginPage(plugin, { function: name, input, problem, ...ran }));
  });
  app.use((_request, _response, next) => next(new Refused(404, 'There is no such page')));
  app.use((error, _request, response, next) => {
    if (response.headersSent) return next(error);
    const problem = problemOf(error);
    if (problem.status === 500) console.error(error);
    response.status(problem.status).send(problemPage(problem));
  });

  return { app, close: () => plugins.close() };
}
