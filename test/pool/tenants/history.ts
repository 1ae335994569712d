/** What a random history of tenants is: plain data, of which every tenant's own part can be taken out. */

import fc from 'fast-check';
import type { EngineName } from '../../../src/index.ts';

/** A call of one of the guest's exports. */
export interface Call {
  readonly name: string;
  readonly args: readonly number[];
}

/** What a tenant does with its sandbox, and what it still does once it has given it back (`late`). */
export type Action =
  | { readonly do: 'call'; readonly call: Call; readonly how: 'plain' | 'audited' | 'batch' | 'signal' }
  | { readonly do: 'probe' }
  | { readonly do: 'program' }
  /** The promise that has been waited for longest comes, or is rejected. */
  | { readonly do: 'answer'; readonly fails: boolean }
  | { readonly do: 'abort' }
  | { readonly do: 'start'; readonly call: Call; readonly gas: number }
  | { readonly do: 'step'; readonly which: number; readonly gas: number }
  | { readonly do: 'run' | 'cancel' | 'pause'; readonly which: number }
  | { readonly do: 'schedule'; readonly call: Call; readonly weight: number }
  | { readonly do: 'grant'; readonly gas: number }
  | { readonly do: 'fork'; readonly call: Call }
  | { readonly do: 'snapshot' | 'recording' | 'reset' | 'dispose' }
  | {
      readonly do: 'leave';
      /** Whether the sandbox is disposed of before. */
      readonly disposes: boolean;
      /** Whether others go on before it has been reset. */
      readonly hurries: boolean;
      /** Whether the next one waits for it already. */
      readonly queued: boolean;
      /** Whether it cannot be reset. */
      readonly fails: boolean;
    }
  | { readonly do: 'late'; readonly what: Late; readonly which: number };

/** What is tried with what was kept. */
type Late = 'answer' | 'reject' | 'executions' | 'sandbox' | 'forks' | 'abort' | 'release' | 'grant';

/** The scheduler runs whatever can run, of all tenants, and ends what belongs to those that have left. */
interface Pump {
  readonly do: 'pump';
}

interface Step {
  /** Tenants of one slot come one after another. */
  readonly slot: number;
  readonly action: Action | Pump;
}

/** What the sandboxes are made of. */
export interface Ground {
  readonly engine: EngineName;
  readonly slots: number;
  /** Sandboxes beyond those that are in use at once. */
  readonly spare: number;
  readonly min: number;
  readonly made: 'options' | 'builder' | 'function';
  readonly healthCheck: boolean;
  readonly stdin: 'bytes' | 'function';
  readonly stderr: 'captured' | 'function';
  readonly traps: boolean;
  readonly audits: boolean;
  readonly records: boolean;
  readonly gasLimit: number;
  readonly slice: number;
}

export interface History {
  readonly ground: Ground;
  readonly steps: readonly Step[];
}

/** A step, and whose it is. */
export interface Turn {
  /** One; all that have come so far, for the scheduler's. */
  readonly tenants: readonly number[];
  readonly action: Action | Pump;
}

/** Numbers of tenants have to fit where the host functions look for them. */
export const MOST_TENANTS = 32;

const LEAVE: Action = { do: 'leave', disposes: false, hurries: false, queued: false, fails: false };

/** Gives every step to a tenant, and lets a last one come to every slot, which looks at everything. */
export function turnsOf({ ground: { slots, records }, steps }: History): Turn[] {
  const turns: Turn[] = [];
  const present = new Map<number, number>();
  const gone: number[][] = Array.from({ length: slots }, () => []);
  let next = 0;
  const add = (slot: number, action: Action): void => {
    const found = present.get(slot);
    if (found === undefined && next === MOST_TENANTS) return;
    const tenant = found ?? next++;
    present.set(slot, tenant);
    // What was recorded is looked at in the end, as it is of all that was done.
    if (records && action.do === 'leave') turns.push({ tenants: [tenant], action: { do: 'recording' } });
    turns.push({ tenants: [tenant], action });
    if (action.do !== 'leave') return;
    present.delete(slot);
    gone[slot]?.push(tenant);
  };
  for (const step of steps) {
    const slot = step.slot % slots;
    const { action } = step;
    if (action.do === 'pump') turns.push({ tenants: Array.from({ length: next }, (_, tenant) => tenant), action });
    else if (action.do === 'late') {
      const before = gone[slot] ?? [];
      const tenant = before[action.which % before.length];
      if (tenant !== undefined) turns.push({ tenants: [tenant], action });
    } else if (action.do !== 'leave' || present.has(slot)) add(slot, action);
  }
  for (let slot = 0; slot < slots; slot++) {
    if (present.has(slot)) add(slot, LEAVE);
    add(slot, { do: 'probe' });
    if (records) add(slot, { do: 'recording' });
  }
  return turns;
}

