/** Prints code: each instruction on a line, or folded into the one that takes what it leaves. */

import { blockType, InstructionReader } from '../../instructions.ts';
import { type Flow, OPCODES, OPENS, opcode } from '../../opcodes.ts';
import { LABELS, LOCALS } from '../spaces.ts';
import { WORDS } from '../words.ts';
import { arity } from './arity.ts';
import { Identifiers } from './identifiers.ts';
import { type FunctionScope, instructionText } from './immediates.ts';
import type { TextOut } from './out.ts';
import type { Scope } from './scope.ts';

const FLOW: readonly Flow[] = OPCODES.map((row) => row.flow);
const TRY = opcode('try').index;

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
  /** What a construct holds. */
  arms: Arm[] | undefined;
  /** What ends it, where nothing is folded. */
  end = 'end';
  readonly offset: number;

  constructor(text: string, values: number, offset: number) {
    this.text = text;
    this.width = text.length + 2;
    this.values = values;
    this.offset = offset;
  }
}

/** Instructions within a construct. */
interface Arm {
  /** What stands before them: of the first one only where it is folded, and of blocks, loops and handlers nothing. */
  readonly head: string;
  readonly items: Node[];
}

/** A construct that is open. */
interface Open {
  readonly node: Node;
  readonly word: string;
  /** In the order in which constructs open. */
  readonly index: number;
  isUsed: boolean;
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
      if (flow === 'end' || flow === 'delegate') {
        const construct = open.pop();
        if (construct === undefined) return items;
        // Its label is counted without the construct that it ends.
        if (flow === 'delegate') construct.node.end = instructionText(row, reader, scope, names);
        this.close(construct);
        items = construct.outer;
        continue;
      }
      if (flow === 'else' || flow === 'catch') {
        const construct = open.at(-1) as Open;
        items = [];
        construct.node.arms?.push({ head: instructionText(row, reader, scope, names), items });
        continue;
      }
      const { offset } = reader;
      const [taken, left] = arity(row, module, reader);
      const hint = hints.get(offset);
      const node = new Node(instructionText(row, reader, scope, names), left, offset);
      if (hint !== undefined) {
        node.prefix = `(@metadata.code.branch_hint "\\0${hint}") `;
        node.width += node.prefix.length;
      }
      if (options.folded && taken > 0) fold(node, taken, items);
      items.push(node);
      if (!OPENS[row]) continue;
      node.values = blockType(reader.a, module.types)?.results.length ?? 0;
      const head = flow === 'if' ? 'then' : row === TRY ? 'do' : '';
      const word = WORDS[row] as string;
      open.push({ node, word, index: this.constructs++, isUsed: false, outer: items });
      items = [];
      node.arms = [{ head, items }];
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
      if (node.arms === undefined) return;
      tasks.push([depth, node.end]);
      for (let i = node.arms.length - 1; i >= 0; i--) {
        const { head, items } = node.arms[i] as Arm;
        push(items, depth + 1);
        if (i > 0) tasks.push([depth, head]);
      }
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
    const { arms = [] } = node;
    if (node.end !== 'end') tasks.push([depth + 1, `(${node.end})`]);
    for (let i = arms.length - 1; i >= 0; i--) {
      const { head, items } = arms[i] as Arm;
      if (head === '') push(items, depth + 1);
      else {
        tasks.push(')');
        push(items, depth + 2);
        tasks.push([depth + 1, `(${head}`]);
      }
    }
    const isIf = arms[0]?.head === 'then';
    if (!isIf || node.operands.some(({ width }) => width > LINE)) push(node.operands, depth + 1);
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
