/** The official suite on the interpreter: the files that need nothing it lacks. */

import { describe, expect, test } from 'vitest';
import { SUPPORTED, selectFiles } from './features.ts';
import { createHost } from './hosts.ts';
import { runScript } from './run.ts';
import { isAssertion } from './script.ts';
import { isSkipped } from './skips.ts';
import { loadScript, suiteFiles, suiteFound, suiteMissing } from './suite.ts';
import supported from './supported.json' with { type: 'json' };

const HOST = 'interpreter';

/** As many as a person can use. */
const SHOWN_FAILURES = 20;

if (!suiteFound) console.warn(suiteMissing);

describe.skipIf(!suiteFound)('the official suite', () => {
  test.each(supported.files)('%s', async (file) => {
    const commands = loadScript(file);
    const report = runScript(commands, await createHost(HOST), { skip: (line) => isSkipped(HOST, file, line) });
    expect(report.failed.slice(0, SHOWN_FAILURES)).toEqual([]);
    expect(report.passed + report.skipped).toBe(commands.filter(isAssertion).length);
  });

  test('the list of files is what their modules say', () => {
    const scripts = suiteFiles().map((file) => [file, loadScript(file)] as const);
    expect(selectFiles(scripts, SUPPORTED)).toEqual(supported);
  });
});

/** A global whose initial value is a sum: Node 20 does not take it. */
const EXTENDED_CONST = Uint8Array.of(
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 6, 9, 1, 0x7f, 0, 0x41, 1, 0x41, 1, 0x6a, 0x0b],
);
const nativeFeatures = SUPPORTED.filter(
  (feature) => feature !== 'extended-const' || WebAssembly.validate(EXTENDED_CONST),
);

// The same runner on an implementation that is not the project's: what fails there is the runner's fault.
describe.skipIf(!suiteFound)("the official suite on the host's own WebAssembly", () => {
  test.each(supported.files)('%s', async (file) => {
    const commands = loadScript(file);
    if (selectFiles([[file, commands]], nativeFeatures).files.length === 0) return;
    const report = runScript(commands, await createHost('native'));
    expect(report.failed.slice(0, SHOWN_FAILURES)).toEqual([]);
    expect(report.passed).toBe(commands.filter(isAssertion).length);
  });
});
