/** What every test file begins with. */

import { afterEach, beforeEach, expect } from 'vitest';
import { snapshots } from '../interpreter/index.ts';
import * as restoring from '../interpreter/snapshot/install.ts';
import { provideNode } from '../src/node.node.ts';
import { provideHostFunctions, provideNative, provideVectors } from '../src/sync/parts.ts';
import * as watchdog from './watchdog.ts';

// What entries do: most tests are of parts, and begin below them. test/sandbox/parts.test.ts is of what entries load.
provideVectors();
snapshots.provide(restoring);
provideHostFunctions();
provideNative();
provideNode();

beforeEach(({ task }) => watchdog.begin(`${task.file.name} > ${task.name}`));
afterEach(() => watchdog.end());

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) => new Uint8Array(buffer, byteOffset, byteLength);

// Element by element, as vitest compares typed arrays, takes a hundred times as long.
expect.addEqualityTesters([
  (a, b) => {
    if (!ArrayBuffer.isView(a) || !ArrayBuffer.isView(b)) return undefined;
    if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return undefined;
    return Buffer.compare(bytesOf(a), bytesOf(b)) === 0 ? true : undefined;
  },
]);
