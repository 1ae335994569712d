/**
 * The official suite as it is published. The specification's reference interpreter has made modules of the same texts: where
 * ours hold the same, spec.test.ts runs them, and here what differs is run, and everything about malformed texts, and about
 * the exceptions before release 3.0.
 * `npm run test:spec -- --text` runs all.
 */

import { expect, test } from 'vitest';
import { CORE_ASSERTIONS, isFound, SUITES, TEXT_ASSERTIONS } from '../suites.ts';
import { ByteReader, readSections, SECTION } from './byte-reader.ts';
import { compareWithKnown } from './deviations.ts';
import { createHost } from './hosts.ts';
import type { HostOptions } from './namespace-host.ts';
import { nativeFeatures } from './probes.ts';
import { runScript } from './run.ts';
import { type Command, isAssertion } from './script.ts';
import { loadScript, loadText, suiteFiles, textFiles } from './suite.ts';

const SHOWN_FAILURES = 20;

const inBinary = new Set(isFound(SUITES.core) ? suiteFiles() : []);

/** The modules of a script, those that its texts have to become. */
function modulesOf(commands: readonly Command[]): Uint8Array[] {
  return commands.flatMap((command) => {
    if (command.kind === 'define') return [command.bytes()];
    const isModule = 'failure' in command && command.failure !== 'malformed' && command.action.kind === 'compile';
    return isModule && command.action.kind === 'compile' ? [command.action.bytes()] : [];
  });
}

/** What the sections of a module hold, without their sizes, which the reference interpreter writes in five bytes each. */
function contents(bytes: Uint8Array): string {
  const sections: string[] = [];
  for (const [id, content] of readSections(bytes)) {
    if (id !== SECTION.code) {
      sections.push(`${id}:${content}`);
      continue;
    }
    const reader = new ByteReader(content);
    const bodies = Array.from({ length: reader.unsigned() }, () => reader.bytes(reader.unsigned()));
    sections.push(`${id}:${bodies.join(';')}`);
  }
  return sections.join('|');
}

function isSame(a: Uint8Array, b: Uint8Array | undefined): boolean {
  if (b === undefined) return false;
  return Buffer.compare(a, b) === 0 || contents(a) === contents(b);
}

let assertions = 0;

/** What no binary suite has: what spec.test.ts does with its files is done here. */
const OTHERS = { 'legacy-exceptions': /^legacy\//, threads: /^proposals\/threads\// } as const;

/** Needs a `spectest` with several memories, or says what is superseded. */
const NOT_NATIVE: readonly string[] = ['imports', 'memory'].map((name) => `proposals/threads/${name}`);

/** Failures of a script on an implementation that are not known; nothing but those is told. */
async function failures(file: string, commands: readonly Command[], host: string): Promise<unknown> {
  const options: HostOptions = { sharedMemory: host !== 'native' && OTHERS.threads.test(file) };
  const report = runScript(commands, await createHost(host, options));
  expect(report.passed + report.failed.length).toBe(commands.filter(isAssertion).length);
  const { unknown, absent } = compareWithKnown(host, file, report.failed);
  expect(absent).toEqual([]);
  return unknown.slice(0, SHOWN_FAILURES);
}

test.each(textFiles())('%s', async (file) => {
  const commands = loadText(file);
  assertions += commands.filter(isAssertion).length;
  const reference = inBinary.has(file) ? modulesOf(loadScript(file)) : [];
  const modules = modulesOf(commands);
  const isKnown = reference.length === modules.length && modules.every((module, i) => isSame(module, reference[i]));
  const run = isKnown ? commands.filter(({ kind }) => kind.startsWith('assert_malformed')) : commands;
  expect(await failures(file, run, 'interpreter')).toEqual([]);
});

const featureOf = (file: string) =>
  (Object.keys(OTHERS) as (keyof typeof OTHERS)[]).find((feature) => OTHERS[feature].test(file));

test.each(textFiles().filter(featureOf))('%s in every other way', async (file) => {
  const feature = featureOf(file) as keyof typeof OTHERS;
  const commands = loadText(file);
  for (const host of ['interpreter-sliced', 'interpreter-unmetered'])
    expect(await failures(file, commands, host)).toEqual([]);
  if (nativeFeatures.includes(feature) && !NOT_NATIVE.includes(file))
    expect(await failures(file, commands, 'native')).toEqual([]);
  const host = await createHost('interpreter', { sharedMemory: feature === 'threads' });
  runScript(commands, host);
  expect(host.gasUsed?.().reduce((sum, used) => sum + used, 0n)).toMatchSnapshot('gas');
});

test('no assertion is left out', () => {
  expect(assertions).toBe(TEXT_ASSERTIONS);
  expect(TEXT_ASSERTIONS).toBeGreaterThan(CORE_ASSERTIONS);
});
