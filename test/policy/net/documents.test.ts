/** The reference, the guests' header and the guests' module say what the code does. */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Capability } from '../../../policy/index.ts';
import { HTTP_ERROR } from '../../../policy/net/codes.ts';
import { HTTP_FUNCTIONS } from '../../../policy/net/functions.ts';
import { FIXED, NETWORK_LIMITS } from '../../../policy/net/limits.ts';
import { HTTP_MODULE } from '../../../policy/net/names.ts';
import { HTTP_CALL } from '../../../wasm/gas.ts';

const read = (path: string) => readFileSync(new URL(`../../../docs/${path}`, import.meta.url), 'utf8');
const rows = (text: string) =>
  text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

const reference = read('http.md');
const header = read('guest/wasm_sandbox_http.h');
const script = read('guest/http.ts');
const names = Object.fromEntries(Object.entries(HTTP_ERROR).map(([name, code]) => [name.toUpperCase(), code]));
const parameters = Object.fromEntries(HTTP_FUNCTIONS.map(({ name, params }) => [name, params]));

describe('errors', () => {
  test('in the reference', () => {
    const found = rows(reference).filter(([code = '']) => /^-\d+$/.test(code));
    expect(Object.fromEntries(found.map(([code, name = '']) => [name.slice(1, -1), Number(code)]))).toEqual(names);
  });

  test('in C', () => {
    const found = [...header.matchAll(/WASM_SANDBOX_HTTP_([A-Z]+) = (-\d+)/g)];
    expect(Object.fromEntries(found.map(([, name, code]) => [name, Number(code)]))).toEqual(names);
  });

  test('in AssemblyScript', () => {
    const found = [...script.matchAll(/const ([A-Z]\w+): i32 = (-\d+)/g)];
    expect(Object.fromEntries(found.map(([, name = '', code]) => [name.toUpperCase(), Number(code)]))).toEqual(names);
  });
});

describe('functions', () => {
  test('in the reference', () => {
    const found = rows(reference).filter(([name = '']) => /^`(request|response)_/.test(name));
    const count = (takes: string) => takes.split(/[,;]/).length;
    expect(Object.fromEntries(found.map(([name = '', takes = '']) => [name.slice(1, -1), count(takes)]))).toEqual(
      parameters,
    );
  });

  test('in C', () => {
    const found = [...header.matchAll(/_IMPORT\((\w+)\)\s+int32_t wasm_sandbox_http_(\w+)\(([^)]*)\)/g)];
    expect(found.every(([, imported, name]) => imported === name)).toBe(true);
    expect(Object.fromEntries(found.map(([, , name, list = '']) => [name, list.split(',').length]))).toEqual(
      parameters,
    );
    expect(header).toContain(`import_module("${HTTP_MODULE}")`);
  });

  test('in AssemblyScript, which leaves one out', () => {
    const found = [...script.matchAll(/@external\("(\w+)", "(\w+)"\)\s+declare function \w+\(([^)]*)\): i32/g)];
    expect(found.every(([, module]) => module === HTTP_MODULE)).toBe(true);
    const { response_header_at: _, ...others } = parameters;
    expect(Object.fromEntries(found.map(([, , name, list = '']) => [name, list.split(',').length]))).toEqual(others);
  });
});

describe('numbers', () => {
  test.each([
    ['requests open at once', FIXED.openRequests],
    ['bytes of a URL', FIXED.urlBytes],
    ['headers of a request', FIXED.requestHeaders],
    ["bytes of a request's headers", FIXED.requestHeaderBytes],
    ['headers of a response', FIXED.responseHeaders],
    ["bytes of a response's headers", FIXED.responseHeaderBytes],
    ['addresses of a name', FIXED.addresses],
  ])('%s', (what, most) => {
    expect(rows(reference).find(([cell]) => cell === what)?.[1]).toBe(String(most));
  });

  test('what a grant has where it says nothing', () => {
    const usual = Capability.networkAccess(['a.example']);
    const table = rows(read('security.md'));
    for (const limit of NETWORK_LIMITS) {
      expect(table.find(([cell]) => cell === `\`${limit}\``)?.[1], limit).toBe(String(usual[limit]));
    }
    expect(table.find(([cell]) => cell === '`allowedMethods`')?.[1]).toBe(usual.allowedMethods.join(', '));
  });

  test('the price', () => {
    const price = `A call costs ${HTTP_CALL.base} units, and 1 for every ${1 / HTTP_CALL.perByte} bytes moved`;
    expect(reference.replaceAll('\n', ' ')).toContain(price);
  });
});
