/** `wasm-sandbox completion`: what shells complete, from the options and arguments that the commands declare. */

import { readdirSync } from 'node:fs';
import type { Completion as Candidate, RootCommand } from '@bomb.sh/tab';
import type { Argument, Command, Option } from 'commander';
import { STATUS } from '../io/status.ts';

type Complete = (value: Candidate['value'], description: string) => void;

/** Placeholders that stand for a path, here or before `::`. */
const PATH = /module|component|text|recording|file|folder|HOST::/;

/** Prints the script that makes a shell call `complete`. */
export async function completionScript(program: Command, shell: string): Promise<number> {
  const { script } = await import('@bomb.sh/tab');
  script(shell, program.name(), program.name());
  return STATUS.ok;
}

/** @param words behind the name of the command, the last of which is to be completed */
export async function complete(program: Command, words: readonly string[]): Promise<number> {
  const { RootCommand } = await import('@bomb.sh/tab');
  const root = new RootCommand();
  const typed = words.at(-1) ?? '';
  for (const command of program.createHelp().visibleCommands(program)) describe(root, command, typed);
  root.parse([...words]);
  return STATUS.ok;
}

function describe(root: RootCommand, command: Command, typed: string): void {
  const known = root.command(command.name(), command.summary() || command.description());
  for (const option of command.createHelp().visibleOptions(command)) {
    const name = (option.long ?? option.flags).replace(/^--/, '');
    const short = option.short?.replace(/^-/, '');
    if (!option.required && !option.optional) known.option(name, option.description, short);
    else known.option(name, option.description, (found) => offer(option, option.flags, typed, found), short);
  }
  for (const argument of command.registeredArguments) {
    const answer = (found: Complete) => offer(argument, argument.name(), typed, found);
    known.argument(argument.name(), answer, argument.variadic);
  }
}

/** What can stand in the place of an argument, or behind an option. */
function offer({ argChoices }: Option | Argument, placeholder: string, typed: string, found: Complete): void {
  for (const choice of argChoices ?? []) found(choice, '');
  if (PATH.test(placeholder)) for (const path of paths(typed)) found(path, '');
}

/**
 * Files and folders that begin so, as the shell would name them; none where the folder cannot be read. A folder that is
 * the only one is looked into, as a shell would take it for the whole argument.
 */
function paths(typed: string): string[] {
  const folder = typed.slice(0, typed.lastIndexOf('/') + 1);
  try {
    const found = readdirSync(folder || '.', { withFileTypes: true })
      .map((entry) => `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}`)
      .filter((path) => path.startsWith(typed) && (typed !== folder || !path.slice(folder.length).startsWith('.')))
      .sort();
    const [only] = found;
    return found.length === 1 && only?.endsWith('/') ? [only, ...paths(only)] : found;
  } catch {
    return [];
  }
}
