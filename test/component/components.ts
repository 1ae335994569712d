/** The components of fixtures/components, on either engine. */

import { readComponent } from '../../scripts/components.ts';
import { evaluate } from '../../src/component/evaluate.ts';
import { type Transpiled, transpileBytes } from '../../src/component/transpiler.ts';
import { Component, type ComponentExports, type ComponentOptions } from '../../src/component.node.ts';

export const ENGINES = ['interpreter', 'native'] as const;

export const TYPED = readComponent('typed');
export const PROGRAM = readComponent('program');
export const WAITING = readComponent('waiting');

export interface Counter {
  next(): number;
}

/** `test:typed/values`, as the declarations have it. */
export interface Values {
  readonly Counter: new (start: number) => Counter;
  echoPoint(value: { x: number; label: string }): { x: number; label: string };
  echoShape(value: Shape): Shape;
  echoAccess(value: Access): Access;
  echoColour(value: string): string;
  echoNumbers(value: Uint32Array | number[]): Uint32Array;
  echoNames(value: string[]): string[];
  echoOption(value: string | undefined): string | undefined;
  echoResult(value: Result): number;
  echoChar(value: string): string;
  echoBool(value: boolean): boolean;
  echoU64(value: bigint): bigint;
  echoF32(value: number): number;
  echoTuple(value: [number, bigint]): [number, bigint];
  loud(text: string): string;
  overlap(count: number): string[];
  outside(): string;
  noColour(): string;
  hold(count: number): void;
  spin(): void;
}

type Shape = { tag: 'circle'; val: number } | { tag: 'name'; val: string } | { tag: 'nothing' };
type Result = { tag: 'ok'; val: number } | { tag: 'err'; val: string };
interface Access {
  read?: boolean;
  write?: boolean;
  run?: boolean;
}

/** `test:typed/host`. */
export const HOST = { 'test:typed/host': { shout: (text: string) => `${text.toUpperCase()}!` } };

/** Once for as many instances as there are to be. */
export function transpile(bytes: Uint8Array, isAsync = false): Promise<Transpiled> {
  return transpileBytes(bytes, { name: 'component', declarations: false, withUrl: false, isAsync });
}

export async function from<E extends object = ComponentExports>(
  { text, modules }: Transpiled,
  options: ComponentOptions = {},
): Promise<Component<E>> {
  return Component.from(await evaluate(text), { ...options, modules: Object.fromEntries(modules) });
}

let typed: Promise<Transpiled> | undefined;

export async function create(options: ComponentOptions = {}): Promise<Component<{ readonly values: Values }>> {
  typed ??= transpile(TYPED);
  return from(await typed, { imports: HOST, ...options });
}

/** What a call fails with. */
export function failureOf(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('the call did not fail');
}
