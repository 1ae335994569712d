/** The command line of the benchmark. */

import { parseArgs } from 'node:util';
import { SIZES, type Size } from './programs.ts';

export const PARTS = [
  'programs',
  'instrument',
  'startup',
  'instances',
  'life',
  'text',
  'plugins',
  'service',
  'gas',
  'cliffs',
] as const;
/** Those that are measured only where they are named: they take long. */
const ON_REQUEST: ReadonlySet<Part> = new Set<Part>(['cliffs']);
export type Part = (typeof PARTS)[number];

export interface Options {
  readonly quick: boolean;
  readonly size: Size;
  /** Names of programs; all if undefined. */
  readonly only: readonly string[] | undefined;
  readonly parts: ReadonlySet<Part>;
  readonly peers: boolean;
  readonly json: string | undefined;
  readonly html: string | undefined;
  /** Files of two runs that are compared, in place of measuring. */
  readonly compare: readonly [before: string, after: string] | undefined;
}

export const USAGE = `npm run bench -- [options]

  --quick            about two minutes instead of seven: fewer rounds, no peers
  --only NAME,NAME   these programs only (and no other part, unless --part names it)
  --part NAME,NAME   of ${PARTS.join(', ')}; all but cliffs unless given
  --size SIZE        how much each program does: small, medium (unless given) or large, for which some need too long
  --no-peers         without the interpreters and translators of others
  --json FILE        writes everything measured
  --html FILE        writes a page with charts that needs nothing else
  --compare BEFORE AFTER
                     measures nothing: what has changed between two files that --json wrote
`;

/** Thrown for a command line that cannot be understood. */
export class UsageError extends Error {}

function names(text: string | undefined): readonly string[] | undefined {
  return text
    ?.split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** Undefined where help was asked for. @throws UsageError */
export function parseOptions(args: readonly string[]): Options | undefined {
  let values: ReturnType<typeof parse>['values'];
  let files: readonly string[];
  try {
    ({ values, positionals: files } = parse(args));
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  if (values.help) return undefined;
  const [before, after] = files;
  const isPair = before !== undefined && after !== undefined && files.length === 2;
  if (values.compare && !isPair) throw new UsageError('--compare takes two files');
  if (!values.compare && before !== undefined) throw new UsageError(`what is "${before}"?`);
  const size = SIZES.find((item) => item === values.size);
  if (size === undefined) throw new UsageError(`--size is ${SIZES.join(', ')}`);
  const only = names(values.only);
  const parts =
    names(values.part) ?? (only === undefined ? PARTS.filter((part) => !ON_REQUEST.has(part)) : ['programs']);
  const unknown = parts.find((part) => !(PARTS as readonly string[]).includes(part));
  if (unknown !== undefined) throw new UsageError(`there is no part "${unknown}"; the parts are ${PARTS.join(', ')}`);
  return {
    quick: values.quick,
    size,
    only,
    parts: new Set(parts as readonly Part[]),
    peers: !values['no-peers'] && !values.quick,
    json: values.json,
    html: values.html,
    compare: isPair ? [before, after] : undefined,
  };
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      part: { type: 'string' },
      size: { type: 'string', default: 'medium' },
      'no-peers': { type: 'boolean', default: false },
      json: { type: 'string' },
      html: { type: 'string' },
      compare: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
}
