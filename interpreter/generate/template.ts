/**
 * Templates of code, as JavaScript with holes for what has been built before. Nothing is understood but what the loops
 * consist of: assignments, calls, `if`, `for`, jumps and expressions.
 */

import { type Assignment, BINDING, type Block, type Expression, type Statement } from './syntax.ts';

export type Hole = Expression | Block | number;

/** Statements, and an expression behind them. */
export interface Computation {
  readonly before: Block;
  readonly result: Expression;
}

type Token =
  | { readonly is: 'name' | 'number' | 'sign'; readonly text: string }
  | { readonly is: 'hole'; readonly text: string; readonly hole: Expression | Block };

const TOKEN =
  /(?<name>[A-Za-z]\w*)|(?<number>0x[\da-f]+|\d+)|(?<sign>>>>|<<|>>|===|!==|<=|>=|&&|\|\||[-+*/%&|^~!<>=?:;,.()[\]{}])/y;

const ASSIGNABLE: ReadonlySet<Expression['is']> = new Set(['name', 'element', 'member']);

const isBlock = (hole: Expression | Block): hole is Block => Array.isArray(hole);

const numeral = (value: number): Expression =>
  value < 0 ? { is: 'unary', operator: '-', of: numeral(-value) } : { is: 'number', digits: String(value) };

/** What stands for a hole in messages. */
const HOLE = '$';

class Parser {
  private readonly source: string;
  private readonly tokens: Token[] = [];
  private next = 0;

  constructor(strings: readonly string[], holes: readonly Hole[]) {
    this.source = strings.join(HOLE).replaceAll(/\s+/g, ' ').trim();
    strings.forEach((text, i) => {
      this.read(text);
      const hole = holes[i];
      if (hole === undefined) return;
      this.tokens.push({ is: 'hole', text: HOLE, hole: typeof hole === 'number' ? numeral(hole) : hole });
    });
  }

  private read(text: string): void {
    for (let at = 0; at < text.length; ) {
      if (/\s/.test(text[at] as string)) {
        at++;
        continue;
      }
      TOKEN.lastIndex = at;
      const found = TOKEN.exec(text);
      if (found === null) this.fail(`a character that is not expected: ${text[at]}`);
      const { name, number } = found.groups as Record<string, string | undefined>;
      const is = name !== undefined ? 'name' : number !== undefined ? 'number' : 'sign';
      this.tokens.push({ is, text: found[0] });
      at = TOKEN.lastIndex;
    }
  }

  private fail(what: string): never {
    throw new TypeError(`the template \`${this.source}\` is not understood: ${what}`);
  }

  private unexpected(wanted: string): never {
    const found = this.tokens[this.next]?.text ?? 'its end';
    return this.fail(`${wanted} is expected where there is ${found}`);
  }

  private get isAtEnd(): boolean {
    return this.next === this.tokens.length;
  }

  private sees(text: string): boolean {
    const token = this.tokens[this.next];
    return token !== undefined && token.is !== 'hole' && token.text === text;
  }

  private takes(text: string): boolean {
    if (!this.sees(text)) return false;
    this.next++;
    return true;
  }

  private needs(text: string): void {
    if (!this.takes(text)) this.unexpected(text);
  }

  block(): Block {
    const { before, result } = this.computation();
    if (result !== undefined) this.unexpected(';');
    return before;
  }

  wholeExpression(): Expression {
    const expression = this.expression();
    if (!this.isAtEnd) this.unexpected('an operator');
    return expression;
  }

  halves(): readonly Expression[] {
    const low = this.expression();
    const halves = this.takes(';') ? [low, this.expression()] : [low];
    if (!this.isAtEnd) this.unexpected('an operator');
    return halves;
  }

  /** Statements up to the end; without a semicolon, the last of them is an expression. */
  computation(): { readonly before: Block; readonly result: Expression | undefined } {
    const before: Statement[] = [];
    while (!this.isAtEnd) {
      const compound = this.compound();
      if (compound !== undefined) {
        before.push(...compound);
        continue;
      }
      const statement = this.simple();
      if (this.isAtEnd && statement.is !== 'assign') return { before, result: statement };
      this.needs(';');
      before.push(this.effect(statement));
    }
    return { before, result: undefined };
  }

  private statements(): Block {
    const found: Statement[] = [];
    while (!this.takes('}')) found.push(...this.statement());
    return found;
  }

  private statement(): Block {
    const compound = this.compound();
    if (compound !== undefined) return compound;
    const statement = this.effect(this.simple());
    this.needs(';');
    return [statement];
  }

