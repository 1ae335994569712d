// A reporter of vitest's that ends its output with every skipped test by name: a count is easily overlooked.
export default class SkippedReporter {
  onInit(vitest) {
    this.vitest = vitest;
  }

  onTestRunEnd(modules) {
    // With a pattern, whatever does not match it is skipped as well.
    if (this.vitest.config.testNamePattern !== undefined) return;
    const skipped = modules.flatMap((module) =>
      [...module.children.allTests('skipped')].map((test) => `  ${module.relativeModuleId} > ${test.fullName}`),
    );
    if (skipped.length > 0) this.vitest.logger.log(`Skipped:\n${skipped.join('\n')}\n`);
  }
}
