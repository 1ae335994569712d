/** What tests ask of a call or a sandbox: each question once, for every test runner. */

import { DENIALS, FILE_LIMIT_DENIAL, NETWORK_LIMIT_DENIAL, OUTPUT_DENIAL } from '../../policy/denials.ts';
import type { AuditEvent, PolicyRequest } from '../../policy/index.ts';
import { type GasExhausted, type GasScope, TRAPS, type Trap, type TrapKind, UsageError } from '../../wasm/errors.ts';
import { describe, messageOf } from '../../wasm/quote.ts';
import { gas, record, refuse, text } from '../checks/check.ts';
import { suggest } from '../checks/similar.ts';
import { type Figures, type Outcome, type Seen, see } from './subject.ts';

/** Units of gas: exactly so many, or from the first to the second, or as the object says; bounds are included. */
export type GasRange =
  | bigint
  | number
  | readonly [min: bigint | number, max: bigint | number]
  | { readonly min?: bigint | number | undefined; readonly max?: bigint | number | undefined };

/** What a policy decides upon, as the audit's `request.kind` has it: `'network'`, `'filesystem'`, `'environment'`. */
export type DeniedCapability = PolicyRequest['kind'];

/** What came of a check. */
export interface Verdict {
  readonly pass: boolean;
  /** What was expected and what happened, for whoever expected the opposite of `pass`. */
  readonly message: () => string;
  readonly actual?: unknown;
  readonly expected?: unknown;
}

/** Of a subject, and the sandbox whose figures count while a function runs, if it is known. */
type Check<Expected extends readonly unknown[]> = (
  subject: unknown,
  around: Figures | undefined,
  ...expected: Expected
) => Verdict | Promise<Verdict>;

/** @throws UsageError for what cannot be asked of the subject; what a call throws that is no failure of its guest */
export const CHECKS = {
  trap: ((subject, around, kind) => {
    return judge(see(subject, around), (seen) => {
      if (kind !== undefined) requireOneOf('kind of trap', kind, Object.keys(TRAPS));
      const wanted = kind === undefined ? 'a trap' : `the trap '${kind}'`;
      const error = errorIn(outcomeOf(seen, 'a trap'));
      const actual = error?.code === 'TRAP' ? (error as Trap).kind : undefined;
      const pass = actual !== undefined && (kind === undefined || actual === kind);
      return { pass, wanted, happened: told(seen), actual, expected: kind };
    });
  }) satisfies Check<[kind?: TrapKind]>,

  outOfGas: ((subject, around, scope) => {
    return judge(see(subject, around), (seen) => {
      if (scope !== undefined) requireOneOf('scope of gas', scope, ['sandbox', 'call', 'budget'] satisfies GasScope[]);
      const wanted = scope === undefined ? 'the gas to run out' : `the gas of the ${scope} to run out`;
      const error = errorIn(outcomeOf(seen, 'the end of its gas'));
      const actual = error?.code === 'GAS_EXHAUSTED' ? (error as GasExhausted).scope : undefined;
      const pass = actual !== undefined && (scope === undefined || actual === scope);
      return { pass, wanted, happened: told(seen), actual, expected: scope };
    });
  }) satisfies Check<[scope?: GasScope]>,

  gas: ((subject, around, range) => {
    return judge(see(subject, around), (seen) => {
      const { min, max } = boundsOf(range);
      const { gasUsed } = seen;
      if (gasUsed === undefined) {
        throw new UsageError(
          'how much gas the call has used cannot be known of its result: pass an execution, sandbox.start(name, args), or the sandbox for all of its calls',
        );
      }
      const pass = gasUsed >= min && (max === undefined || gasUsed <= max);
      return { pass, wanted: unitsIn(min, max), happened: told(seen), actual: gasUsed, expected: range };
    });
  }) satisfies Check<[range: GasRange]>,

  denied: ((subject, around, capability) => {
    return judge(see(subject, around), (seen) => {
      if (capability !== undefined) text('the capability', capability);
      const wanted =
        capability === undefined ? 'a refusal by the policy' : `'${capability}' to be refused by the policy`;
      const refused = refusalsIn(seen);
      const kinds = [...new Set(refused.map(({ kind }) => kind))];
      const pass = capability === undefined ? kinds.length > 0 : kinds.includes(capability);
      const others = refused.slice(0, SHOWN).map(({ what }) => what);
      const happened = others.length === 0 ? `nothing was refused; ${told(seen)}` : `refused was ${others.join(', ')}`;
      return { pass, wanted, happened, actual: kinds, expected: capability };
    });
  }) satisfies Check<[capability?: DeniedCapability]>,
};

