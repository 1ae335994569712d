/** What the generator builds before any text: as much of JavaScript as the loops consist of. */

export type Expression =
  | { readonly is: 'name'; readonly name: string }
  | { readonly is: 'number'; readonly digits: string }
  | { readonly is: 'unary'; readonly operator: string; readonly of: Expression }
  | { readonly is: 'binary'; readonly operator: string; readonly left: Expression; readonly right: Expression }
  | { readonly is: 'choice'; readonly condition: Expression; readonly yes: Expression; readonly no: Expression }
  /** Parentheses that were written, needed or not. */
  | { readonly is: 'group'; readonly of: Expression }
  | { readonly is: 'element'; readonly of: Expression; readonly at: Expression }
  | { readonly is: 'member'; readonly of: Expression; readonly member: string }
  | { readonly is: 'call'; readonly of: Expression; readonly args: readonly Expression[] };

/** An assignment without a keyword is to a variable of the whole function. */
export interface Assignment {
  readonly is: 'assign';
  readonly keyword: 'const' | 'let' | undefined;
  readonly to: Expression;
  readonly value: Expression;
}

export interface Jump {
  readonly is: 'jump';
  readonly word: 'break' | 'continue';
  readonly label: string | undefined;
}

export type Statement =
  | Assignment
  | Jump
  | { readonly is: 'call'; readonly call: Expression }
  | { readonly is: 'if'; readonly condition: Expression; readonly then: Block; readonly otherwise: Block }
  | {
      readonly is: 'for';
      readonly first: Assignment | undefined;
      readonly condition: Expression;
      readonly step: Assignment;
      readonly body: Block;
    };

export type Block = readonly Statement[];

/** The numbers of instructions that do the same, what they are called, and what they do. */
export interface Case {
  readonly numbers: readonly number[];
  readonly title: string;
  readonly body: Block;
}

/** Binary operators that bind as tightly as one another, the loosest first. */
const TIGHTNESS = ['||', '&&', '|', '^', '&', '=== !==', '< > <= >=', '<< >> >>>', '+ -', '* / %'];

/** How tightly the binary operators bind, from 1 on; a choice binds less, all else more. */
export const BINDING: ReadonlyMap<string, number> = new Map(
  TIGHTNESS.flatMap((operators, i) => operators.split(' ').map((operator) => [operator, i + 1] as const)),
);

export function name(of: string): Expression {
  return { is: 'name', name: of };
}

function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.is) {
    case 'name':
    case 'number':
      return [];
    case 'unary':
    case 'group':
    case 'member':
      return [expression.of];
    case 'binary':
      return [expression.left, expression.right];
    case 'choice':
      return [expression.condition, expression.yes, expression.no];
    case 'element':
      return [expression.of, expression.at];
    case 'call':
      return [expression.of, ...expression.args];
  }
}

/** The names in expressions, other than those of members. */
export function namesIn(...expressions: readonly Expression[]): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (expression: Expression) => {
    if (expression.is === 'name') names.add(expression.name);
    for (const part of partsOf(expression)) visit(part);
  };
  for (const expression of expressions) visit(expression);
  return names;
}

/** All statements of a block, those in others too. */
export function* statementsOf(block: Block): Generator<Statement> {
  for (const statement of block) {
    yield statement;
    if (statement.is === 'if') yield* statementsOf([...statement.then, ...statement.otherwise]);
    if (statement.is === 'for') {
      if (statement.first !== undefined) yield statement.first;
      yield* statementsOf([...statement.body, statement.step]);
    }
  }
}

/** The names that a block reads or assigns. */
export function namesUsed(block: Block): ReadonlySet<string> {
  const names = new Set<string>();
  for (const statement of statementsOf(block)) {
    const read =
      statement.is === 'assign'
        ? [statement.to, statement.value]
        : statement.is === 'call'
          ? [statement.call]
          : statement.is === 'jump'
            ? []
            : [statement.condition];
    for (const one of namesIn(...read)) names.add(one);
  }
  return names;
}

/** The variables of the whole function that a block assigns, in the order in which it does. */
export function variablesOf(block: Block): string[] {
  const assigned: string[] = [];
  const own: string[] = [];
  for (const statement of statementsOf(block)) {
    if (statement.is !== 'assign' || statement.to.is !== 'name') continue;
    (statement.keyword === undefined ? assigned : own).push(statement.to.name);
  }
  return assigned.filter((one) => !own.includes(one));
}

/** Whether a block leaves for what follows a label. */
export function breaksTo(block: Block, label: string): boolean {
  return [...statementsOf(block)].some((statement) => statement.is === 'jump' && statement.label === label);
}

/** An expression with what `change` says in place of parts of it; undefined leaves them. */
export function replaced(expression: Expression, change: (part: Expression) => Expression | undefined): Expression {
  const within = (part: Expression) => replaced(part, change);
  const changed = change(expression);
  if (changed !== undefined) return changed;
  switch (expression.is) {
    case 'name':
    case 'number':
      return expression;
    case 'unary':
    case 'group':
    case 'member':
      return { ...expression, of: within(expression.of) };
    case 'binary':
      return { ...expression, left: within(expression.left), right: within(expression.right) };
    case 'choice':
      return {
        ...expression,
        condition: within(expression.condition),
        yes: within(expression.yes),
        no: within(expression.no),
      };
    case 'element':
      return { ...expression, of: within(expression.of), at: within(expression.at) };
    case 'call':
      return { ...expression, of: within(expression.of), args: expression.args.map(within) };
  }
}
