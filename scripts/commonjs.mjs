// For `require`, each entry has a file beside it that takes the ES modules: the code is in the package once, and programs
// that load both formats have one copy of its classes. Where `require` takes none, commonjs/load.cjs does.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { parseSync, Visitor } from 'rolldown/utils';

/** @returns the loader, of which the checks take what it knows of files */
async function writeLoader(dist) {
  const path = join(dist, 'commonjs.cjs');
  const build = await rolldown({
    input: fileURLToPath(new URL('commonjs/load.mjs', import.meta.url)),
    platform: 'neutral',
  });
  await build.write({ file: path, format: 'cjs', minify: true });
  await build.close();
  return createRequire(path)(path);
}

/** The mark is for importers that were ES modules once, and ask for the default; Node may have put it there already. */
const WITH_DEFAULT =
  'const{__esModule:_,...n}=m;Object.defineProperty(exports,"__esModule",{value:!0});Object.assign(exports,n);' +
  'exports.default=m.default;';

/** @throws where a parser finds something else than the loader does */
function check({ fileName, code }, { CALL, functionBody, URL_OF }) {
  const [imports, urls] = [[], []];
  let [depth, waits] = [0, 0];
  const wait = () => void (depth === 0 && waits++);
  const inFunctions = ['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'].flatMap((type) => [
    [type, () => void depth++],
    [`${type}:exit`, () => void depth--],
  ]);
  new Visitor({
    ...Object.fromEntries(inFunctions),
    ImportExpression: ({ start }) => void imports.push(start),
    MetaProperty: ({ start, meta }) => void (meta.name === 'import' && urls.push(start)),
    AwaitExpression: wait,
    ForOfStatement: (loop) => void (loop.await && wait()),
  }).visit(parseSync(fileName, code).program);
  const differs = (word, starts) => String([...code.matchAll(word)].map(({ index }) => index)) !== String(starts);
  const refuse = (fault) => {
    throw new Error(`${fileName} cannot be loaded by \`require\`: ${fault}`);
  };
  if (waits > 0) refuse('it waits while it is loaded');
  if (differs(CALL, imports)) refuse('what is imported later cannot be told from texts');
  if (differs(URL_OF, urls)) refuse('its own place cannot be told from texts');
  const [error] = parseSync('body.cjs', `(function(){${functionBody(code)}\n})`).errors;
  if (error !== undefined) refuse(error.message);
}

/** What the loader gives of a file is there when the file has run. */
function refuseCircles(byName) {
  const done = new Set();
  const visit = (name, path) => {
    if (path.includes(name)) throw new Error(`files import one another: ${[...path, name].join(' > ')}`);
    if (done.has(name) || !byName.has(name)) return;
    for (const next of byName.get(name).imports) visit(next, [...path, name]);
    done.add(name);
  };
  for (const name of byName.keys()) visit(name, []);
}

/**
 * @param chunks of the bundler
 * @param names of entries
 */
export async function writeCommonJs(dist, chunks, names) {
  const byName = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
  const reached = new Set(names.map((name) => byName.get(`${name}.js`)));
  for (const { imports, dynamicImports } of reached) {
    for (const name of [...imports, ...dynamicImports]) if (byName.has(name)) reached.add(byName.get(name));
  }
  const loader = await writeLoader(dist);
  for (const chunk of reached) check(chunk, loader);
  refuseCircles(byName);
  for (const name of names) {
    const { exports } = byName.get(`${name}.js`);
    const take = `let m;try{m=require("./${name}.js")}catch{m=require("./commonjs.cjs")("./${name}.js")}`;
    const give = exports.includes('default') ? WITH_DEFAULT : 'Object.assign(exports,m);';
    writeFileSync(join(dist, `${name}.cjs`), `"use strict";${take}${give}\n`);
  }
}
