/** Guests without a sandbox around them: left in a call, taken as trees of fields, and put back. */

import type { Instance } from '../../interpreter/store/instance.ts';
import type { EngineExecution, EngineInstance, InstanceLimits } from '../../wasm/engine.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { WireReader, WireWriter } from '../../wasm/wire.ts';
import { begin, coreOf, imports, instantiate, LIMITS, type LifeCall } from '../life/programs.ts';
import { type Node, nodesOf, readGuestTree, writeTree } from './format.ts';

export interface Guest {
  readonly instance: EngineInstance;
  readonly execution: EngineExecution | undefined;
  readonly core: Instance;
}

const guest = (instance: EngineInstance, execution: EngineExecution | undefined): Guest => ({
  instance,
  execution,
  core: coreOf(instance),
});

/** Left in a call after so much gas, or before any. */
export function leave(module: WasmModule, call?: LifeCall, gas?: bigint): Guest {
  const instance = instantiate(module);
  instance.start();
  const execution = call && begin(instance, call);
  execution?.advance(gas);
  return guest(instance, execution);
}

export function bytesOf({ instance, execution }: Guest): Uint8Array {
  const to = new WireWriter();
  instance.capture?.(execution, 'write').write(to);
  return to.written.slice();
}

export const treeOf = (left: Guest): Node => readGuestTree(bytesOf(left), left.core.module);

export function written(tree: Node): Uint8Array {
  const to = new WireWriter();
  writeTree(tree, to);
  return to.written.slice();
}

/**
 * @param name of the call that was left, if that is known
 * @throws what putting it back throws
 */
export function putBack(
  module: WasmModule,
  bytes: Uint8Array,
  limits: Partial<InstanceLimits> = {},
  name?: string,
): Guest {
  const instance = instantiate(module, imports(), { ...LIMITS, ...limits });
  return guest(instance, instance.install?.(new WireReader(bytes), name));
}

/** The node at the end of a way; the nth of several. */
export function at<K extends Node['kind']>(tree: Node, path: string, kind: K, nth = 0): Node & { kind: K } {
  const found = [...nodesOf(tree)].filter(([way, node]) => way === path && node.kind === kind);
  if (found[nth] === undefined) throw new Error(`nothing at ${path}`);
  return found[nth][1] as Node & { kind: K };
}
