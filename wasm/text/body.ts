/**
 * Instructions in the text format (specification 6.5), flat and folded, to code. Constructs and folded instructions that
 * are open are kept on a stack, so that depth costs no JavaScript stack.
 */

import { type Flow, OPCODES, OPENS, opcode } from '../opcodes.ts';
import { quote } from '../quote.ts';
import { Writer } from '../writer.ts';
import { type ImmediateParser, writeOpcode } from './immediates.ts';
import type { Input } from './input.ts';
import { type Label, Labels } from './labels.ts';
import { TOKEN } from './lexer.ts';
import type { Marks } from './marks.ts';
import { ROW_OF_WORD } from './words.ts';

const FLOW: readonly Flow[] = OPCODES.map((row) => row.flow);
const END = opcode('end').index;
const ELSE = opcode('else').index;
const IF = opcode('if').index;
const TRY = opcode('try').index;
const CATCH = opcode('catch').index;
const CATCH_ALL = opcode('catch_all').index;
const DELEGATE = opcode('delegate').index;
/** What a branch hint may be for. */
const HINTED: readonly number[] = [IF, opcode('br_if').index];

/** What is open. Of folded ones the word and what follows it are read; other folded instructions are its operands. */
const FRAME = {
  /** Folded, and no construct. */
  plain: 0,
  /** A folded block, loop or handler: instructions follow. */
  block: 1,
  /** A folded `if`: operands, then its arms. */
  if: 2,
  /** The same, behind its first arm, and behind its second one. */
  afterThen: 3,
  afterElse: 4,
  /** A folded `try`, of which `(do …)` follows; behind that; behind a `(catch …)`. */
  try: 5,
  afterDo: 6,
  afterCatch: 7,
  /** The same, behind `(catch_all …)`, and behind `(delegate …)`, which has ended it. */
  afterCatchAll: 8,
  afterDelegate: 9,
  /** An arm of a folded construct: instructions follow. */
  arm: 10,
  /** Constructs that `end` ends. */
  flat: 11,
  /** The same, where `else` may come before; where what catches may, or `delegate` instead; where more that catches may. */
  flatIf: 12,
  flatTry: 13,
  flatCatch: 14,
} as const;

/** Whether instructions may follow that are not folded. */
const HOLDS_INSTRUCTIONS: readonly boolean[] = Object.values(FRAME).map(
  (kind) => kind === FRAME.block || kind >= FRAME.arm,
);

/** What else may follow in parentheses. */
const PARTS: Readonly<Record<number, string>> = {
  [FRAME.afterThen]: '(else …) or a closing parenthesis',
  [FRAME.afterElse]: 'a closing parenthesis',
  [FRAME.try]: '(do …)',
  [FRAME.afterDo]: '(catch …), (catch_all …), (delegate …) or a closing parenthesis',
  [FRAME.afterCatch]: '(catch …), (catch_all …) or a closing parenthesis',
  [FRAME.afterCatchAll]: 'a closing parenthesis',
  [FRAME.afterDelegate]: 'a closing parenthesis',
};

/** What a flat construct is when a row that begins an arm of it has come; undefined where that is not allowed. */
function flatWith(kind: number, row: number): number | undefined {
  if (row === ELSE) return kind === FRAME.flatIf ? FRAME.flat : undefined;
  const mayCatch = kind === FRAME.flatTry || kind === FRAME.flatCatch;
  if (!mayCatch || row === DELEGATE) return undefined;
  return row === CATCH ? FRAME.flatCatch : FRAME.flat;
}

/** Whether it stands within a construct, and is no instruction by itself. */
const isPart = (flow: Flow | undefined) => flow === 'end' || flow === 'else' || flow === 'catch' || flow === 'delegate';

interface Frame {
  kind: number;
  row: number;
  /** In the source. */
  place: number;
  label: Label | undefined;
  hint: number;
  /** What comes behind the operands. Made where it is needed, and used again. */
  pending: Writer | undefined;
}

/** No hint. */
const NONE = -1;

export class BodyParser {
  readonly labels = new Labels();
  readonly immediates: ImmediateParser;
  /** Branch hints of the code at hand: pairs of offset and value. */
  hints: number[] = [];
  /** Where code goes. */
  code = new Writer();
  /** Where it came from, in case somebody wants to know. */
  marks: Marks | undefined;
  private readonly input: Input;
  private readonly frames: Frame[] = [];
  /** Frames that are open. Those behind are there to be used again. */
  private depth = 0;
  private hint = NONE;

