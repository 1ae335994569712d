'use strict';
// Loads a file of the build, and all that it imports, where `require` takes no ES modules: in Node before 20.19 and
// 22.12, and in Jest. The build holds its files to the shape that is read here (scripts/commonjs.mjs).

// No `require` that bundlers see: for them, who take the file itself, there is nothing here to be found.
const { require: unseen } = module;
const demand = (specifier) => unseen.call(module, specifier);
const { readFileSync } = demand('node:fs');
const { dirname, resolve } = demand('node:path');
const { pathToFileURL } = demand('node:url');
const { compileFunction } = demand('node:vm');

const PARAMETERS = ['$exports', '$require', '$import', '$url'];

/** What stands at the beginning of a file: imports of each kind, and what is exported of another file. */
const HEAD =
  /(?:import\s*(?:([\w$]+)\s*,?\s*)?(?:\*\s*as\s+([\w$]+)\s*|\{([^}]*)\}\s*)?(?:from\s*)?|export\s*\{([^}]*)\}\s*from\s*)"([^"]+)";?\s*/y;
/** What a file exports of its own, at its end. */
const TAIL = /export\s*\{([^}]*)\};?(\s*(?:\/\/.*\s*)?)$/;

/** What there is in between that only modules have. Code has no space before it, as texts of programs have. */
const CALL = /\bimport\((?<=(?:[^\s'"`]|return |await )import\()/g;
const URL_OF = /\bimport\.meta\.url\b(?<=[^\s'"`]import\.meta\.url)/g;

const pairs = (names) => names.split(',').map((name) => name.trim().split(/\s+as\s+/));

function importOf([, all, namespace, names, exported, specifier]) {
  const from = `$require("${specifier}")`;
  if (exported !== undefined) {
    const copies = pairs(exported).map(([name, as = name]) => `${as}:$from.${name}`);
    return `{const $from=${from};Object.assign($exports,{${copies}})}`;
  }
  // The default of a file for `require` is all of it; the build's own files import none of each other.
  const wholes = [all, namespace].filter((name) => name !== undefined).map((name) => `const ${name}=${from};`);
  if (names === undefined) return wholes.join('') || `${from};`;
  return `${wholes.join('')}const{${pairs(names).map(([name, as = name]) => `${name}:${as}`)}}=${from};`;
}

/** @returns the body of a function of `PARAMETERS` that does what a file does */
function bodyOf(text) {
  const head = [];
  let end = 0;
  for (;;) {
    HEAD.lastIndex = end;
    const found = HEAD.exec(text);
    if (found === null) break;
    head.push(importOf(found));
    end = HEAD.lastIndex;
  }
  const rest = text
    .slice(end)
    .replace(
      TAIL,
      (_, names, comment) =>
        `Object.assign($exports,{${pairs(names).map(([name, as = name]) => `${as}:${name}`)}});${comment}`,
    );
  return `"use strict";${head.join('')}${rest.replace(URL_OF, '$url').replace(CALL, '$import(')}`;
}

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
  compile(bodyOf(readFileSync(path, 'utf8')), path)(exported, from, later, pathToFileURL(path).href);
  loaded.set(path, exported);
  return exported;
}

module.exports = (name) => load(resolve(__dirname, name));
Object.assign(module.exports, { bodyOf, CALL, URL_OF });
