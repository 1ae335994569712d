// A program for WASI on the host's own: node host.mjs FILE '{ "/guest": "folder" }' NAME [arguments]
import { readFileSync, writeSync } from 'node:fs';
import { WASI } from 'node:wasi';

const [file, preopens, name, ...args] = process.argv.slice(2);
const options = { version: 'preview1', args: [name, ...args], preopens: JSON.parse(preopens), returnOnExit: true };
const now = () => Number(process.hrtime.bigint()) / 1e6;
const start = now();
const wasi = new WASI(options);
const instance = await WebAssembly.instantiate(await WebAssembly.compile(readFileSync(file)), wasi.getImportObject());
const loaded = now();
const exitCode = wasi.start(instance);
writeSync(3, JSON.stringify({ exitCode, loadMs: loaded - start, runMs: now() - loaded }));
