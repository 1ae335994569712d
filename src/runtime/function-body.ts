/**
 * A file of the build as the body of a function, for what takes no modules. Knows no JavaScript, but the shape that the bundler
 * writes, which the build checks: imports at the beginning, one list of exports at the end.
 */

/**
 * What the function is given: an object for what the file exports, how it gets what it imports, and at once or later, and the
 * file's URL.
 */
export const PARAMETERS = ['$exports', '$require', '$later', '$url'] as const;

/** Imports of each kind, and what is exported of another file. */
const HEAD =
  /(?:import\s*(?:([\w$]+)\s*,?\s*)?(?:\*\s*as\s+([\w$]+)\s*|\{([^}]*)\}\s*)?(?:from\s*)?|export\s*\{([^}]*)\}\s*from\s*)"([^"]+)";?\s*/y;
/** What a file exports of its own. */
const TAIL = /export\s*\{([^}]*)\};?(\s*(?:\/\/.*\s*)?)$/;

/** What is imported later. Code has no space before it, as texts of programs have. */
export const CALL: RegExp = /\bimport\((?<=(?:[^\s'"`]|return |await )import\()/g;
export const URL_OF: RegExp = /\bimport\.meta\.url\b(?<=[^\s'"`]import\.meta\.url)/g;

/** Names of the one side, each with its name of the other. */
const pairs = (names: string) =>
  names.split(',').map((name) => {
    const [own, other = own] = name.trim().split(/\s+as\s+/);
    return { own, other };
  });

function headOf([, all, namespace, names, exported, specifier]: RegExpExecArray): string {
  const from = `$require("${specifier}")`;
  if (exported !== undefined) {
    const copies = pairs(exported).map(({ own, other }) => `${other}:$from.${own}`);
    return `{const $from=${from};Object.assign($exports,{${copies}})}`;
  }
  // The default of a file for `require` is all of it; of the build's own nobody asks for that.
  const wholes = [all, namespace].filter((name) => name !== undefined).map((name) => `const ${name}=${from};`);
  if (names === undefined) return wholes.join('') || `${from};`;
  return `${wholes.join('')}const{${pairs(names).map(({ own, other }) => `${own}:${other}`)}}=${from};`;
}

/** @param text of the file */
export function functionBody(text: string): string {
  const head: string[] = [];
  let end = 0;
  for (;;) {
    HEAD.lastIndex = end;
    const found = HEAD.exec(text);
    if (found === null) break;
    head.push(headOf(found));
    end = HEAD.lastIndex;
  }
  const give = (_: string, names: string, comment: string) =>
    `Object.assign($exports,{${pairs(names).map(({ own, other }) => `${other}:${own}`)}});${comment}`;
  const rest = text.slice(end).replace(TAIL, give).replace(URL_OF, '$url').replace(CALL, '$later(');
  return `"use strict";${head.join('')}${rest}`;
}
