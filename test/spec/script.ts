/** A script of the official suite as typed commands. The forms are those the binary scripts use. */

import type { FailureKind } from './host.ts';
import { form, readPattern, readValue } from './literals.ts';
import type { Sexpr } from './sexpr.ts';
import { failAt, readSexprs } from './sexpr.ts';
import type { Pattern, SpecValue } from './values.ts';

/** Something that can be tried, and that gives values or fails. Without a name, the latest one is meant. */
export type Action =
  | {
      readonly kind: 'invoke';
      readonly instance: string | undefined;
      readonly field: string;
      readonly args: readonly SpecValue[];
    }
  | { readonly kind: 'get'; readonly instance: string | undefined; readonly field: string }
  | { readonly kind: 'instantiate'; readonly name: string | undefined; readonly module: string | undefined }
  | { readonly kind: 'compile'; readonly bytes: Uint8Array };

/** The assertions that something fails, and how. */
const FAILURES = {
  assert_invalid: 'compile',
  assert_malformed: 'compile',
  assert_unlinkable: 'link',
  assert_trap: 'trap',
  assert_exhaustion: 'exhaustion',
  assert_exception: 'exception',
} as const satisfies Record<string, FailureKind>;

export type FailureForm = keyof typeof FAILURES;

type CommandBody =
  | { readonly kind: 'define'; readonly name: string | undefined; readonly bytes: Uint8Array }
  | { readonly kind: 'register'; readonly as: string; readonly instance: string | undefined }
  | { readonly kind: 'perform'; readonly action: Action }
  | { readonly kind: 'assert_return'; readonly action: Action; readonly expected: readonly Pattern[] }
  | {
      readonly kind: FailureForm;
      readonly action: Action;
      readonly failure: FailureKind;
      /** The reference interpreter's wording, for people only. */
      readonly message: string;
    };

/** `line` is where the command begins, from 1. */
export type Command = CommandBody & { readonly line: number };

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function readName(node: Sexpr | undefined, parent: Sexpr): string {
  return node?.kind === 'string' ? decoder.decode(node.bytes) : failAt(node ?? parent, 'expected a string');
}

/** Takes the `$name` in front of `items` away, when there is one. */
function takeVariable(items: Sexpr[]): string | undefined {
  const first = items[0];
  if (first?.kind !== 'atom' || !first.text.startsWith('$')) return undefined;
  items.shift();
  return first.text;
}

function takeWord(items: Sexpr[], word: string): boolean {
  const first = items[0];
  if (first?.kind !== 'atom' || first.text !== word) return false;
  items.shift();
  return true;
}

function readBinary(items: readonly Sexpr[], parent: Sexpr): Uint8Array {
  const chunks = items.map((item) => (item.kind === 'string' ? item.bytes : failAt(parent, 'expected a string')));
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** `(module …)`: a definition, an instance, or both at once. */
function readModule(node: Sexpr): CommandBody[] {
  const items = form(node).list.items.slice(1);
  if (takeWord(items, 'instance')) return [{ kind: 'perform', action: readInstance(items, node) }];
  const definition = takeWord(items, 'definition');
  const name = takeVariable(items);
  if (!takeWord(items, 'binary')) failAt(node, 'only binary modules are known');
  const define: CommandBody = { kind: 'define', name, bytes: readBinary(items, node) };
  if (definition) return [define];
  return [define, { kind: 'perform', action: { kind: 'instantiate', name, module: undefined } }];
}

function readInstance(items: Sexpr[], parent: Sexpr): Action {
  const name = takeVariable(items);
  const module = takeVariable(items);
  if (items.length > 0) failAt(parent, 'unexpected word in an instance');
  return { kind: 'instantiate', name, module };
}

function readAction(node: Sexpr | undefined, parent: Sexpr): Action {
  if (!node) failAt(parent, 'expected an action');
  const { list, head } = form(node);
  const items = list.items.slice(1);
  switch (head) {
    case 'invoke': {
      const instance = takeVariable(items);
      return { kind: 'invoke', instance, field: readName(items[0], node), args: items.slice(1).map(readValue) };
    }
    case 'get': {
      const instance = takeVariable(items);
      return { kind: 'get', instance, field: readName(items[0], node) };
    }
    case 'module':
      if (takeWord(items, 'instance')) return readInstance(items, node);
      takeVariable(items);
      if (!takeWord(items, 'binary')) failAt(node, 'only binary modules are known');
      return { kind: 'compile', bytes: readBinary(items, node) };
    default:
      return failAt(node, `unknown action ${head}`);
  }
}

function isFailureForm(head: string): head is FailureForm {
  return Object.hasOwn(FAILURES, head);
}

function readCommand(node: Sexpr): CommandBody[] {
  const { list, head } = form(node);
  const items = list.items.slice(1);
  switch (head) {
    case 'module':
      return readModule(node);
    case 'register':
      return [{ kind: 'register', as: readName(items.shift(), node), instance: takeVariable(items) }];
    case 'invoke':
    case 'get':
      return [{ kind: 'perform', action: readAction(node, node) }];
    case 'assert_return':
      return [{ kind: 'assert_return', action: readAction(items[0], node), expected: items.slice(1).map(readPattern) }];
    default: {
      if (!isFailureForm(head)) return failAt(node, `unknown command ${head}`);
      const message = items[1] === undefined ? '' : readName(items[1], node);
      return [{ kind: head, action: readAction(items[0], node), failure: FAILURES[head], message }];
    }
  }
}

/**
 * The commands of a script, in order.
 * @throws Error with the line, at anything the suite's binary scripts do not contain.
 */
export function parseScript(source: string): readonly Command[] {
  return readSexprs(source).flatMap((node) => readCommand(node).map((body) => ({ ...body, line: node.line })));
}

/** Whether a command counts as one of the suite's assertions. */
export function isAssertion(command: Command): boolean {
  return command.kind.startsWith('assert_');
}