  /** A statement that does not end with a semicolon of its own, or a jump; undefined where there is none. */
  private compound(): Block | undefined {
    const token = this.tokens[this.next];
    if (token?.is === 'hole' && isBlock(token.hole)) {
      this.next++;
      return token.hole;
    }
    if (this.takes('if')) return [this.conditional()];
    if (this.takes('for')) return [this.loop()];
    for (const word of ['break', 'continue'] as const) {
      if (!this.takes(word)) continue;
      const label = this.tokens[this.next];
      if (label?.is === 'name') this.next++;
      this.needs(';');
      return [{ is: 'jump', word, label: label?.is === 'name' ? label.text : undefined }];
    }
    return undefined;
  }

  private conditional(): Statement {
    this.needs('(');
    const condition = this.expression();
    this.needs(')');
    const then = this.below();
    return { is: 'if', condition, then, otherwise: this.takes('else') ? this.below() : [] };
  }

  private loop(): Statement {
    this.needs('(');
    const first = this.sees(';') ? undefined : this.assignment();
    this.needs(';');
    const condition = this.expression();
    this.needs(';');
    const step = this.assignment();
    this.needs(')');
    return { is: 'for', first, condition, step, body: this.below() };
  }

  private below(): Block {
    return this.takes('{') ? this.statements() : this.statement();
  }

  private assignment(): Assignment {
    const found = this.simple();
    return found.is === 'assign' ? found : this.unexpected('=');
  }

  private simple(): Assignment | Expression {
    const keyword = this.takes('const') ? 'const' : this.takes('let') ? 'let' : undefined;
    const to = this.expression();
    if (!this.takes('=')) return keyword === undefined ? to : this.unexpected('=');
    if (!ASSIGNABLE.has(to.is)) this.fail('this cannot be assigned to');
    return { is: 'assign', keyword, to, value: this.expression() };
  }

  private effect(found: Assignment | Expression): Statement {
    if (found.is === 'assign') return found;
    return found.is === 'call' ? { is: 'call', call: found } : this.fail('it computes something that nothing takes');
  }

  private expression(): Expression {
    const condition = this.binary(1);
    if (!this.takes('?')) return condition;
    const yes = this.expression();
    this.needs(':');
    return { is: 'choice', condition, yes, no: this.expression() };
  }

  /** Operands with operators between that bind at least so tightly. */
  private binary(tightness: number): Expression {
    let left = this.unary();
    for (;;) {
      const token = this.tokens[this.next];
      const binding = token?.is === 'sign' ? (BINDING.get(token.text) ?? 0) : 0;
      if (token === undefined || binding < tightness || binding === 0) return left;
      this.next++;
      left = { is: 'binary', operator: token.text, left, right: this.binary(binding + 1) };
    }
  }

  private unary(): Expression {
    for (const operator of ['-', '~', '!']) {
      if (this.takes(operator)) return { is: 'unary', operator, of: this.unary() };
    }
    let of = this.operand();
    for (;;) {
      if (this.takes('[')) {
        of = { is: 'element', of, at: this.expression() };
        this.needs(']');
      } else if (this.takes('.')) {
        const member = this.tokens[this.next++];
        if (member?.is !== 'name') this.fail('a member has no name');
        of = { is: 'member', of, member: member.text };
      } else if (this.takes('(')) of = { is: 'call', of, args: this.args() };
      else return of;
    }
  }

  private args(): Expression[] {
    if (this.takes(')')) return [];
    const args: Expression[] = [];
    do args.push(this.expression());
    while (this.takes(','));
    this.needs(')');
    return args;
  }

  private operand(): Expression {
    if (this.takes('(')) {
      const of = this.expression();
      this.needs(')');
      return { is: 'group', of };
    }
    const token = this.tokens[this.next];
    if (token === undefined || token.is === 'sign') return this.unexpected('an operand');
    this.next++;
    if (token.is === 'hole') return isBlock(token.hole) ? this.fail('statements are no operand') : token.hole;
    return token.is === 'name' ? { is: 'name', name: token.text } : { is: 'number', digits: token.text };
  }
}

/** Statements. @throws TypeError where they are not understood, as below */
export function code(strings: readonly string[], ...holes: readonly Hole[]): Block {
  return new Parser(strings, holes).block();
}

export function expression(strings: readonly string[], ...holes: readonly Hole[]): Expression {
  return new Parser(strings, holes).wholeExpression();
}

/** Statements that each end with a semicolon, and an expression. */
export function computation(strings: readonly string[], ...holes: readonly Hole[]): Computation {
  const { before, result } = new Parser(strings, holes).computation();
  if (result === undefined) throw new TypeError(`the template \`${strings.join(HOLE)}\` computes nothing`);
  return { before, result };
}

/** Of text that has no holes: an expression, or two that are separated by a semicolon. */
export function halves(text: string): readonly Expression[] {
  return new Parser([text], []).halves();
}
