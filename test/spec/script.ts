/** A script of the official suite as typed commands. */

import { parse } from '../../src/text.ts';
import type { FailureKind } from './host.ts';
import { form, readPattern, readValue } from './literals.ts';
import type { Sexpr } from './sexpr.ts';
import { failAt, readSexprs } from './sexpr.ts';
import type { Pattern, SpecValue } from './values.ts';

/** Gives the bytes of a module; where it is a text, parses that. @throws TextError */
type ModuleBytes = () => Uint8Array;

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
  | { readonly kind: 'compile'; readonly bytes: ModuleBytes; readonly isInstantiated: boolean };

/** The assertions that something fails, and how. */
const FAILURES = {
  assert_invalid: 'compile',
  assert_malformed: 'compile',
  assert_malformed_custom: 'malformed',
  assert_invalid_custom: 'malformed',
  assert_unlinkable: 'link',
  assert_trap: 'trap',
  assert_exhaustion: 'exhaustion',
  assert_exception: 'exception',
} as const satisfies Record<string, FailureKind>;

export type FailureForm = keyof typeof FAILURES;

type CommandBody =
  | { readonly kind: 'define'; readonly name: string | undefined; readonly bytes: ModuleBytes }
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

/** A module as bytes, as its text in quotes, or as its text. */
function readModuleBytes(items: Sexpr[], parent: Sexpr): ModuleBytes {
  const [first] = items;
  if (first?.kind === 'text') return () => parse(first.text);
  const isText = takeWord(items, 'quote');
  if (!isText && !takeWord(items, 'binary')) failAt(parent, 'only binary modules are known');
  const bytes = joined(items, parent);
  return isText ? () => parse(bytes) : () => bytes;
}

function joined(items: readonly Sexpr[], parent: Sexpr): Uint8Array {
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
  const define: CommandBody = { kind: 'define', name, bytes: readModuleBytes(items, node) };
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
      return { kind: 'compile', bytes: readModuleBytes(items, node), isInstantiated: false };
    default:
      return failAt(node, `unknown action ${head}`);
  }
}

function isQuoted(module: Sexpr | undefined): boolean {
  return module?.kind === 'list' && module.items.some((item) => item.kind === 'atom' && item.text === 'quote');
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
      const read = readAction(items[0], node);
      const isOfRunning = FAILURES[head] !== 'compile' && FAILURES[head] !== 'malformed';
      const action = read.kind === 'compile' ? { ...read, isInstantiated: isOfRunning } : read;
      // Of a text it is said that it is no module, of bytes only that they are no valid one.
      const failure = head === 'assert_malformed' && isQuoted(items[0]) ? 'malformed' : FAILURES[head];
      return [{ kind: head, action, failure, message }];
    }
  }
}

/**
 * The commands of a script, in order.
 * @param read reads its expressions: those of the binary scripts, unless it is another one
 * @throws Error with the line, at anything the suite's scripts do not contain.
 */
export function parseScript(source: string, read = readSexprs): readonly Command[] {
  return read(source).flatMap((node) => readCommand(node).map((body) => ({ ...body, line: node.line })));
}

/** Whether a command counts as one of the suite's assertions. */
export function isAssertion(command: Command): boolean {
  return command.kind.startsWith('assert_');
}
