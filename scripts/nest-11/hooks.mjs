// Has Node find Nest 11 where it looks for Nest, as `node --import ./scripts/nest-11/hooks.mjs`.
import { register } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { FOLDER, VERSIONS } from './versions.mjs';

const HOOKS = '?hooks';
if (!import.meta.url.endsWith(HOOKS)) register(import.meta.url + HOOKS);

const parentURL = pathToFileURL(join(FOLDER, 'x.mjs')).href;
const isNest = (specifier) =>
  Object.keys(VERSIONS).some((name) => specifier === name || specifier.startsWith(`${name}/`));

export function resolve(specifier, context, next) {
  return next(specifier, isNest(specifier) ? { ...context, parentURL } : context);
}
