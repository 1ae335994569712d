/**
 * Instructions in the text format (specification 6.5), flat and folded, to code. Constructs and folded instructions that
 * are open are kept on a stack, so that depth costs no JavaScript stack.
 */

import { type Flow, OPCODES, opcode } from '../opcodes.ts';
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
/** What a branch hint may be for. */
const HINTED: readonly number[] = [opcode('if').index, opcode('br_if').index];

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
  /** An arm of it: instructions follow. */
  thenArm: 5,
  elseArm: 6,
  /** Constructs that `end` ends. */
  flat: 7,
  flatIf: 8,
} as const;

/** Whether instructions may follow that are not folded. */
const HOLDS_INSTRUCTIONS: readonly boolean[] = [false, true, false, false, false, true, true, true, true];

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
      this.push(FRAME.thenArm, 0);
      return;
    }
    if (frame !== undefined && outer === FRAME.afterThen && input.tryOpen('else')) {
      this.write(ELSE, input.start);
      frame.kind = FRAME.afterElse;
      this.push(FRAME.elseArm, 0);
      return;
    }
    if (outer === FRAME.afterThen) input.expected('(else …) or a closing parenthesis');
    if (outer === FRAME.afterElse) input.expected('a closing parenthesis');
    input.advance();
    const row = this.row();
    const flow = FLOW[row];
    if (flow === 'end' || flow === 'else') input.expected('an instruction');
    const inner = this.push(FRAME.plain, row);
    input.advance();
    if (flow === 'open' || flow === 'loop') {
      inner.kind = FRAME.block;
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
        this.write(END, input.start);
        this.labels.pop();
        break;
      case FRAME.if:
        input.expected('(then …)');
        break;
      case FRAME.flat:
      case FRAME.flatIf:
        input.expected('the end of a construct');
    }
    this.depth--;
  }

  /** An instruction that is not folded. */
  private plain(frame: Frame | undefined): void {
    const { input, labels } = this;
    const row = this.row();
    const place = input.start;
    const flow = FLOW[row];
    if (flow === 'end' || flow === 'else') {
      const isFlat = frame?.kind === FRAME.flatIf || (flow === 'end' && frame?.kind === FRAME.flat);
      if (!isFlat) input.expected('an instruction');
      if (this.hint !== NONE) this.misplacedHint();
      input.advance();
      labels.repeat(input);
      this.write(row, place);
      if (flow === 'end') {
        labels.pop();
        this.depth--;
      } else (frame as Frame).kind = FRAME.flat;
      return;
    }
    if (flow === 'open' || flow === 'loop' || flow === 'if') {
      const { hint } = this.push(flow === 'if' ? FRAME.flatIf : FRAME.flat, row);
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
    return ROW_OF_WORD.get(input.text) ?? input.fail(`unknown operator ${quote(input.text)}`);
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
