/** Prints code: each instruction on a line, or folded into the one that takes what it leaves. */

import { blockType, InstructionReader } from '../../instructions.ts';
import { type Flow, OPCODES } from '../../opcodes.ts';
import { LABELS, LOCALS } from '../spaces.ts';
import { WORDS } from '../words.ts';
import { arity } from './arity.ts';
import { Identifiers } from './identifiers.ts';
import { type FunctionScope, instructionText } from './immediates.ts';
import type { TextOut } from './out.ts';
import type { Scope } from './scope.ts';

const FLOW: readonly Flow[] = OPCODES.map((row) => row.flow);

/** Columns that an expression on one line may take. */
const LINE = 90;

/** Wider than any line. */
const WIDE = 1_000;

const OPEN = 0x28;
const CLOSE = 0x29;

const NOTHING: readonly Node[] = [];

/** An instruction. */
class Node {
  /** Of a construct, what is behind the label. */
  text: string;
  /** Columns that it takes on a line. */
  width: number;
  /** What is folded into it. */
  operands: readonly Node[] = NOTHING;
  /** How many values it leaves. */
  values: number;
  /** What stands before it: a branch hint. */
  prefix = '';
  isIf = false;
  /** What a construct holds: of an `if` its first arm. */
  body: Node[] | undefined;
  otherwise: Node[] | undefined;
  readonly offset: number;

  constructor(text: string, values: number, offset: number) {
    this.text = text;
    this.width = text.length + 2;
    this.values = values;
    this.offset = offset;
  }
}

/** A construct that is open. */
interface Open {
  readonly node: Node;
  readonly word: string;
  /** In the order in which constructs open. */
  readonly index: number;
  isUsed: boolean;
  /** Where its instructions go. */
  items: Node[];
  /** Of what is around it. */
  readonly outer: Node[];
}

export interface CodeOptions {
  /** Whether operands stand inside of what takes them. */
  readonly folded: boolean;
  /** Whether lines begin with a comment that says where in the module the instruction is. */
  readonly offsets: boolean;
}

/** Something to be written: an instruction on a line of its own, or text on the one at hand, or on its own. */
type Task = readonly [depth: number, node: Node] | readonly [depth: number, line: string] | string;

/** Branch hints of a function, by offset in the module. */
export type Hints = ReadonlyMap<number, number>;

const NO_NAMES: ReadonlyMap<number, string> = new Map();
const NO_HINTS: Hints = new Map();
const NO_LOCALS = new Identifiers(LOCALS, NO_NAMES, false);

export class CodePrinter {
  private readonly scope: Scope;
  private readonly out: TextOut;
  private readonly options: CodeOptions;
  private readonly reader: InstructionReader;
  private readonly open: Open[] = [];
  private labels: Identifiers;
  private constructs = 0;
  /** What is still to be written on the line. */
  private readonly rest: (Node | string)[] = [];

  constructor(scope: Scope, out: TextOut, options: CodeOptions) {
    this.scope = scope;
    this.out = out;
    this.options = options;
    this.reader = new InstructionReader(scope.module.bytes);
    this.labels = new Identifiers(LABELS, NO_NAMES, false);
  }

  /**
   * Prints the code of a function up to its end, each line at a depth.
   * @param hints branch hints, by offset in the module
   */
  print(start: number, depth: number, index: number, locals: Identifiers, hints: Hints = NO_HINTS): void {
    const { names } = this.scope;
    this.labels = new Identifiers(LABELS, names.labels.get(index) ?? NO_NAMES, names.isCanonical);
    this.constructs = 0;
    this.write(this.read(start, locals, hints), depth);
  }

  /**
   * A constant expression on the line at hand, with a space before; returns where it ends.
   * @param word what holds it, unless it is one folded instruction
   */
  printConstant(start: number, word?: 'offset' | 'item'): number {
    const { out } = this;
    const nodes = this.read(start, NO_LOCALS, NO_HINTS);
    const isHeld = word !== undefined && !(this.options.folded && nodes.length === 1);
    if (isHeld) out.add(` (${word}`);
    for (const node of nodes) {
      out.add(' ');
      this.onOneLine(node);
    }
    if (isHeld) out.add(')');
    return this.reader.pos;
  }

