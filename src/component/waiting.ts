/** Which functions of a component may wait: known by what the transpiler says of each function in the program that it wrote. */

import { WAITING } from '../../policy/component.ts';
import { CompileError } from '../../wasm/errors.ts';

/** By their names in WIT, behind those of their interfaces. */
export interface WaitingFunctions {
  readonly imports: readonly string[];
  readonly exports: readonly string[];
}

/** What the program traces where it calls an import, and where an export begins. */
const CALLS = /\[iface="([^"\]]*)", function="([^"]*)"\] ?\[Instruction::(CallInterface|CallWasm)\]/g;

/** A function of the world's own. */
const NO_INTERFACE = '<no iface>';

/**
 * All functions but constructors, which give an object at once; of WASI, those that have something to wait for.
 * @param program as it was transpiled without any that wait
 * @throws CompileError where it is not as expected
 */
export function waitingFunctions(program: string): WaitingFunctions {
  const imports = new Set<string>();
  const exports = new Set<string>();
  for (const [, owner = '', name = '', instruction] of program.matchAll(CALLS)) {
    if (name.startsWith('[constructor]') || name.startsWith('[resource-drop]')) continue;
    const label = owner === NO_INTERFACE ? name : `${owner}#${name}`;
    if (instruction === 'CallWasm') exports.add(label);
    else if (!owner.startsWith('wasi:') || WAITING.has(withoutVersion(label))) imports.add(label);
  }
  if (exports.size === 0 && /\[Instruction::CallWasm\]/.test(program)) {
    throw new CompileError('the transpiler wrote what is not expected of it: take the version that package.json names');
  }
  return { imports: [...imports], exports: [...exports] };
}

const withoutVersion = (label: string): string => label.replace(/@[^#]*(?=#)/, '');
