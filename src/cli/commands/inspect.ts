/** `wasm-sandbox inspect`: what a module holds, as data and as text. */

import { UsageError } from '../../../wasm/errors.ts';
import { GAS_VERSION } from '../../../wasm/gas.ts';
import { PAGE_BYTES } from '../../../wasm/limits.ts';
import { functionTypeAt, typeOfFunction, type WasmModule } from '../../../wasm/module.ts';
import { functionName } from '../../../wasm/names.ts';
import { planFunction } from '../../../wasm/plan.ts';
import { escapeUnprintable } from '../../../wasm/quote.ts';
import {
  type DefinedType,
  type FieldType,
  type GlobalType,
  type ImportDescription,
  type Limits,
  type MemoryType,
  type TableType,
  typeName,
} from '../../../wasm/types.ts';
import { showFuncType } from '../../call/values.ts';
import { print as printText } from '../../text.ts';
import { encode, type Io, print, printJson } from '../io/io.ts';
import { readModule } from '../io/module.ts';
import { STATUS } from '../io/status.ts';
import { type Align, bytesText, grouped, table } from '../io/table.ts';
import { functionOf } from './text.ts';

export interface InspectOptions {
  readonly json?: boolean;
  readonly functions?: boolean;
  readonly wat?: boolean;
  readonly function?: string;
}

export async function inspect(path: string, options: InspectOptions, io: Io): Promise<number> {
  const module = await readModule(path, io);
  if (options.wat) {
    io.stdout(encode(printText(module.bytes, { function: functionOf(options.function) })));
    return STATUS.ok;
  }
  if (options.function !== undefined) throw new UsageError('--function goes with --wat');
  const listed = options.functions ? functionsOf(module) : undefined;
  if (options.json) {
    printJson(io, { module: path, ...summaryOf(module), functionList: listed });
  } else print(io, [...summaryLines(path, module), ...(listed === undefined ? [] : functionLines(listed))]);
  return STATUS.ok;
}

/** Everything but the functions one by one. */
export function summaryOf(module: WasmModule) {
  return {
    bytes: module.bytes.length,
    gasVersion: GAS_VERSION,
    features: module.features,
    start: module.start ?? null,
    types: module.types.map(showType),
    functions: {
      imported: module.importedFunctions,
      own: module.bodies.length,
      codeBytes: [...module.bodies].reduce((sum, { start, end }) => sum + end - start, 0),
    },
    imports: module.imports.map((item) => ({
      module: item.module,
      name: item.name,
      kind: item.kind,
      type: showImport(module, item),
    })),
    exports: module.exports.map(({ name, kind, index }) => ({
      name,
      kind,
      index,
      type: showExport(module, kind, index),
    })),
    memories: module.memories.map(({ limits }, index) => ({
      minPages: limits.min,
      maxPages: limits.max ?? null,
      imported: index < module.importedMemories,
    })),
    tables: module.tables.map(({ element, limits }, index) => ({
      element: typeName(element),
      min: limits.min,
      max: limits.max ?? null,
      imported: index < module.importedTables,
    })),
    globals: module.globals.map((type, index) => ({
      type: showGlobal(type),
      imported: index < module.importedGlobals,
    })),
    elementSegments: module.elements.length,
    dataSegments: {
      count: module.data.length,
      bytes: [...module.data].reduce((sum, { bytes }) => sum + bytes.end - bytes.start, 0),
    },
    customSections: module.customSections.map(({ name, bytes }) => ({ name, bytes: bytes.end - bytes.start })),
  };
}

/** The module's own functions, with what metering makes of them. */
export function functionsOf(module: WasmModule) {
  return module.bodies.map((body, i) => {
    const index = module.importedFunctions + i;
    const { entryCost, weight } = planFunction(module, i);
    return {
      index,
      name: functionName(module, index) ?? null,
      type: showFuncType(typeOfFunction(module, index)),
      bytes: body.end - body.start,
      entryGas: entryCost,
      frameBytes: weight,
    };
  });
}

