// Prints the last test run in one line: "N passed, N failed", and ", N skipped" when there are any.
//
//   node scripts/test-summary.mjs --folders     before that, the tests and seconds of each folder
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** Where `npm test` leaves vitest's report, from the project's root folder. */
export const reportFile = 'node_modules/.cache/vitest.json';

/** The counts of one vitest JSON report. A test file that fails outside its tests counts as one failure. */
export function summarise(report) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const file of report.testResults) {
    let failedHere = 0;
    for (const test of file.assertionResults) {
      if (test.status === 'passed') counts.passed++;
      else if (test.status === 'failed') failedHere++;
      else counts.skipped++;
    }
    counts.failed += failedHere === 0 && file.status === 'failed' ? 1 : failedHere;
  }
  // An error outside every file (say, an unhandled rejection) fails the run without failing a test.
  if (!report.success && counts.failed === 0) counts.failed = 1;
  return counts;
}

/** Tests and seconds by folder below test/, of which the files in it are one. The longest first. */
export function byFolder(report) {
  const folders = new Map();
  for (const { name, assertionResults, startTime, endTime } of report.testResults) {
    const [, folder] = /\/test\/(?:([^/]+)\/)?/.exec(name.replaceAll('\\', '/'));
    const sums = folders.get(folder ?? '.') ?? { tests: 0, seconds: 0 };
    sums.tests += assertionResults.length;
    sums.seconds += (endTime - startTime) / 1000;
    folders.set(folder ?? '.', sums);
  }
  return [...folders].sort(([, a], [, b]) => b.seconds - a.seconds);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  let counts;
  try {
    const report = JSON.parse(readFileSync(new URL(`../${reportFile}`, import.meta.url), 'utf8'));
    counts = summarise(report);
    if (process.argv.includes('--folders')) {
      for (const [folder, { tests, seconds }] of byFolder(report))
        console.log(`${folder.padEnd(12)} ${String(tests).padStart(6)} tests ${seconds.toFixed(0).padStart(5)} s`);
    }
  } catch {
    console.error('no report of a finished test run: run `npm test` first');
    counts = { passed: 0, failed: 1, skipped: 0 };
  }
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
  console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
  process.exitCode = counts.failed > 0 ? 1 : 0;
}
