/** The program of a recording: its guest, the modules that it is linked with, and the host functions that they import. */

import { HIGHEST_PRICE, type HostGas } from '../../wasm/host.ts';
import { MODULE_LIMITS } from '../../wasm/limits.ts';
import { linkedGraph } from '../../wasm/linked-graph.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { MOST_MODULES, type ModuleGraph } from '../../wasm/module-graph.ts';
import { damaged, type WireReader, type WireWriter } from '../../wasm/wire.ts';

/** A function of the host's, and what its calls cost. */
export interface RecordedImport extends HostGas {
  readonly module: string;
  readonly name: string;
}

export type ImportName = Pick<RecordedImport, 'module' | 'name'>;

/** Functions of the host's by number: in the order in which the program's modules first import them, whatever links them. */
export class HostFunctions {
  readonly names: readonly ImportName[];
  private readonly numbers = new Map<string, number>();

  constructor(graph: ModuleGraph) {
    const names: ImportName[] = [];
    for (const { kind, module, name } of graph.hostImports) {
      const key = keyOf(module, name);
      if (kind !== 'function' || this.numbers.has(key)) continue;
      this.numbers.set(key, names.length);
      names.push({ module, name });
    }
    this.names = names;
  }

  /** Undefined where the program imports nothing of that name. */
  numberOf(module: string, name: string): number | undefined {
    return this.numbers.get(keyOf(module, name));
  }
}

/** No two pairs of names have the same. */
const keyOf = (module: string, name: string): string => `${module.length} ${module}${name}`;

export function writeProgram(to: WireWriter, { guest, modules }: ModuleGraph): void {
  to.bytesOf(guest.bytes);
  to.u32(modules.length - 1);
  for (const { name, module } of modules.slice(0, -1)) {
    to.text(name);
    to.bytesOf(module.bytes);
  }
}

/**
 * @param decode of the bytes of one module
 * @throws SnapshotError; what `decode` throws
 */
export function readProgram(from: WireReader, decode: (bytes: Uint8Array, label: string) => WasmModule): ModuleGraph {
  const guest = decode(from.bytesOf(), 'the module in the recording');
  const count = from.u32();
  if (count > MOST_MODULES) damaged(`it has ${count} modules`);
  const others = new Map<string, WasmModule>();
  for (let left = count; left > 0; left--) {
    const name = from.text(MODULE_LIMITS.nameBytes);
    if (others.has(name)) damaged('two of its modules have the same name');
    others.set(name, decode(from.bytesOf(), 'a linked module in the recording'));
  }
  const graph = linkedGraph(guest, others);
  if (graph.modules.length !== count + 1) damaged('a module in it is imported by no other');
  return graph;
}

export function writeImports(to: WireWriter, imports: readonly RecordedImport[]): void {
  to.u32(imports.length);
  for (const { module, name, base, perByte } of imports) {
    to.text(module);
    to.text(name);
    to.number(base);
    to.number(perByte);
  }
}

/** As many as the program has, each within what a host function may cost. @throws SnapshotError */
export function readImports(from: WireReader, { names }: HostFunctions): readonly RecordedImport[] {
  from.exactly(names.length, 'imports');
  return names.map(({ module, name }) => {
    const [recordedModule, recordedName] = [from.text(MODULE_LIMITS.nameBytes), from.text(MODULE_LIMITS.nameBytes)];
    if (recordedModule !== module || recordedName !== name) damaged('its imports are not those of the module');
    return { module, name, base: from.integer(HIGHEST_PRICE, 'the price of a host call'), perByte: readPrice(from) };
  });
}

function readPrice(from: WireReader): number {
  const price = from.number();
  return price >= 0 && price <= HIGHEST_PRICE ? price : damaged('the price of a byte is out of range');
}
