/** What every test file begins with. */

import { afterEach, beforeEach, expect } from 'vitest';
import './parts.ts';
import * as watchdog from './watchdog.ts';

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
