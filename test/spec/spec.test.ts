/** The official suite on the interpreter: the files that need nothing it lacks. */

import { describe, expect, test } from 'vitest';
import { CORE_ASSERTIONS } from '../suites.ts';
import { altered } from './altered.ts';
import { compareWithKnown, deviations } from './deviations.ts';
import { SUPPORTED, selectFiles } from './features.ts';
import { createHost } from './hosts.ts';
import { nativeFeatures } from './probes.ts';
import { runScript } from './run.ts';
import { isAssertion } from './script.ts';
import { isSkipped, skips } from './skips.ts';
import { loadScript, suiteFiles } from './suite.ts';
import supported from './supported.json' with { type: 'json' };

const HOST = 'interpreter';

/** As many as a person can use. */
const SHOWN_FAILURES = 20;

describe('the official suite', () => {
  test.each(supported.files)('%s', async (file) => {
    const commands = loadScript(file);
    const host = await createHost(HOST);
    const report = runScript(commands, host, { skip: (line) => isSkipped(HOST, file, line) });
    expect(report.failed.slice(0, SHOWN_FAILURES)).toEqual([]);
    expect(report.passed + report.skipped).toBe(commands.filter(isAssertion).length);
    // Of all instances together. Nobody may change it without meaning to.
    const gas = host.gasUsed?.() ?? [];
    expect(gas.reduce((sum, used) => sum + used, 0n)).toMatchSnapshot('gas');

    // Again, interrupted at every checkpoint: nothing may come of that, nor cost anything.
    const sliced = await createHost('interpreter-sliced');
    const again = runScript(commands, sliced, { skip: (line) => isSkipped(HOST, file, line) });
    expect({ ...again, gas: sliced.gasUsed?.() }).toEqual({ ...report, gas });
    const invokes = commands.some((command) => command.kind === 'assert_return' && command.action.kind === 'invoke');
    if (invokes) expect(sliced.interruptions?.()).toBeGreaterThan(0);
  });

  // The files about what the loop without gas has other lines for; `npm run test:spec -- --host interpreter-unmetered`
  // runs all of them.
  test.each(
    supported.files.filter((file) => /^(br|call|if|loop|block|return|fac|labels|switch|unwind|start|skip-)/.test(file)),
  )('%s without metering', async (file) => {
    const report = runScript(loadScript(file), await createHost('interpreter-unmetered'));
    expect(report.failed.slice(0, SHOWN_FAILURES)).toEqual([]);
    expect(report.passed).toBeGreaterThan(0);
  });

  test('the list of files is what their modules say, and none is left out', () => {
    const scripts = suiteFiles().map((file) => [file, loadScript(file)] as const);
    expect(selectFiles(scripts, SUPPORTED)).toEqual(supported);
    expect(supported.files).toEqual(suiteFiles());
    expect(scripts.flatMap(([, commands]) => commands.filter(isAssertion))).toHaveLength(CORE_ASSERTIONS);
  });

  test('nothing is left out, nor known to fail, on the interpreter', () => {
    const own = (entry: { readonly host: string }) => entry.host.startsWith(HOST);
    expect([...skips.filter(own), ...deviations.filter(own)]).toEqual([]);
  });
});

function filesForNative(): readonly string[] {
  const scripts = suiteFiles().map((file) => [file, loadScript(file)] as const);
  return selectFiles(scripts, nativeFeatures).files;
}

// The same runner on an implementation that is not the project's: what fails there is the runner's fault.
describe("the official suite on the host's own WebAssembly", () => {
  test.each(filesForNative())('%s', async (file) => {
    const commands = loadScript(file);
    const report = runScript(commands, await createHost('native'));
    const { unknown, absent } = compareWithKnown('native', file, report.failed);
    expect([...unknown.slice(0, SHOWN_FAILURES), ...absent]).toEqual([]);
    expect(report.passed).toBe(commands.filter(isAssertion).length);

    // Wrong expectations fail: the runner does compare.
    const wrong = new Set<number>();
    const alteredCommands = commands.map((command) => {
      const other = altered(command);
      if (other) wrong.add(command.line);
      return other ?? command;
    });
    const { failed } = runScript(alteredCommands, await createHost('native'));
    const noticed = new Set(failed.map(({ line }) => line));
    expect([...wrong].filter((line) => !noticed.has(line))).toEqual([]);
  });
});
