// What a place does with the guest of scripts/moving.mjs, whichever it is: goes on with it for a while.

/** Units of gas between two looks at the clock. */
const PIECE = { interpreter: 5_000_000n, native: 200_000_000n };

/** Clocks of some places stand still while they compute. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

/**
 * @param library the package
 * @param guest what it is made of: `source`, `args`
 * @param engine which runs it
 * @param snapshot where it stands; it begins unless there is one
 * @param milliseconds after which it is left; it stays to its end unless given
 * @returns `snapshot` where it was left, or its `end`; and the units it has `used` here, in how many milliseconds it `took`
 */
export async function stay(
  { WasmSandbox },
  { source, args },
  engine,
  snapshot,
  milliseconds = Number.POSITIVE_INFINITY,
) {
  const options = { source, args, engine, leavable: engine === 'native', gasLimit: 10n ** 15n, cpuTimeout: 3_600_000 };
  const sandbox = await (snapshot === undefined ? WasmSandbox.create(options) : WasmSandbox.restore(snapshot, options));
  const before = snapshot === undefined ? 0n : sandbox.getResourceStats().gasUsed;
  const execution = snapshot === undefined ? sandbox.start('_start') : sandbox.execution;
  const begun = Date.now();
  let state;
  do {
    state = execution.step(PIECE[engine]);
    await turn();
  } while (state === 'paused' && Date.now() - begun < milliseconds);
  const { gasUsed } = sandbox.getResourceStats();
  const here = { used: String(gasUsed - before), took: Date.now() - begun };
  if (state === 'paused') return { ...here, snapshot: await sandbox.snapshot() };
  const result = String(await execution.run());
  return { ...here, end: { result, gas: String(gasUsed), output: sandbox.output().stdout } };
}
