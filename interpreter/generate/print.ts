/** The only place where what the generator built becomes text. */

import { BINDING, type Block, type Case, type Expression, type Statement } from './syntax.ts';

/** A block of so many simple statements stands on the line of what it belongs to. */
const SHORT = 3;

const CHOICE = 0;
const UNARY = BINDING.size + 1;

function bindingOf(expression: Expression): number {
  if (expression.is === 'choice') return CHOICE;
  if (expression.is === 'binary') return BINDING.get(expression.operator) as number;
  return UNARY;
}

/** An expression, in parentheses where it does not bind as tightly as it has to. */
export function printExpression(expression: Expression, tightness = CHOICE): string {
  const text = bare(expression);
  return bindingOf(expression) < tightness ? `(${text})` : text;
}

function bare(expression: Expression): string {
  switch (expression.is) {
    case 'name':
      return expression.name;
    case 'number':
      return expression.digits;
    case 'unary':
      return `${expression.operator}${printExpression(expression.of, UNARY)}`;
    case 'binary': {
      const binding = bindingOf(expression);
      const right = printExpression(expression.right, binding + 1);
      return `${printExpression(expression.left, binding)} ${expression.operator} ${right}`;
    }
    case 'choice': {
      const { condition, yes, no } = expression;
      return `${printExpression(condition, CHOICE + 1)} ? ${printExpression(yes)} : ${printExpression(no)}`;
    }
    case 'group':
      return `(${printExpression(expression.of)})`;
    case 'element':
      return `${printExpression(expression.of, UNARY)}[${printExpression(expression.at)}]`;
    case 'member':
      return `${printExpression(expression.of, UNARY)}.${expression.member}`;
    case 'call':
      return `${printExpression(expression.of, UNARY)}(${expression.args.map((arg) => printExpression(arg)).join(', ')})`;
  }
}

/** A statement that holds no others; undefined for one that does. */
function simple(statement: Statement): string | undefined {
  switch (statement.is) {
    case 'assign': {
      const keyword = statement.keyword === undefined ? '' : `${statement.keyword} `;
      return `${keyword}${printExpression(statement.to)} = ${printExpression(statement.value)}`;
    }
    case 'call':
      return printExpression(statement.call);
    case 'jump':
      return statement.label === undefined ? statement.word : `${statement.word} ${statement.label}`;
    default:
      return undefined;
  }
}

const indented = (lines: readonly string[], by = '  ') => lines.map((line) => `${by}${line}`);

function printBelow(head: string, block: Block, room: number): string[] {
  const texts = block.map(simple);
  const isSimple = !texts.includes(undefined);
  if (isSimple && texts.length === 1) return [`${head} ${texts[0]};`];
  if (isSimple && texts.length <= room) return [`${head} { ${texts.join('; ')}; }`];
  return [`${head} {`, ...indented(printBlock(block)), '}'];
}

function printStatement(statement: Statement): string[] {
  if (statement.is === 'if') {
    const lines = printBelow(`if (${printExpression(statement.condition)})`, statement.then, SHORT);
    if (statement.otherwise.length === 0) return lines;
    if (lines.length === 1) return [...lines, ...printBelow('else', statement.otherwise, SHORT)];
    return [...lines.slice(0, -1), ...printBelow('} else', statement.otherwise, 0)];
  }
  if (statement.is === 'for') {
    const first = statement.first === undefined ? '' : simple(statement.first);
    const head = `for (${first}; ${printExpression(statement.condition)}; ${simple(statement.step)})`;
    return printBelow(head, statement.body, 1);
  }
  return [`${simple(statement)};`];
}

export function printBlock(block: Block): string[] {
  return block.flatMap(printStatement);
}

/** Ends with `end` what goes nowhere else. */
function ended(block: Block, end: Statement): Block {
  return block.at(-1)?.is === 'jump' ? block : [...block, end];
}

/** A case, which ends with `end` where it goes nowhere else. */
function printCase({ numbers, title, body }: Case, end: Statement): string[] {
  const lines = printBlock(ended(body, end));
  return [`${numbers.map((number) => `case ${number}:`).join(' ')} { // ${title}`, ...indented(lines), '}'];
}

/** What a loop dispatches, and what cases leave for by `break`. */
export interface Dispatch {
  /** Before each instruction. */
  readonly first: Block;
  readonly cases: readonly Case[];
  /** How most cases end. */
  readonly end: Statement;
  /** Where there is no case. */
  readonly otherwise: Block;
  /** Behind the `switch`, by label, for those that break to it: others that come before it, too. */
  readonly shared: Readonly<Record<string, Block>>;
}

/** A loop around a `switch`. It is long: what stands around all of it does not move it to the right. */
export function printDispatch({ first, cases, end, otherwise, shared }: Dispatch): string[] {
  const last = otherwise.length === 0 ? [] : printBelow('default:', otherwise, SHORT);
  const inSwitch = [...cases.flatMap((one) => printCase(one, end)), ...last];
  let lines = ['switch (C[pc]) {', ...indented(inSwitch, '    '), '}'];
  for (const [label, rest] of Object.entries(shared)) {
    lines = [`${label}: {`, ...lines, '}', ...printBlock(ended(rest, end))];
  }
  return ['loop: for (;;) {', ...printBlock(first), ...lines, '}'];
}

export function printFunction(head: string, lines: readonly string[]): string {
  return [`${head} {`, ...indented(lines), '}'].join('\n');
}