const one = <const T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const name = fc.nat(6);
const descriptor = one(0, 1, 2, 3, 4, 4, 4, 5, 5, 6, 9);
const place = one(0, 256, 300, 1_024, 4_096, 8_192, 60_000, 65_535, 131_000);
const element = fc.nat(5);
const much = one(0, 1, 5, 100, 3_000, 70_000);
/** See `Tenant.act`; those that end the tenant's time are rare. */
const what = fc.oneof({ weight: 12, arbitrary: fc.nat(8) }, { weight: 3, arbitrary: fc.integer({ min: 9, max: 16 }) });
const mode = one(0, 1, 1, 2);

/** Exports of the guest, and what they can be called with. */
const CALLS: Readonly<Record<string, readonly fc.Arbitrary<number>[]>> = {
  host: [what, much],
  hosts: [what, what, much],
  hold: [element],
  growObjects: [fc.nat(2)],
  look: [element],
  report: [mode, one(4, 10, 300)],
  input: [mode],
  exit: [fc.nat(3)],
  trap: [],
  spin: [one(1, 100, 3_000, 100_000)],
  deep: [one(0, 20, 100_000)],
  load: [place],
  store: [place, fc.integer()],
  fill: [place, fc.nat(255), one(1, 64, 5_000)],
  grow: [one(0, 1, 3, 20)],
  copyData: [place],
  dropData: [],
  copyElements: [element],
  dropElements: [],
  setElement: [element],
  growTable: [one(0, 1, 3, 20)],
  callElement: [element],
  setGlobals: [fc.nat(), fc.nat()],
  strings: [],
  random: [one(1, 8, 30)],
  clock: [fc.nat(2)],
  wait: [one(0, 5, 1_000_000)],
  write: [descriptor, one(0, 5, 300)],
  read: [descriptor, mode],
  close: [descriptor],
  renumber: [descriptor, descriptor],
  seek: [descriptor, fc.integer({ min: -3, max: 20 }), fc.nat(2)],
  list: [one(3, 3, 4), fc.nat(4), one(10, 30, 200)],
  describe: [descriptor],
  limit: [descriptor, one(0, 2, 64, 0x1fff_ffff)],
  resize: [descriptor, one(0, 3, 100, 5_000)],
  open: [name, one(0, 1, 1, 2, 9, 13), fc.nat(1)],
  stat: [name],
  unlink: [name],
  mkdir: [name],
  rmdir: [name],
  rename: [name, name],
  request: [one(0, 0, 1)],
  forget: [fc.nat(3)],
};

const weights: Readonly<Record<string, number>> = {
  host: 14,
  hosts: 8,
  open: 4,
  write: 4,
  read: 3,
  input: 7,
  report: 3,
};

const call: fc.Arbitrary<Call> = fc.oneof(
  ...Object.entries(CALLS).map(([name, args]) => ({
    weight: weights[name] ?? 1,
    arbitrary: fc.tuple(...args).map((values) => ({ name, args: values })),
  })),
);

/** For executions, more often one that has to wait, or charges. */
const execution: fc.Arbitrary<Call> = fc.oneof(
  call,
  fc.tuple(one(1, 1, 2, 5, 8), much).map((args) => ({ name: 'host', args })),
);

const gas = one(0, 30, 300, 2_000, 50_000);
const which = fc.nat(3);
const rarely = fc.nat(5).map((n) => n === 5);

