/** The command line: which options there are, and what each command is handed. */

import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { createColors } from 'picocolors';
import type { Capability } from '../../policy/index.ts';
import { UsageError } from '../../wasm/errors.ts';
import { quote } from '../../wasm/quote.ts';
import { parseDuration, parseGas, parseSize } from '../checks/units.ts';
import { checkOption } from '../sandbox/options.ts';
import { parseFolder } from './arguments/folders.ts';
import { parseHosts } from './arguments/hosts.ts';
import { componentCommand } from './commands/component.ts';
import { inspect } from './commands/inspect.ts';
import { instrumentCommand } from './commands/instrument.ts';
import { replayCommand } from './commands/replay.ts';
import { type RunCommandOptions, run } from './commands/run.ts';
import { parseCommand, printCommand } from './commands/text.ts';
import { validate } from './commands/validate.ts';
import { ClosedOutput, complain, encode, type Io } from './io/io.ts';
import { errorLines, statusOf } from './io/report.ts';
import { STATUS, STATUS_HELP } from './io/status.ts';

const WIDTH = 100;

/** Taken out again where the stream shows no colours. */
const { bold } = createColors(true);

const EXAMPLES = `
Examples:
  wasm-sandbox run hello.wasm one two           arguments after the module are the program's
  wasm-sandbox run --invoke add math.wasm 5 3   call an exported function, print what it returns
  wasm-sandbox run --gas 1e9 --memory 64MiB --timeout 5s --stats untrusted.wasm
  wasm-sandbox run --json untrusted.wasm        everything in one JSON object
  wasm-sandbox validate module.wasm
  wasm-sandbox inspect --functions module.wasm
  wasm-sandbox print module.wasm                the module as text, and back with parse
  wasm-sandbox component hello.wasm -o hello    a component as a program, for Component.from
`;

const RUN_NOTES = `
Options come before the module; everything after it belongs to the program.
The program has the standard streams, its arguments, the variables given with --env, the folders
given with --dir, the real clock and real randomness (without --strict), and nothing else.
A folder given with --dir can be written to, unless :ro follows; without ::GUEST, the program sees
it under the same path. It finds files by relative paths in what it sees as / alone.
A host given with --allow-net is a name, an address, *.example.com for every name below one, or *
for every public name; ports are 80 and 443 unless one is given. Names never lead to this machine
or a private network, unless they are such names themselves, as localhost.

With --json, standard output is one object: exitCode or results (as text), stdout and stderr
(stdoutBase64 and stderrBase64 where they are not UTF-8), error, stats. Gas is text there, since
it may exceed what a JSON number holds.
`;

const SHELLS = ['bash', 'zsh', 'fish'];

const COMPLETION = `Prints what makes a shell complete this command. To have it in every shell:
  bash   wasm-sandbox completion bash > ~/.local/share/bash-completion/completions/wasm-sandbox
  zsh    wasm-sandbox completion zsh > "\${fpath[1]}/_wasm-sandbox"
  fish   wasm-sandbox completion fish > ~/.config/fish/completions/wasm-sandbox.fish`;

/**
 * Runs the command. Never throws.
 * @param args without the names of runtime and script
 * @returns the exit status
 */
export async function main(args: readonly string[], io: Io): Promise<number> {
  try {
    return await dispatch(args, io);
  } catch (error) {
    if (error instanceof ClosedOutput) return STATUS.closedPipe;
    complain(io, errorLines(error, io.colours.stderr));
    return statusOf(error);
  }
}

