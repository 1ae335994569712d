/** The program of a widget's page: runs the guest where it is looked at. The build makes one file of it. */

import { UsageError, WasmSandboxError } from '../../../wasm/errors.ts';
import { quote } from '../../../wasm/quote.ts';
import { COMMAND_START } from '../../call/command.ts';
import { WasmSandbox } from '../../sandbox.ts';
import { bytes, count, milliseconds, share } from '../figures.ts';
import { valueText, visibleLines } from '../values.ts';
import { CONFIG_ID, type PageConfig, type PageFunction } from './config.ts';
import { parseArguments, parseValue } from './parse.ts';

/** Milliseconds after which the guest lets the page show something. */
const TURN = 8;
/** Characters of output that are shown; more than this and a page becomes slow. */
const MOST_CHARACTERS = 200_000;

const { document } = globalThis;
const find = <E extends HTMLElement = HTMLElement>(id: string): E => document.getElementById(id) as E;

const config = JSON.parse(find(CONFIG_ID).textContent ?? '') as PageConfig;
const source = Uint8Array.from(atob(config.module), (character) => character.charCodeAt(0));

const functions = find<HTMLSelectElement>('function');
const inputs = find('inputs');
const run = find<HTMLButtonElement>('run');
const stop = find<HTMLButtonElement>('stop');
const reset = find<HTMLButtonElement>('reset');

let sandbox: WasmSandbox | undefined;
let running: AbortController | undefined;

function labelled(label: string, type: string, input: HTMLElement): HTMLElement {
  const around = document.createElement('label');
  const name = document.createElement('span');
  name.textContent = label;
  const kind = document.createElement('small');
  kind.textContent = type;
  name.append(' ', kind);
  around.append(name, input);
  return around;
}

function field(value: string): HTMLInputElement {
  const input = document.createElement('input');
  input.value = value;
  input.spellcheck = false;
  input.autocomplete = 'off';
  return input;
}

const chosen = () => config.functions[Number(functions.value)] as PageFunction;

function showInputs(): void {
  if (config.isProgram) {
    const lines = document.createElement('textarea');
    lines.rows = 3;
    lines.id = 'stdin';
    lines.spellcheck = false;
    const args = field('');
    args.id = 'args';
    inputs.replaceChildren(labelled('arguments', '', args), labelled('standard input', '', lines));
    return;
  }
  inputs.replaceChildren(...chosen().params.map((type, i) => labelled(`parameter ${i}`, type, field('0'))));
}

function valuesTyped(): unknown[] {
  const { params } = chosen();
  return [...inputs.querySelectorAll('input')].map((input, i) => {
    try {
      const value = parseValue(params[i] as string, input.value);
      input.removeAttribute('aria-invalid');
      return value;
    } catch (error) {
      input.setAttribute('aria-invalid', 'true');
      input.focus();
      throw error;
    }
  });
}

function bar(id: string, used: bigint | number, limit: bigint | number, told: string): void {
  const fraction = share(used, limit);
  const shown = find(`${id}-bar`);
  shown.style.width = `${100 * fraction}%`;
  shown.classList.toggle('full', fraction >= 0.95);
  find(`${id}-told`).textContent = told;
}

function showFigures(): void {
  if (sandbox === undefined) return;
  const { gasUsed, memoryBytes, memoryLimit, cpuTimeMs } = sandbox.getResourceStats();
  const limit = BigInt(config.gasLimit);
  bar('gas', gasUsed, limit, `${count(gasUsed)} of ${count(limit)}`);
  bar('memory', memoryBytes, memoryLimit, `${bytes(memoryBytes)} of ${bytes(memoryLimit)}`);
  find('time').textContent = milliseconds(cpuTimeMs);
}

function say(id: string, text: string | undefined, isBad = false): void {
  const block = find(id);
  const more = text === undefined ? 0 : text.length - MOST_CHARACTERS;
  const shown = visibleLines((text ?? '').slice(0, MOST_CHARACTERS));
  block.textContent = more > 0 ? `${shown}\n… ${count(more)} characters more` : shown;
  block.classList.toggle('bad', isBad);
  (block.closest('.part') as HTMLElement).hidden = text === undefined || text === '';
}

function showOutput(): void {
  if (sandbox === undefined) return;
  const { stdout, stderr } = sandbox.output();
  say('stdout', stdout);
  say('stderr', stderr);
}

async function ready(): Promise<WasmSandbox> {
  const { memoryLimit, gasLimit } = config;
  sandbox ??= await WasmSandbox.create({ source, gasLimit: BigInt(gasLimit), memoryLimit, yieldEvery: TURN });
  return sandbox;
}

async function call(signal: AbortSignal): Promise<unknown> {
  const guest = await ready();
  if (!config.isProgram) return guest.call(chosen().name, valuesTyped(), { signal });
  // A program expects its memory as it was built.
  await guest.reset();
  const stdin = find<HTMLTextAreaElement>('stdin').value;
  const args = ['program', ...parseArguments(find<HTMLInputElement>('args').value)];
  const { exitCode } = await guest.run({ args, stdin, signal });
  return exitCode;
}

function setRunning(controller: AbortController | undefined): void {
  running = controller;
  run.disabled = reset.disabled = functions.disabled = controller !== undefined;
  stop.disabled = controller === undefined;
  document.body.classList.toggle('running', controller !== undefined);
}

async function onRun(): Promise<void> {
  if (running !== undefined) return;
  const controller = new AbortController();
  setRunning(controller);
  say('result', undefined);
  const watching = setInterval(showFigures, 50);
  try {
    const value = await call(controller.signal);
    say('result', config.isProgram ? `exit status ${value}` : `${chosen().name} = ${valueText(value)}`);
  } catch (error) {
    if (controller.signal.aborted) return say('result', 'stopped', true);
    const name = error instanceof WasmSandboxError && !(error instanceof UsageError) ? `${error.name}: ` : '';
    say('result', `${name}${error instanceof Error ? error.message : String(error)}`, true);
  } finally {
    clearInterval(watching);
    showFigures();
    showOutput();
    setRunning(undefined);
  }
}

async function onReset(): Promise<void> {
  if (running !== undefined) return;
  sandbox?.dispose();
  sandbox = undefined;
  for (const part of ['result', 'stdout', 'stderr']) say(part, undefined);
  await show();
}

/** What there is before the first call: the start function may have run, and used gas. */
async function show(): Promise<void> {
  setRunning(new AbortController());
  try {
    await ready();
  } catch (error) {
    say('result', error instanceof Error ? `${error.name}: ${error.message}` : String(error), true);
  }
  showFigures();
  setRunning(undefined);
}

functions.replaceChildren(
  ...(config.isProgram ? [{ name: COMMAND_START, params: [], results: [] }] : config.functions).map((each, i) => {
    const option = document.createElement('option');
    option.value = String(i);
    option.textContent = `${quote(each.name).slice(1, -1)} (${each.params.join(', ')})${each.results.length > 0 ? ` → ${each.results.join(', ')}` : ''}`;
    return option;
  }),
);
find('choice').hidden = config.isProgram || config.functions.length < 2;
functions.addEventListener('change', showInputs);
// No form: a frame without an origin submits none.
run.addEventListener('click', () => void onRun());
inputs.addEventListener('keydown', ({ key, target }) => {
  if (key === 'Enter' && target instanceof HTMLInputElement) void onRun();
});
stop.addEventListener('click', () => running?.abort());
reset.addEventListener('click', () => void onReset());
showInputs();
void show();