  /** The instructions up to the end. */
  private read(start: number, locals: Identifiers, hints: Hints): Node[] {
    const { reader, scope, open, options } = this;
    const { module } = scope;
    const names: FunctionScope = { locals, label: (depth) => this.label(depth) };
    reader.pos = start;
    reader.end = module.bytes.length;
    let items: Node[] = [];
    for (;;) {
      const row = reader.next();
      const flow = FLOW[row];
      if (flow === 'end') {
        const construct = open.pop();
        if (construct === undefined) return items;
        this.close(construct);
        items = construct.outer;
        continue;
      }
      if (flow === 'else') {
        const construct = open.at(-1) as Open;
        construct.node.otherwise = items = construct.items = [];
        continue;
      }
      const { offset } = reader;
      const isConstruct = flow === 'open' || flow === 'loop' || flow === 'if';
      const [taken, left] = arity(row, module, reader);
      const hint = hints.get(offset);
      const node = new Node(instructionText(row, reader, scope, names), left, offset);
      if (hint !== undefined) {
        node.prefix = `(@metadata.code.branch_hint "\\0${hint}") `;
        node.width += node.prefix.length;
      }
      if (options.folded && taken > 0) fold(node, taken, items);
      items.push(node);
      if (!isConstruct) continue;
      node.values = blockType(reader.a, module.types)?.results.length ?? 0;
      node.body = [];
      node.isIf = flow === 'if';
      const word = WORDS[row] as string;
      open.push({ node, word, index: this.constructs++, isUsed: false, items: node.body, outer: items });
      items = node.body;
    }
  }

  private label(depth: number): string {
    const construct = this.open.at(-1 - depth);
    if (construct === undefined) return String(depth);
    construct.isUsed = true;
    return this.labels.use(construct.index);
  }

  /** Now it is known whether anything names it. */
  private close({ node, word, index, isUsed }: Open): void {
    const label = isUsed || this.labels.isNamed(index) ? this.labels.declare(index) : '';
    node.text = word + label + node.text;
    node.width = WIDE;
  }

  private write(nodes: readonly Node[], depth: number): void {
    const tasks: Task[] = [];
    const push = (list: readonly Node[], at: number) => {
      for (let i = list.length - 1; i >= 0; i--) tasks.push([at, list[i] as Node]);
    };
    push(nodes, depth);
    for (let task = tasks.pop(); task !== undefined; task = tasks.pop()) {
      if (typeof task === 'string') this.out.add(task);
      else if (typeof task[1] === 'string') this.out.line(task[0], task[1]);
      else this.begin(task[1], task[0], tasks, push);
    }
  }

  private begin(node: Node, depth: number, tasks: Task[], push: (list: readonly Node[], depth: number) => void): void {
    const { out, options } = this;
    out.line(depth, '');
    if (options.offsets) out.add(`(;@${node.offset.toString(16)};) `);
    if (!options.folded) {
      out.add(node.prefix + node.text);
      if (node.body === undefined) return;
      tasks.push([depth, 'end']);
      if (node.otherwise !== undefined) {
        push(node.otherwise, depth + 1);
        tasks.push([depth, 'else']);
      }
      push(node.body, depth + 1);
      return;
    }
    if (node.width <= LINE) {
      this.onOneLine(node);
      return;
    }
    if (node.prefix !== '') out.add(node.prefix);
    out.character(OPEN);
    out.add(node.text);
    tasks.push(')');
    if (node.isIf) {
      if (node.otherwise !== undefined) {
        tasks.push(')');
        push(node.otherwise, depth + 2);
        tasks.push([depth + 1, '(else']);
      }
      tasks.push(')');
      push(node.body ?? NOTHING, depth + 2);
      tasks.push([depth + 1, '(then']);
    } else if (node.body !== undefined) push(node.body, depth + 1);
    if (!node.isIf || node.operands.some(({ width }) => width > LINE)) push(node.operands, depth + 1);
    else
      for (const operand of node.operands) {
        out.add(' ');
        this.onOneLine(operand);
      }
  }

  /** With all that is folded into it, which is no construct. */
  private onOneLine(node: Node): void {
    const { out } = this;
    if (!this.options.folded) {
      out.add(node.text);
      return;
    }
    const { rest } = this;
    rest.push(node);
    for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
      if (typeof next === 'string') {
        out.add(next);
        continue;
      }
      if (next.prefix !== '') out.add(next.prefix);
      out.character(OPEN);
      out.add(next.text);
      if (next.operands.length === 0) {
        out.character(CLOSE);
        continue;
      }
      rest.push(')');
      for (let i = next.operands.length - 1; i >= 0; i--) rest.push(next.operands[i] as Node, ' ');
    }
  }
}

/** Takes operands from the end of what was read, as far as each leaves one value. */
function fold(node: Node, taken: number, items: Node[]): void {
  let first = items.length;
  while (first > 0 && items.length - first < taken && items[first - 1]?.values === 1) first--;
  if (first === items.length) return;
  node.operands = items.splice(first);
  for (const { width } of node.operands) node.width = Math.min(WIDE, node.width + width + 1);
}