  constructor(input: Input, immediates: (labels: Labels) => ImmediateParser) {
    this.input = input;
    this.immediates = immediates(this.labels);
  }

  /** Reads instructions up to a closing parenthesis that was opened before them. */
  instructions(): void {
    while (this.step());
  }

  /** Reads one folded instruction. */
  folded(): void {
    if (this.input.kind !== TOKEN.open) this.input.expected('an instruction in parentheses');
    do this.step();
    while (this.depth > 0);
  }

  /** Ends code. */
  end(): void {
    this.write(END, this.input.start);
  }

  /** Does what the next token asks for; returns whether it belongs to the code. */
  step(): boolean {
    const { input, depth } = this;
    const frame = depth === 0 ? undefined : (this.frames[depth - 1] as Frame);
    switch (input.kind) {
      case TOKEN.open:
        this.open(frame);
        return true;
      case TOKEN.close:
        if (this.hint !== NONE) this.misplacedHint();
        if (frame === undefined) return false;
        this.close(frame);
        input.advance();
        return true;
      case TOKEN.word:
        if (frame !== undefined && !HOLDS_INSTRUCTIONS[frame.kind]) {
          input.expected('an operand in parentheses, or a closing parenthesis');
        }
        this.plain(frame);
        return true;
      case TOKEN.annotation:
        this.readHint();
        return true;
      default:
        return input.expected(frame === undefined ? 'an instruction or a closing parenthesis' : 'an instruction');
    }
  }

  /** An instruction in parentheses, or an arm of an `if`. */
  private open(frame: Frame | undefined): void {
    const { input } = this;
    const outer = frame?.kind;
    if (frame !== undefined && outer === FRAME.if && input.tryOpen('then')) {
      this.mark(frame.place);
      this.recordHint(frame.hint);
      this.code.append(frame.pending as Writer);
      this.labels.push(frame.label);
      frame.kind = FRAME.afterThen;
      this.push(FRAME.arm, 0);
      return;
    }
    if (frame !== undefined && outer === FRAME.afterThen && input.tryOpen('else')) {
      this.write(ELSE, input.start);
      frame.kind = FRAME.afterElse;
      this.push(FRAME.arm, 0);
      return;
    }
    if (frame !== undefined && this.openTryArm(frame)) return;
    const parts = outer === undefined ? undefined : PARTS[outer];
    if (parts !== undefined) input.expected(parts);
    input.advance();
    const row = this.row();
    const flow = FLOW[row];
    if (isPart(flow)) input.expected('an instruction');
    const inner = this.push(FRAME.plain, row);
    input.advance();
    if (flow === 'open' || flow === 'loop') {
      inner.kind = row === TRY ? FRAME.try : FRAME.block;
      this.construct(inner.hint, row, inner.place);
    } else {
      if (flow === 'if') {
        inner.kind = FRAME.if;
        inner.label = this.labels.read(input);
      }
      inner.pending ??= new Writer(16);
      this.immediates.read(row, inner.pending);
    }
  }

  /** A part of a folded `try`, if one comes that may stand here. */
  private openTryArm(frame: Frame): boolean {
    const { input } = this;
    const { kind } = frame;
    const place = input.start;
    if (kind === FRAME.try && input.tryOpen('do')) frame.kind = FRAME.afterDo;
    else if (kind !== FRAME.afterDo && kind !== FRAME.afterCatch) return false;
    else if (input.tryOpen('catch')) {
      this.mark(place);
      this.immediates.read(CATCH, this.code);
      frame.kind = FRAME.afterCatch;
    } else if (input.tryOpen('catch_all')) {
      this.write(CATCH_ALL, place);
      frame.kind = FRAME.afterCatchAll;
    } else if (kind === FRAME.afterDo && input.tryOpen('delegate')) {
      this.delegate(place);
      input.close();
      frame.kind = FRAME.afterDelegate;
      return true;
    } else return false;
    this.push(FRAME.arm, 0);
    return true;
  }

  /** Ends a `try`, whose own label its label does not count. */
  private delegate(place: number): void {
    this.labels.pop();
    this.mark(place);
    this.immediates.read(DELEGATE, this.code);
  }

  private push(kind: number, row: number): Frame {
    const { frames, depth } = this;
    this.depth++;
    let frame = frames[depth];
    if (frame === undefined) {
      frame = { kind, row, place: 0, label: undefined, hint: NONE, pending: undefined };
      frames.push(frame);
    }
    frame.kind = kind;
    frame.row = row;
    frame.place = this.input.start;
    frame.label = undefined;
    frame.hint = this.takeHint(row);
    return frame;
  }

