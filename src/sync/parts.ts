/** What can be waited for elsewhere, loaded. */

import * as laterLoweringPart from '../../interpreter/code/lower-later.ts';
import * as tracingPart from '../../interpreter/gc/trace.ts';
import {
  catching,
  constantObjects,
  laterLowering,
  linking,
  objects,
  threadImages,
  threads,
  tracing,
  vectors,
} from '../../interpreter/index.ts';
import * as catchingPart from '../../interpreter/machine/catching.ts';
import * as linkingPart from '../../interpreter/machine/linked.ts';
import * as objectsPart from '../../interpreter/machine/system-objects.ts';
import * as threadsPart from '../../interpreter/machine/threads-part.ts';
import * as vectorsPart from '../../interpreter/machine/vectors-part.ts';
import * as threadImagesPart from '../../interpreter/snapshot/threads.ts';
import * as constantObjectsPart from '../../interpreter/store/constant-objects.ts';
import * as hosts from '../../policy/host.ts';
import * as network from '../../policy/net/functions.ts';
import { hostFunctions, http, wasi } from '../../policy/parts.ts';
import * as system from '../../policy/wasi/program.ts';
import { provideDecoder } from '../../wasm/decode.ts';
import { linkedLoading } from '../cache/load.ts';
import * as linkedLoadingPart from '../cache/load-linked.ts';
import { native } from '../engines/choose.ts';
import * as nativePart from '../engines/native.ts';

export function provideInterpreter(): void {
  provideDecoder();
  vectors.provide(vectorsPart);
  objects.provide(objectsPart);
  catching.provide(catchingPart);
  tracing.provide(tracingPart);
  constantObjects.provide(constantObjectsPart);
  laterLowering.provide(laterLoweringPart);
  threads.provide(threadsPart);
  threadImages.provide(threadImagesPart);
  linking.provide(linkingPart);
  linkedLoading.provide(linkedLoadingPart);
}

export function provideHostFunctions(): void {
  hostFunctions.provide(hosts);
  wasi.provide(system);
  http.provide(network);
}

export function provideNative(): void {
  native.provide(nativePart);
}
