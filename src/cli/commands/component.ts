/** `wasm-sandbox component`: a component as a program, ahead of time. */

import { quote } from '../../../wasm/quote.ts';
import { encodeUtf8 } from '../../../wasm/utf8.ts';
import { refuse } from '../../checks/check.ts';
import { type Transpiled, transpileBytes } from '../../component/transpiler.ts';
import { type Io, print, printJson, showing } from '../io/io.ts';
import { readBinary } from '../io/module.ts';
import { STATUS } from '../io/status.ts';
import { bytesText, table } from '../io/table.ts';

export interface ComponentCommandOptions {
  readonly output: string;
  readonly name?: string;
  readonly async?: boolean;
  readonly json?: boolean;
}

export async function componentCommand(path: string, options: ComponentCommandOptions, io: Io): Promise<number> {
  const { output, name = nameOf(path), async: isAsync = false, json = false } = options;
  if (!/^[\w-]+$/.test(name)) refuse('--name', 'of letters, digits, - and _', name);
  const bytes = await readBinary(path, io);
  const { offerTranspiler } = await import('../../component-parts.node.ts');
  offerTranspiler();
  const transpiled = await showing(io, `transpiling ${quote(path)}`, () =>
    transpileBytes(bytes, { name, declarations: true, withUrl: true, isAsync }),
  );
  const files = filesOf(name, transpiled);
  const { makeFolder, writeBytes } = await import('../io/files.node.ts');
  makeFolder(output);
  if (files.some(([file]) => file.startsWith(INTERFACES))) makeFolder(`${output}/${INTERFACES}`);
  for (const [file, content] of files) writeBytes(`${output}/${file}`, content);
  const { imports, exports } = transpiled.description;
  if (json) {
    printJson(io, {
      name,
      files: files.map(([file, { length }]) => ({ path: file, bytes: length })),
      imports,
      exports,
    });
  } else {
    print(
      io,
      table(
        files.map(([file, { length }]) => [`${output}/${file}`, bytesText(length)]),
        ['left', 'right'],
      ),
    );
  }
  return STATUS.ok;
}

const INTERFACES = 'interfaces/';

/** In the order in which they are of use. */
function filesOf(name: string, { text, modules, declarations }: Transpiled): [path: string, bytes: Uint8Array][] {
  return [[`${name}.js`, encodeUtf8(text)], ...modules, ...declarations];
}

/** `adder` of `some/where/adder.component.wasm`. */
function nameOf(path: string): string {
  const file =
    path
      .replace(/[?#].*$/, '')
      .split(/[\\/]/)
      .at(-1) ?? '';
  const name = file.split('.')[0]?.replaceAll(/[^\w-]/g, '_') ?? '';
  return name === '' || path === '-' ? 'component' : name;
}
