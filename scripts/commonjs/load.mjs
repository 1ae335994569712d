// Loads a file of the build, and all that it imports, where `require` takes no ES modules: in Node before 20.19 and
// 22.12, and in Jest. The build makes CommonJS of this, too.

import { CALL, functionBody, PARAMETERS, URL_OF } from '../../src/runtime/function-body.ts';

// No `require` that bundlers see: they take the file itself, and there is nothing here to be found.
const { require: unseen } = module;
const demand = (specifier) => unseen.call(module, specifier);
const { readFileSync } = demand('node:fs');
const { dirname, resolve } = demand('node:path');
const { pathToFileURL } = demand('node:url');
const { compileFunction } = demand('node:vm');

/** In the realm of whoever asks: a test runner's is another than that of Node's modules. */
function compile(body, filename) {
  const isHere = compileFunction('return Array')() === Array;
  if (isHere) return compileFunction(body, PARAMETERS, { filename });
  return new Function(...PARAMETERS, `${body}\n//# sourceURL=${filename}`);
}

const loaded = new Map();

function load(path) {
  const known = loaded.get(path);
  if (known !== undefined) return known;
  const from = (specifier) => (specifier.startsWith('.') ? load(resolve(dirname(path), specifier)) : demand(specifier));
  const later = async (specifier) => (/^(?:\.|node:)/.test(specifier) ? from(specifier) : import(specifier));
  const exported = {};
  compile(functionBody(readFileSync(path, 'utf8')), path)(exported, from, later, pathToFileURL(path).href);
  loaded.set(path, exported);
  return exported;
}

export default Object.assign((name) => load(resolve(__dirname, name)), { CALL, functionBody, URL_OF });
