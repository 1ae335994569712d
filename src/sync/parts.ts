/** What can be waited for elsewhere, loaded. */

import { vectors } from '../../interpreter/index.ts';
import * as vectorPart from '../../interpreter/machine/vector-part.ts';
import * as network from '../../policy/net/functions.ts';
import { http, wasi } from '../../policy/parts.ts';
import * as system from '../../policy/wasi/program.ts';
import { native } from '../engines/choose.ts';
import * as nativePart from '../engines/native.ts';

export function provideVectors(): void {
  vectors.provide(vectorPart);
}

export function provideHostFunctions(): void {
  wasi.provide(system);
  http.provide(network);
}

export function provideNative(): void {
  native.provide(nativePart);
}
