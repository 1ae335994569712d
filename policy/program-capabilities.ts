/** What a sandbox's own options grant, as policies do: standard streams and the environment. */

import type { EnvironmentCapability, StdioCapability, StdioOptions } from './capability.ts';
import { checkArray, checkCString, checkOptions, refuse, show } from './check.ts';
import { make } from './made.ts';
import { STREAMS, type StreamName, toInput, toOutput } from './stdio.ts';

export function stdio(options: StdioOptions): StdioCapability {
  checkOptions('Capability.stdio', options, [...STREAMS, 'terminals']);
  const { stdin, stdout, stderr, terminals } = options;
  const what = (stream: string) => `Capability.stdio: ${stream}`;
  return make({
    kind: 'stdio',
    stdin: stdin === undefined ? undefined : toInput(what('stdin'), stdin),
    stdout: stdout === undefined ? undefined : toOutput(what('stdout'), stdout),
    stderr: stderr === undefined ? undefined : toOutput(what('stderr'), stderr),
    terminals: terminals === undefined ? undefined : checkArray(what('terminals'), terminals).map(checkStream),
  });
}

const checkStream = (name: unknown): StreamName =>
  STREAMS.find((stream) => stream === name) ?? refuse('Capability.stdio: terminals', STREAMS.join(', '), name);

export function environmentAccess(
  variables: 'all' | readonly string[] | Readonly<Record<string, string>>,
): EnvironmentCapability {
  if (variables === 'all') return make({ kind: 'environment', names: 'all', values: Object.freeze([]) });
  if (isList(variables)) {
    const names = Object.freeze(variables.map(checkVariableName));
    return make({ kind: 'environment', names, values: Object.freeze([]) });
  }
  if (typeof variables !== 'object' || variables === null) {
    refuse('Capability.environmentAccess', "'all', an array of names or an object of values", variables);
  }
  const values = Object.entries(variables).map(([name, value]) =>
    Object.freeze([checkVariableName(name), checkCString(`environment variable ${show(name)}`, value)] as const),
  );
  return make({ kind: 'environment', names: Object.freeze([]), values: Object.freeze(values) });
}

function isList<T>(value: readonly T[] | object): value is readonly T[] {
  return Array.isArray(value);
}

function checkVariableName(name: unknown): string {
  const text = checkCString('the name of an environment variable', name);
  if (text === '' || text.includes('=')) refuse('the name of an environment variable', 'without =, not empty', name);
  return text;
}
