/** Runs one script on one implementation. */

import { TextError } from '../../wasm/errors.ts';
import type { SpecHost } from './host.ts';
import type { Action, Command, FailureForm } from './script.ts';
import { isAssertion } from './script.ts';
import type { SpecValue } from './values.ts';
import { matches, showAll } from './values.ts';

export interface Failure {
  readonly line: number;
  readonly command: string;
  readonly reason: string;
}

/** `passed` and `skipped` count assertions; `failed` has one entry for each failed assertion or other command. */
export interface Report {
  readonly passed: number;
  readonly failed: readonly Failure[];
  readonly skipped: number;
}

export interface RunOptions {
  /** Whether the assertion at a line is to be left out. */
  readonly skip?: (line: number) => boolean;
}

/** Named things, and the latest one. A failed command leaves no latest one: later commands must not find an older. */
class Scope {
  readonly #what: string;
  readonly #named = new Map<string, unknown>();
  #latest: { readonly value: unknown } | undefined;

  constructor(what: string) {
    this.#what = what;
  }

  define(name: string | undefined, make: () => unknown): void {
    this.#latest = undefined;
    if (name !== undefined) this.#named.delete(name);
    const value = make();
    this.#latest = { value };
    if (name !== undefined) this.#named.set(name, value);
  }

  find(name: string | undefined): unknown {
    if (name === undefined) {
      if (!this.#latest) throw new Error(`no ${this.#what}: the one before failed`);
      return this.#latest.value;
    }
    if (!this.#named.has(name)) throw new Error(`no ${this.#what} ${name}`);
    return this.#named.get(name);
  }
}

function describeError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

class Runner {
  readonly #host: SpecHost;
  readonly #modules = new Scope('module');
  readonly #instances = new Scope('instance');
  readonly #registry = new Map<string, unknown>();

  constructor(host: SpecHost) {
    this.#host = host;
    this.#registry.set('spectest', host.spectest());
  }

  /** Why the command failed; undefined when it did not. */
  run(command: Command): string | undefined {
    switch (command.kind) {
      case 'define':
        return this.#attempt(() => this.#modules.define(command.name, () => this.#host.compile(command.bytes())));
      case 'register':
        return this.#attempt(() => {
          this.#registry.delete(command.as);
          this.#registry.set(command.as, this.#instances.find(command.instance));
        });
      case 'perform':
        return this.#attempt(() => this.#performForGood(command.action));
      case 'assert_return':
        return this.#assertReturn(command);
      default:
        return this.#assertFailure(command);
    }
  }

  #attempt(act: () => void): string | undefined {
    try {
      act();
      return undefined;
    } catch (error) {
      return describeError(error);
    }
  }

  /** Outside an assertion, an instance stays and becomes the latest one. */
  #performForGood(action: Action): void {
    if (action.kind === 'instantiate') this.#instances.define(action.name, () => this.#instantiate(action));
    else this.#perform(action);
  }

  #instantiate(action: Action & { kind: 'instantiate' }): unknown {
    return this.#host.instantiate(this.#modules.find(action.module), this.#registry);
  }

  #compile({ bytes, isInstantiated }: Action & { kind: 'compile' }): void {
    const module = this.#host.compile(bytes());
    if (isInstantiated) this.#host.instantiate(module, this.#registry);
  }

  #perform(action: Action): readonly SpecValue[] {
    switch (action.kind) {
      case 'invoke':
        return this.#host.invoke(this.#instances.find(action.instance), action.field, action.args);
      case 'get':
        return [this.#host.get(this.#instances.find(action.instance), action.field)];
      case 'instantiate':
        this.#instantiate(action);
        return [];
      case 'compile':
        this.#compile(action);
        return [];
    }
  }

  #assertReturn({ action, expected }: Command & { kind: 'assert_return' }): string | undefined {
    let results: readonly SpecValue[];
    try {
      results = this.#perform(action);
    } catch (error) {
      return `expected ${showAll(expected)}, failed with ${describeError(error)}`;
    }
    const same = results.length === expected.length && results.every((value, i) => matches(value, expected[i]!));
    return same ? undefined : `expected ${showAll(expected)}, got ${showAll(results)}`;
  }

  #assertFailure({ action, failure, message }: Command & { kind: FailureForm }): string | undefined {
    const expected = `${failure}${message && ` (${message})`}`;
    try {
      const results = this.#perform(action);
      return `expected ${expected}, succeeded with ${showAll(results)}`;
    } catch (error) {
      const actual = error instanceof TextError ? 'malformed' : this.#host.classify(error);
      return actual === failure ? undefined : `expected ${expected}, failed with ${actual} (${describeError(error)})`;
    }
  }
}

/** Runs a script's commands in order, each whether or not those before it failed. */
export function runScript(commands: readonly Command[], host: SpecHost, options: RunOptions = {}): Report {
  const runner = new Runner(host);
  const failed: Failure[] = [];
  let passed = 0;
  let skipped = 0;
  for (const command of commands) {
    const assertion = isAssertion(command);
    if (assertion && options.skip?.(command.line)) {
      skipped++;
      continue;
    }
    const reason = runner.run(command);
    if (reason !== undefined) failed.push({ line: command.line, command: command.kind, reason });
    else if (assertion) passed++;
  }
  return { passed, failed, skipped };
}
