/** Of gas that several draw on. */
const DRAWN = ['test/sandbox/gas-budget.test.ts', 'test/life/scheduler-budgets.test.ts'];

/** Files that hold a limit, and the tests that have to notice when they change. */
export const TARGETS = {
  tank: {
    files: ['interpreter/store/tank.ts'],
    tests: ['test/interpreter/tank.test.ts', 'test/interpreter/limits.test.ts', ...DRAWN],
  },
  budgets: {
    files: ['wasm/budget.ts', 'instrument/growth.ts', 'interpreter/store/memory.ts', 'interpreter/store/table.ts'],
    tests: [
      'test/wasm/budget.test.ts',
      'test/interpreter/memory.test.ts',
      'test/interpreter/table.test.ts',
      'test/instrument/growth.test.ts',
      'test/webassembly/native.test.ts',
      'test/webassembly/together.test.ts',
      'test/sandbox/share.test.ts',
      'test/threads/limits.test.ts',
      'test/threads/sharing.test.ts',
      'test/threads/native.test.ts',
    ],
  },
  plan: {
    files: ['wasm/plan.ts', 'wasm/reachable.ts'],
    tests: ['test/wasm/plan.test.ts', 'test/wasm/reachable.test.ts'],
  },
  gas: { files: ['wasm/gas.ts'], tests: ['test/wasm/plan.test.ts', 'test/docs/gas.test.ts'] },
  meter: {
    files: ['instrument/meter.ts'],
    tests: ['test/instrument/meter.test.ts', 'test/instrument/growth.test.ts', ...DRAWN],
  },
  decide: {
    files: ['policy/decide.ts'],
    tests: ['test/policy/decide.test.ts', 'test/policy/net/address.test.ts'],
  },
  gate: { files: ['policy/gate.ts'], tests: ['test/policy/gate.test.ts', 'test/policy/host.test.ts'] },
  paths: {
    files: ['policy/wasi/paths.ts', 'policy/fs/path.ts'],
    tests: ['test/policy/fs/walk.test.ts', 'test/policy/wasi-paths.test.ts', 'test/policy/wasi-files.test.ts'],
  },
  wire: { files: ['wasm/wire.ts'], tests: ['test/wasm/wire.test.ts'] },
  container: {
    files: ['src/snapshot/container.ts'],
    tests: ['test/life/container.test.ts', 'test/life/key.test.ts'],
  },
  references: {
    files: ['references', 'read-references', 'stack', 'install-stack', 'places'].map(
      (name) => `interpreter/snapshot/${name}.ts`,
    ),
    tests: ['references', 'stack', 'places'].map((name) => `test/forgery/${name}.test.ts`),
  },
  pool: {
    files: ['src/pool/pool.ts'],
    tests: ['test/pool/pool.test.ts', 'test/pool/ends.test.ts', 'test/sandbox/program.test.ts'],
  },
  key: { files: ['src/cache/key.ts'], tests: ['test/cache/parts.test.ts'] },
};