async function dispatch(args: readonly string[], io: Io): Promise<number> {
  let status: number = STATUS.ok;
  const program = build(io, async (task) => {
    status = await task;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? STATUS.ok : STATUS.usage;
  }
  return status;
}

/** @param finish is given what the action of a command has begun */
export function build(io: Io, finish: (task: Promise<number>) => Promise<void>): Command {
  const program = new Command('wasm-sandbox')
    .description('Runs WebAssembly nobody trusts, with exact limits on gas, memory, stack and time.')
    .version(io.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .enablePositionalOptions()
    .exitOverride()
    .showSuggestionAfterError()
    // Commander's own defaults would look at the process's streams.
    .configureOutput({
      writeOut: (text) => io.stdout(encode(text)),
      writeErr: (text) => io.stderr(encode(text)),
      outputError: (text, write) => write(`wasm-sandbox: ${text.replace(/^error: /, '')}`),
      getOutHelpWidth: () => WIDTH,
      getErrHelpWidth: () => WIDTH,
      getOutHasColors: () => io.colours.stdout,
      getErrHasColors: () => io.colours.stderr,
    })
    .configureHelp({ styleTitle: bold })
    .addHelpText('after', `${EXAMPLES}\n${STATUS_HELP}`);

  program
    .command('run')
    .summary('run a WASI command, or call one function')
    .description('Runs a WASI command, or with --invoke calls one exported function.')
    .argument('<module>', 'path or URL of a module, binary or text; - is standard input')
    .argument('[args...]', "the program's arguments, or the function's")
    .passThroughOptions()
    .option('--invoke <function>', 'call this export instead of _start, and print its results')
    .option('--gas <units>', 'end the program after so much gas (default: no limit)', limit('gasLimit', parseGas))
    .option(
      '--memory <size>',
      'memories and tables together, as 64MiB (default: 256MiB)',
      limit('memoryLimit', parseSize),
    )
    .option('--stack <size>', 'weight of the call stack (default: 768KiB)', limit('stackLimit', parseSize))
    .option(
      '--timeout <duration>',
      'end the program after this time, as 500ms or 5s; 500 alone is in ms (default: no limit)',
      checked(parseDuration),
    )
    .option('--env <NAME=VALUE>', 'set a variable for the program; may be repeated', collectVariables)
    .option('--dir <HOST::GUEST[:ro]>', 'let the program see a folder; may be repeated', collectFolders)
    .addOption(
      new Option(
        '--engine <name>',
        'what runs the program; native is faster once it is ready, some 0.1 s for each MiB of code later; auto: begins interpreted, and goes native where that pays',
      )
        .choices(['auto', 'interpreter', 'native'])
        .default('interpreter'),
    )
    .option('--allow-net <HOST[:PORT],…>', 'let the program make HTTP requests; may be repeated', collectHosts)
    .option('--policy <file>', 'what the program may do, as JSON; the options above add to it')
    .option('--audit <file>', 'record every call of the host, as lines of JSON')
    .option('--record <file>', 'record all that goes in and out of the program, for replay')
    .option('--key <file>', 'authenticate the recording with the secret in this file, of at least 16 bytes')
    .option('--strict', 'no real clock and no real randomness: the same at every run')
    .option('--deterministic', 'as --strict, and nothing else that could differ: the same on every machine')
    .option('--stats', 'print gas, memory, stack and time to standard error')
    .option('--json', 'print one JSON object instead of what the program writes')
    .addHelpText('after', `${RUN_NOTES}\n${STATUS_HELP}`)
    .action((module: string, args: string[], options: RunCommandOptions) => finish(run(module, args, options, io)));

  program
    .command('validate')
    .summary('say whether a file is a valid module')
    .description('Says whether a file is a valid module, and if not, what is wrong at which offset.')
    .argument('<module>', 'path or URL of a module, binary or text; - is standard input')
    .option('--json', 'print a JSON object')
    .action((module: string, options) => finish(validate(module, options, io)));

  program
    .command('inspect')
    .summary('show what a module holds')
    .description('Shows what a module imports, exports and declares.')
    .argument('<module>', 'path or URL of a module, binary or text; - is standard input')
    .option('--functions', "list the module's functions, with the gas and stack each entry costs")
    .option('--wat', 'print the module as text instead')
    .option('--function <name>', 'with --wat, only this function, by its name, export or index')
    .option('--json', 'print a JSON object')
    .action((module: string, options) => finish(inspect(module, options, io)));

  program
    .command('parse')
    .summary('make a module of its text')
    .description('Makes a module of its text. It need not be valid.')
    .argument('<text>', 'path of a module in the text format; - is standard input')
    .option('-o, --output <file>', 'where to write it; - is standard output', '-')
    .option('--validate', 'refuse a module that is not valid, and show where in the text')
    .action((text: string, options) => finish(parseCommand(text, options, io)));

  program
    .command('print')
    .summary('print a module as text')
    .description('Prints a module as text, of which parse makes the same module.')
    .argument('<module>', 'path of a module; - is standard input')
    .option('-o, --output <file>', 'where to write it; - is standard output', '-')
    .option('--flat', 'each instruction on a line, instead of operands inside of what takes them')
    .option('--offsets', 'begin lines of code with the byte of the module they are at')
    .option('--function <name>', 'only this function, by its name, export or index')
    .action((module: string, options) => finish(printCommand(module, options, io)));

  program
    .command('instrument')
    .summary('make a module that meters itself')
    .description('Makes a module that meters itself, for a host that compiles WebAssembly ahead of time.')
    .argument('<module>', 'path or URL of a module, binary or text; - is standard input')
    .requiredOption('-o, --output <file>', 'where to write it; - is standard output')
    .option('--gas <units>', 'limit that is built in (default: given when it is run)', limit('gasLimit', parseGas))
    .option('--memory <size>', 'limit that is built in, as 64MiB', limit('memoryLimit', parseSize))
    .option('--stack <size>', 'limit that is built in', limit('stackLimit', parseSize))
    .option('--no-time-slices', 'leave out what lets a host look at its clock')
    .option('--no-canonical-nan', 'leave NaN results as the host computes them')
    .option('--optimise', 'make it smaller with the passes of binaryen, a package to be installed beside this one')
    .action((module: string, options) => finish(instrumentCommand(module, options, io)));

  program
    .command('component')
    .summary('transpile a component ahead of time')
    .description(
      'Transpiles a component into a program, core modules and declarations for TypeScript, for Component.from of ' +
        'wasm-sandbox/component: what places need that make no modules of text. Needs the package ' +
        '@bytecodealliance/jco-transpile, to be installed beside this one.',
    )
    .argument('<component>', 'path or URL of a component; - is standard input')
    .requiredOption('-o, --output <folder>', 'where to write; files in it are written over')
    .option('--name <name>', 'of the files, of letters, digits, - and _ (default: as the component)')
    .option('--async', 'let exports give promises, so that what they call may be waited for')
    .option('--json', 'print a JSON object')
    .action((component: string, options) => finish(componentCommand(component, options, io)));

  program
    .command('replay')
    .summary('run a recording again, and say whether it is the same')
    .description(
      'Runs again what run --record has recorded, without the files, clocks and networks it had, and says whether ' +
        'everything is the same: results, calls of the host, gas, memory. Where it reaches a limit given here, that is ' +
        'the error, and nothing is known about the rest.',
    )
    .argument('<recording>', 'path of a recording')
    .option(
      '--gas <units>',
      'give up after so much gas (default: the limit in the recording, if any)',
      checked(parseGas),
    )
    .option('--memory <size>', 'refuse a recording that was allowed more, as 64MiB (default: any)', checked(parseSize))
    .option(
      '--timeout <duration>',
      'give up after this time, as 500ms or 5s; 500 alone is in ms (default: no limit)',
      checked(parseDuration),
    )
    .option('--key <file>', 'the secret that the recording was made with; one that was made without is refused')
    .option('--json', 'print a JSON object')
    .action((recording: string, options) => finish(replayCommand(recording, options, io)));

  program
    .command('completion')
    .summary('print what makes a shell complete this command')
    .description(COMPLETION)
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .action((shell) => finish(completion().then(({ completionScript }) => completionScript(program, shell))));

  program
    // What the scripts call.
    .command('complete', { hidden: true })
    .argument('[words...]')
    .action((words: string[]) => finish(completion().then(({ complete }) => complete(program, words))));

  return program;
}

/** Loaded by those who ask for it alone. */
const completion = () => import('./commands/completion.node.ts');

/** Gives commander the kind of error it reports together with the option. */
function checked<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof UsageError) throw new InvalidArgumentError(`${error.message}.`);
      throw error;
    }
  };
}

/** The same for a limit of a sandbox, which has its bounds. */
function limit<T>(option: 'gasLimit' | 'memoryLimit' | 'stackLimit', parse: (text: string) => T): (text: string) => T {
  return checked((text) => {
    const value = parse(text);
    checkOption(option, value);
    return value;
  });
}

function collectHosts(text: string, previous: readonly Capability[] = []): readonly Capability[] {
  return [...previous, ...checked(parseHosts)(text)];
}

function collectFolders(text: string, previous: readonly Capability[] = []): readonly Capability[] {
  return [...previous, checked(parseFolder)(text)];
}

function collectVariables(text: string, previous: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError(`${quote(text)} is not NAME=VALUE.`);
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) };
}