  private close(frame: Frame): void {
    const { input } = this;
    switch (frame.kind) {
      case FRAME.plain:
        this.mark(frame.place);
        this.recordHint(frame.hint);
        this.code.append(frame.pending as Writer);
        break;
      case FRAME.block:
      case FRAME.afterThen:
      case FRAME.afterElse:
      case FRAME.afterDo:
      case FRAME.afterCatch:
      case FRAME.afterCatchAll:
        this.write(END, input.start);
        this.labels.pop();
        break;
      case FRAME.if:
        input.expected('(then …)');
        break;
      case FRAME.try:
        input.expected('(do …)');
        break;
      case FRAME.flat:
      case FRAME.flatIf:
      case FRAME.flatTry:
      case FRAME.flatCatch:
        input.expected('the end of a construct');
    }
    this.depth--;
  }

  /** What begins an arm of a flat construct, or ends it. */
  private part(around: Frame | undefined, row: number): void {
    const { input, labels } = this;
    const place = input.start;
    const frame = around ?? input.expected('an instruction');
    const { kind } = frame;
    const isEnd = row === END ? kind >= FRAME.flat : row === DELEGATE && kind === FRAME.flatTry;
    const next = isEnd ? kind : (flatWith(kind, row) ?? input.expected('an instruction'));
    if (this.hint !== NONE) this.misplacedHint();
    input.advance();
    if (row === END || row === ELSE) labels.repeat(input);
    if (row === DELEGATE) this.delegate(place);
    else {
      this.mark(place);
      this.immediates.read(row, this.code);
    }
    frame.kind = next;
    if (row === END) labels.pop();
    if (isEnd) this.depth--;
  }

  /** An instruction that is not folded. */
  private plain(frame: Frame | undefined): void {
    const { input } = this;
    const row = this.row();
    const place = input.start;
    if (isPart(FLOW[row])) {
      this.part(frame, row);
      return;
    }
    if (OPENS[row]) {
      const { hint } = this.push(row === IF ? FRAME.flatIf : row === TRY ? FRAME.flatTry : FRAME.flat, row);
      input.advance();
      this.construct(hint, row, place);
      return;
    }
    const hint = this.takeHint(row);
    input.advance();
    this.mark(place);
    this.recordHint(hint);
    this.immediates.read(row, this.code);
  }

  /** What opens a construct, from its label on. */
  private construct(hint: number, row: number, place: number): void {
    const label = this.labels.read(this.input);
    this.mark(place);
    this.recordHint(hint);
    this.immediates.read(row, this.code);
    this.labels.push(label);
  }

  private row(): number {
    const { input } = this;
    if (input.kind !== TOKEN.word) input.expected('an instruction');
    const row = ROW_OF_WORD.get(input.text);
    if (row !== undefined) return row;
    return input.unknown(`unknown operator ${quote(input.text)}`);
  }

  private write(row: number, place: number): void {
    this.mark(place);
    writeOpcode(this.code, row);
  }

  private mark(place: number): void {
    this.marks?.add(this.code.length, place);
  }

  /** `(@metadata.code.branch_hint "\01")`, before the instruction it is for. */
  private readHint(): void {
    const { input } = this;
    if (!input.tryAnnotation('metadata.code.branch_hint')) input.expected('an instruction');
    if (this.immediates.locals === undefined) input.fail('@metadata.code.branch_hint annotation: not in a function');
    if (this.hint !== NONE) input.fail('@metadata.code.branch_hint annotation: duplicate annotation');
    const { start, end } = input;
    const bytes = input.bytes();
    const value = bytes[0] ?? NONE;
    if (bytes.length !== 1 || value > 1) {
      input.fail('@metadata.code.branch_hint annotation: "\\00" or "\\01" expected', start, end);
    }
    input.close();
    this.hint = value;
  }

  private takeHint(row: number): number {
    const { hint } = this;
    if (hint === NONE) return NONE;
    if (!HINTED.includes(row)) this.misplacedHint();
    this.hint = NONE;
    return hint;
  }

  private misplacedHint(): never {
    return this.input.fail('@metadata.code.branch_hint annotation: invalid target: if or br_if has to follow');
  }

  private recordHint(hint: number): void {
    if (hint !== NONE) this.hints.push(this.code.length, hint);
  }
}