function action<D extends Action['do'], R extends object>(
  name: D,
  rest: { readonly [K in keyof R]: fc.Arbitrary<R[K]> },
): fc.Arbitrary<{ readonly do: D } & R> {
  return fc.record({ do: fc.constant(name), ...rest } as never) as fc.Arbitrary<{ readonly do: D } & R>;
}

const anyAction: fc.Arbitrary<Action | Pump> = fc.oneof(
  {
    weight: 30,
    arbitrary: action('call', { call, how: one('plain', 'plain', 'plain', 'audited', 'batch', 'signal') }),
  },
  { weight: 3, arbitrary: action('probe', {}) },
  { weight: 1, arbitrary: action('program', {}) },
  { weight: 7, arbitrary: action('answer', { fails: rarely }) },
  { weight: 1, arbitrary: action('abort', {}) },
  { weight: 4, arbitrary: action('start', { call: execution, gas }) },
  { weight: 3, arbitrary: action('step', { which, gas }) },
  { weight: 2, arbitrary: action('run', { which }) },
  { weight: 1, arbitrary: action('cancel', { which }) },
  { weight: 1, arbitrary: action('pause', { which }) },
  { weight: 7, arbitrary: action('schedule', { call: execution, weight: one(1, 2, 7) }) },
  { weight: 2, arbitrary: action('grant', { gas }) },
  { weight: 6, arbitrary: fc.constant({ do: 'pump' as const }) },
  { weight: 1, arbitrary: action('fork', { call }) },
  { weight: 1, arbitrary: action('snapshot', {}) },
  { weight: 1, arbitrary: action('recording', {}) },
  { weight: 1, arbitrary: action('reset', {}) },
  { weight: 1, arbitrary: action('dispose', {}) },
  {
    weight: 9,
    arbitrary: action('leave', { disposes: rarely, hurries: fc.boolean(), queued: fc.boolean(), fails: rarely }),
  },
  {
    weight: 9,
    arbitrary: action('late', {
      what: one<Late>(
        'answer',
        'answer',
        'answer',
        'reject',
        'executions',
        'sandbox',
        'forks',
        'abort',
        'release',
        'grant',
      ),
      which: fc.nat(9),
    }),
  },
);

/** What somebody has waited for comes when another has the sandbox: seldom by chance alone. */
const handover: fc.Arbitrary<readonly (Action | Pump)[]> = fc
  .tuple(
    fc.oneof(
      fc.tuple(one(1, 5, 15), much).map((args): Call => ({ name: 'host', args })),
      fc.constantFrom<Call>({ name: 'input', args: [1] }, { name: 'report', args: [1, 10] }),
    ),
    call,
    action('late', { what: one<Late>('answer', 'answer', 'reject', 'executions'), which: fc.nat(9) }),
    one({ do: 'probe' }, { do: 'call', call: { name: 'input', args: [0] }, how: 'plain' }),
  )
  .map(([waits, between, late, after]) => [
    { do: 'call', call: waits, how: 'plain' },
    LEAVE,
    { do: 'call', call: between, how: 'plain' },
    late,
    after,
  ]);

const actions: fc.Arbitrary<readonly (Action | Pump)[]> = fc.oneof(
  { weight: 24, arbitrary: anyAction.map((single) => [single]) },
  { weight: 1, arbitrary: handover },
);

export function anyHistory(engines: readonly EngineName[]): fc.Arbitrary<History> {
  return fc.record({
    ground: fc.record({
      engine: one(...engines),
      slots: one(1, 1, 2, 3),
      spare: one(0, 0, 1),
      min: fc.nat(1),
      made: one('options', 'builder', 'function'),
      healthCheck: rarely,
      stdin: one('bytes', 'function'),
      stderr: one('captured', 'function'),
      traps: fc.boolean(),
      audits: fc.boolean(),
      records: rarely,
      gasLimit: one(60_000, 400_000),
      slice: one(200, 5_000),
    }),
    steps: fc
      .array(fc.record({ slot: fc.nat(2), actions }), { maxLength: 36, size: 'max' })
      .map((all) => all.flatMap(({ slot, actions }) => actions.map((action) => ({ slot, action })))),
  });
}