function summaryLines(path: string, module: WasmModule): string[] {
  const summary = summaryOf(module);
  const { functions, memories, tables, globals, imports, exports, dataSegments, customSections, start } = summary;
  const overview = [
    ['module', escapeUnprintable(path)],
    ['size', bytesText(summary.bytes)],
    ['types', grouped(summary.types.length)],
    [
      'functions',
      `${grouped(functions.own)} own, ${grouped(functions.imported)} imported, ${grouped(functions.codeBytes)} bytes of code`,
    ],
    ...memories.map(({ minPages, maxPages, imported }) => [
      'memory',
      `${showRange(minPages, maxPages, 'pages')}, ${bytesText(minPages * PAGE_BYTES)} at first${imported ? ', imported' : ''}`,
    ]),
    ...tables.map(({ element, min, max, imported }) => [
      'table',
      `${showRange(min, max, 'elements')} of ${element}${imported ? ', imported' : ''}`,
    ]),
    ['globals', grouped(globals.length)],
    ['data segments', `${grouped(dataSegments.count)}, ${bytesText(dataSegments.bytes)}`],
    ['element segments', grouped(summary.elementSegments)],
    ['start', start === null ? 'no start function' : `function ${start}`],
  ];
  return [
    ...table(overview),
    ...section('Imports', ['module', 'name', 'kind', 'type'], imports),
    ...section('Exports', ['name', 'kind', 'type'], exports),
    ...section('Custom sections', ['name', 'bytes'], customSections, ['left', 'right']),
  ];
}

function functionLines(list: ReturnType<typeof functionsOf>): string[] {
  const align: Align[] = ['right', 'left', 'left', 'right', 'right', 'right'];
  return section('Functions', ['index', 'name', 'type', 'bytes', 'entryGas', 'frameBytes'], list, align);
}

/** A heading and a table of the named properties; nothing where there are no rows. */
function section<Key extends string>(
  title: string,
  keys: readonly Key[],
  rows: readonly Readonly<Record<Key, string | number | null>>[],
  align: readonly Align[] = [],
): string[] {
  if (rows.length === 0) return [];
  const cells = rows.map((row) => keys.map((key) => showCell(row[key])));
  return ['', `${title} (${grouped(rows.length)})`, ...table([keys, ...cells], align).map((line) => `  ${line}`)];
}

const LONGEST_CELL = 100;

function showCell(value: string | number | null): string {
  if (typeof value === 'number') return grouped(value);
  const text = escapeUnprintable(value ?? '-');
  return text.length > LONGEST_CELL ? `${text.slice(0, LONGEST_CELL)}…` : text;
}

function showImport(module: WasmModule, description: ImportDescription): string {
  switch (description.kind) {
    case 'function':
    case 'tag':
      return showFuncType(functionTypeAt(module, description.typeIndex));
    case 'table':
      return showTable(description.type);
    case 'memory':
      return showMemory(description.type);
    case 'global':
      return showGlobal(description.type);
  }
}

function showExport(module: WasmModule, kind: WasmModule['exports'][number]['kind'], index: number): string {
  switch (kind) {
    case 'function':
      return showFuncType(typeOfFunction(module, index));
    case 'tag':
      return showFuncType(functionTypeAt(module, module.tags[index] as number));
    case 'table':
      return showTable(module.tables[index] as TableType);
    case 'memory':
      return showMemory(module.memories[index] as MemoryType);
    case 'global':
      return showGlobal(module.globals[index] as GlobalType);
  }
}

function showType(type: DefinedType): string {
  const field = ({ type: storage, mutable }: FieldType) => (mutable ? `mut ${typeName(storage)}` : typeName(storage));
  switch (type.kind) {
    case 'function':
      return showFuncType(type);
    case 'struct':
      return `struct (${type.fields.map(field).join(', ')})`;
    case 'array':
      return `array (${field(type.element)})`;
  }
}

function showTable({ element, limits }: TableType): string {
  return `${typeName(element)}, ${showLimits(limits, 'elements')}`;
}

function showGlobal({ type, mutable }: GlobalType): string {
  return mutable ? `mut ${typeName(type)}` : typeName(type);
}

function showMemory({ limits, isShared }: MemoryType): string {
  return `${showLimits(limits, 'pages')}${isShared ? ', shared' : ''}`;
}

function showLimits({ min, max }: Limits, unit: string): string {
  return showRange(min, max ?? null, unit);
}

function showRange(min: number, max: number | null, unit: string): string {
  return max === null ? `${grouped(min)} ${unit} or more` : `${grouped(min)} to ${grouped(max)} ${unit}`;
}