/** Refusals that a message names. */
const SHOWN = 3;

interface Finding extends Pick<Verdict, 'pass' | 'actual' | 'expected'> {
  readonly wanted: string;
  readonly happened: string;
}

/** What is expected is looked at when the call has ended: a mistake there leaves no promise that nobody waits for. */
function judge(seen: Seen | Promise<Seen>, find: (seen: Seen) => Finding): Verdict | Promise<Verdict> {
  return seen instanceof Promise ? seen.then((later) => verdict(find(later))) : verdict(find(seen));
}

export function verdict({ pass, wanted, happened, actual, expected }: Finding): Verdict {
  return { pass, message: () => `expected ${pass ? 'anything but ' : ''}${wanted}, but ${happened}`, actual, expected };
}

function outcomeOf({ outcome }: Seen, of: string): Outcome {
  if (outcome !== undefined) return outcome;
  throw new UsageError(`a call was expected, which ${of} can be the end of, not a sandbox`);
}

const errorIn = (outcome: Outcome) => ('error' in outcome ? outcome.error : undefined);

/** How it ended, in words. */
function told({ outcome, gasUsed }: Seen): string {
  const used = gasUsed === undefined ? undefined : `${gasUsed} units of gas`;
  if (outcome === undefined) return `it has used ${used}`;
  const { error } = outcome as { error?: Error };
  const end =
    error === undefined ? `it returned ${shown(outcome)}` : `it failed with ${error.name}: ${messageOf(error)}`;
  return used === undefined ? end : `${end}, having used ${used}`;
}

function shown(outcome: Outcome): string {
  const { value } = outcome as { value: unknown };
  return value === undefined ? 'nothing' : describe(value);
}

/** @throws UsageError */
function boundsOf(range: unknown): { readonly min: bigint; readonly max: bigint | undefined } {
  const what = 'the gas expected';
  if (typeof range === 'bigint' || typeof range === 'number') return { min: gas(what, range), max: gas(what, range) };
  if (Array.isArray(range)) {
    if (range.length !== 2) refuse(what, 'a count, [min, max] or { min, max }', range);
    return ordered(gas(what, range[0]), gas(what, range[1]));
  }
  const { min, max, ...others } = record(what, range);
  const [other] = Object.keys(others);
  if (other !== undefined || (min === undefined && max === undefined)) {
    refuse(what, 'a count, [min, max] or { min, max }', range);
  }
  return ordered(min === undefined ? 0n : gas(what, min), max === undefined ? undefined : gas(what, max));
}

function ordered(min: bigint, max: bigint | undefined) {
  if (max !== undefined && max < min) throw new UsageError(`no gas is from ${min} to ${max}: the first is the larger`);
  return { min, max };
}

function unitsIn(min: bigint, max: bigint | undefined): string {
  if (max === undefined) return `at least ${min} units of gas to be used`;
  return min === max ? `${min} units of gas to be used` : `${min} to ${max} units of gas to be used`;
}

interface Refused {
  readonly kind: string;
  readonly what: string;
}

function refusalsIn({ violations = [], outcome }: Seen): Refused[] {
  const recorded = violations.map(({ request: { kind }, ...event }) => ({ kind, what: refusal(kind, event) }));
  const error = outcome === undefined ? undefined : errorIn(outcome);
  if (error?.code !== 'SECURITY' || recorded.length > 0) return recorded;
  const kind = ENDINGS.find(([beginning]) => error.message.startsWith(beginning))?.[1] ?? 'unknown';
  return [{ kind, what: `'${kind}' (${messageOf(error)})` }];
}

function refusal(kind: string, { function: name, reason }: Pick<AuditEvent, 'function' | 'reason'>): string {
  return `'${kind}' (${describe(name).slice(1, -1)}: ${reason})`;
}

/** How the error begins that ends a call for a refusal, by what is refused. */
const ENDINGS: readonly (readonly [beginning: string, kind: DeniedCapability])[] = [
  ...Object.entries(DENIALS).map(([kind, beginning]) => [beginning, kind as DeniedCapability] as const),
  [NETWORK_LIMIT_DENIAL, 'network'],
  [FILE_LIMIT_DENIAL, 'filesystem'],
  [OUTPUT_DENIAL, 'stdio'],
];

function requireOneOf(what: string, value: unknown, names: readonly string[]): void {
  const name = text(`the ${what}`, value);
  if (!names.includes(name))
    throw new UsageError(`there is no ${what} ${describe(name)}; ${suggest(name, names, 'there are')}`);
}
