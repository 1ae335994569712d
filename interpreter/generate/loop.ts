/** Writes the dispatch loop, and the function for rare computations, from the machine's instructions. */

import type { TrapKind } from '../../wasm/errors.ts';
import {
  EXIT,
  FIRST_RARE,
  FIRST_SYSTEM,
  lengthOf,
  MACHINE_OPS,
  type MachineOp,
  placesIn,
  SETTLE_BELOW,
  trapExit,
} from '../code/isa.ts';
import { ctz32, mul64, rotl64, shl64, shrS64, shrU64 } from '../numeric.ts';
import { BOUNDS, bounded } from './bounds.ts';
import { flagsOf, VECTOR_VARIABLES, vectorBody } from './vector.ts';

/** An instruction's place in a sequence that is executed at once. */
interface Place {
  /** Words before it. */
  readonly start: number;
  /** The operand that the instruction before has left in `x`, or `y` if it is an f64. */
  readonly taken: string;
  /** Whether its result is left there for the next. */
  readonly hands: boolean;
  readonly isLast: boolean;
}

const ALONE: Place = { start: 0, taken: '', hands: false, isLast: true };

class Case {
  readonly op: MachineOp;
  private readonly place: Place;
  private readonly at: ReadonlyMap<string, number>;

  constructor(op: MachineOp, place: Place = ALONE) {
    this.op = op;
    this.place = place;
    this.at = placesIn(op.operands);
  }

  get hands(): boolean {
    return this.place.hands;
  }

  /** The place of an operand, or of another of its words, from the start of the instruction. */
  placeOf(operand: string, offset = 0): number {
    const at = this.at.get(operand);
    if (at === undefined) throw new TypeError(`${this.op.name} has no operand ${operand}`);
    return at + offset;
  }

  /** The word of an operand. */
  word(operand: string, offset = 0): string {
    return `C[${this.from(this.placeOf(operand, offset))}]`;
  }

  /** The index of an operand's register. */
  register(operand: string): string {
    return `fp + ${this.word(operand)} | 0`;
  }

  /** A register's low word. */
  low(operand: string): string {
    if (operand === 'result' ? this.hands : operand === this.place.taken) return 'x';
    return `R[${this.register(operand)}]`;
  }

  /** A register as an f64. */
  double(operand: string): string {
    if (operand === 'result' ? this.hands : operand === this.place.taken) return 'y';
    return `F64[(${this.register(operand)}) >> 1]`;
  }

  /** The place of a word from the start of the instruction. */
  from(words: number): string {
    return `pc + ${this.place.start + words} | 0`;
  }

  /** The place of the next instruction. */
  behind(): string {
    return this.from(lengthOf(this.op.operands));
  }

  /** Goes on to the next instruction; within a sequence it follows anyway. */
  next(): string[] {
    return this.place.isLast ? [`pc = ${this.behind()};`] : [];
  }

  /** Leaves the loop with `pc` at this instruction. */
  exit(code: number | string): string {
    const here = this.place.start === 0 ? '' : `pc = ${this.from(0)}; `;
    return `${here}exit = ${code}; break loop;`;
  }

  trap(kind: TrapKind): string {
    return this.exit(trapExit(kind));
  }
}

const uses = (text: string, name: string) => new RegExp(`\\b${name}\\b`).test(text);

/** Declarations of the operands a row's meaning and traps use. */
function operands(c: Case): string[] {
  const { row, operands: kinds } = c.op;
  const text = `${row?.meaning} ${row?.traps.map(([condition]) => condition).join(' ')}`;
  const lines: string[] = [];
  const letters = [...(row?.params ?? '')];
  letters.forEach((type, i) => {
    const name = 'abc'[i] as string;
    const isConstant = kinds[name]?.startsWith('constant');
    const wide = type === 'l' || type === 'd';
    if (isConstant) {
      if (wide) {
        if (uses(text, `${name}l`)) lines.push(`const ${name}l = ${c.word(name)};`);
        if (uses(text, `${name}h`)) lines.push(`const ${name}h = ${c.word(name, 1)};`);
      } else lines.push(`const ${name} = ${c.word(name)};`);
      return;
    }
    const reads: [string, string][] = [];
    const register = wide ? `${name}r` : `(${c.register(name)})`;
    if (type === 'i') reads.push([name, c.low(name)]);
    if (type === 'f') reads.push([name, `F32[${c.register(name)}]`], [`${name}i`, c.low(name)]);
    const isHalved = wide && (uses(text, `${name}l`) || uses(text, `${name}h`));
    if (type === 'd') reads.push([name, isHalved ? `F64[${register} >> 1]` : c.double(name)]);
    if (isHalved) reads.push([`${name}l`, `R[${register}]`], [`${name}h`, `R[${register} + 1 | 0]`]);
    const used = reads.filter(([read]) => uses(text, read));
    if (isHalved) lines.push(`const ${register} = ${c.register(name)};`);
    for (const [read, value] of used) lines.push(`const ${read} = ${value};`);
  });
  return lines;
}

/** The helpers whose text is put into the loop: a call there would cost more than it does. */
const INLINE: Readonly<Record<string, (...args: never[]) => void>> = { mul64, shl64, shrS64, shrU64, rotl64 };

/** The body of a helper with its arguments put in, which stores a 64-bit result at `d`. */
function inline(helper: (...args: never[]) => void, args: readonly string[]): string[] {
  const source = helper.toString();
  const [, , ...names] = source
    .slice(source.indexOf('(') + 1, source.indexOf(')'))
    .split(',')
    .map((name) => name.trim());
  const lines = source.slice(source.indexOf('{') + 1, source.lastIndexOf('}')).split('\n');
  const renamed = names.flatMap((name, i) => (name === args[i] ? [] : [`const ${name} = ${args[i]};`]));
  const text = lines
    .map((line) => line.trim().replaceAll('registers[at', 'R[d'))
    .filter((line) => line !== '' && !line.startsWith('//'));
  return [...renamed, ...text];
}

/** What stands for a call of the helper that is an expression, with its argument as `$1`. */
const CTZ32 = `(${(/return ([^;}]+)/.exec(ctz32.toString())?.[1] ?? '').replaceAll(/\ba\b/g, '$1')})`;

/** A call of a helper that stores a 64-bit result. */
function helped(call: string): string[] {
  const [, name = '', list = ''] = /^(\w+)\((.*)\)$/.exec(call) ?? [];
  const helper = INLINE[name];
  const args = list.split(', ');
  return helper === undefined ? [`${name}(R, d, ${list});`] : inline(helper, args);
}

/** Stores a row's result. */
function store(c: Case): string[] {
  const { row } = c.op;
  const meaning = row?.meaning as string;
  const d = `const d = ${c.register('result')};`;
  if (meaning.startsWith('=> ')) return [d, ...helped(meaning.slice(3))];
  const isBits = meaning.startsWith('bits ');
  const text = isBits ? meaning.slice(5) : meaning;
  const [low, high] = text.replaceAll(/ctz32\((\w+)\)/g, CTZ32).split('; ') as [string, string | undefined];
  if (high !== undefined) return [`const lo = ${low};`, d, 'R[d] = lo;', `R[d + 1 | 0] = ${high};`];
  if (row?.results === 'i' || isBits) return [`${c.low('result')} = ${low};`];
  const isSingle = row?.results === 'f';
  if (c.hands && !isSingle) return [`y = ${low};`];
  const target = isSingle ? 'F32[d]' : 'F64[d >> 1]';
  if (row?.neverNaN) return [d, `${target} = ${low};`];
  const canonical = isSingle ? 'R[d] = 0x7fc00000;' : `pc = ${c.behind()}; break nan;`;
  return [`const r = ${low};`, d, `if (r === r) ${target} = r;`, `else { ${canonical} }`];
}

/** What cases may go to by `break`, as it is rarely needed and the same for many. They have then set `pc`. */
const SHARED: Readonly<Record<string, readonly string[]>> = {
  nan: ['R[d] = 0;', 'R[d + 1 | 0] = 0x7ff80000;'],
  bytewise: ['for (; ea < end; ea = ea + 1 | 0) { U8[ea] = lo; lo = lo >>> 8 | hi << 24; hi = hi >> 8; }'],
};

/** A `switch` and what follows it; `last` ends that, and whatever cases go to instead. */
function dispatch(text: string, after: readonly string[], last: string): string {
  let lines = ['switch (C[pc]) {', text, '}', ...after, last];
  for (const [name, rest] of Object.entries(SHARED)) {
    if (text.includes(`break ${name};`)) lines = [`${name}: {`, ...lines, '}', ...rest, last];
  }
  return ['loop: for (;;) {', ...lines, '}'].map((line) => `  ${line}`).join('\n');
}

/** What follows the `switch`, for instructions that end at a checkpoint, and reach it by `break`. */
const CHECKPOINT = ['published = gas;', `if (gas < 0) { exit = ${EXIT.gas}; break loop; }`];

/** The same for the loop that counts no gas: what it counts down are the checkpoints themselves. */
const COUNTDOWN = ['left = left - 1 | 0;', `if (left < 0) { exit = ${EXIT.gas}; break loop; }`];

/** Goes to `target`: a checkpoint where that is backwards, as it is a loop header then. */
const GO = ['if (target <= pc) { pc = target; break; }', 'pc = target;'];

/** The branch to the target. */
function take(c: Case): string[] {
  return [`const target = ${c.word('target')};`, `gas = gas - ${c.word('target', 1)} | 0;`, ...GO];
}

/** Where the branch is not taken, what follows in the same case is executed. */
function branch(c: Case, condition: string): string[] {
  return [
    `if (${condition}) {`,
    ...[...take(c), 'continue;'].map((line) => `  ${line}`),
    '}',
    `gas = gas - ${c.word('onward')} | 0;`,
    ...c.next(),
  ];
}

/** Enters the function at `entry`, whose arguments are at `base`, returning behind this instruction. */
function enter(c: Case, base: string): string[] {
  return [
    'const deeper = depth + C[entry - 4 | 0] | 0;',
    `if (deeper > depthLimit) { ${c.exit(EXIT.stack)} }`,
    'depth = deeper;',
    `frames[sp] = ${c.behind()};`,
    'sp = sp + 1 | 0;',
    `fp = fp + ${base} | 0;`,
    'const end = fp + C[entry - 1 | 0] | 0;',
    'for (let i = fp + C[entry - 2 | 0] | 0; i < end; i = i + 1 | 0) R[i] = 0;',
    'gas = gas - C[entry - 3 | 0] | 0;',
    'pc = entry;',
    'break;',
  ];
}

function leave(c: Case): string[] {
  return [
    `depth = depth - ${c.word('weight')} | 0;`,
    'sp = sp - 1 | 0;',
    'pc = frames[sp];',
    'fp = fp - C[pc - 1 | 0] | 0;',
    'published = gas;',
    `if (gas < ${SETTLE_BELOW}) { exit = ${EXIT.settle}; break loop; }`,
  ];
}

const copy64 = (c: Case, from: string) => [
  `const s = ${c.register(from)};`,
  `const d = ${c.register('result')};`,
  'R[d] = R[s];',
  'R[d + 1 | 0] = R[s + 1 | 0];',
];

/** The instructions that have no row. Those that do not set `pc` go on to the next. */
const OWN: Record<string, (c: Case) => string[]> = {
  halt: (c) => [c.exit(EXIT.done)],
  leave: (c) => [c.exit(EXIT.leave)],
  trap: (c) => [c.exit(c.word('exit'))],
  br: take,
  br_nz: (c) => branch(c, `${c.low('condition')} !== 0`),
  br_z: (c) => branch(c, `${c.low('condition')} === 0`),
  br_table: (c) => [
    `const count = ${c.word('labels')};`,
    `const index = ${c.low('index')} >>> 0;`,
    `const at = (${c.behind()}) + ((index < count ? index : count) << 1) | 0;`,
    'const target = C[at];',
    'gas = gas - C[at + 1 | 0] | 0;',
    ...GO,
  ],
  loop: (c) => [`gas = gas - ${c.word('cost')} | 0;`, ...c.next(), 'break;'],
  charge: (c) => [`gas = gas - ${c.word('cost')} | 0;`],
  call: (c) => [`const entry = ${c.word('entry')};`, ...enter(c, c.word('base'))],
  call_lazy: (c) => [c.exit(EXIT.lazy)],
  call_import: (c) => [c.exit(EXIT.import)],
  call_indirect: (c) => [c.exit(EXIT.indirect)],
  return: leave,
  return32: (c) => [`R[fp] = ${c.low('value')};`, ...leave(c)],
  return64: (c) => [`const s = ${c.register('value')};`, 'R[fp] = R[s];', 'R[fp + 1 | 0] = R[s + 1 | 0];', ...leave(c)],
  copy32: (c) => [`${c.low('result')} = ${c.low('source')};`],
  copy64: (c) => copy64(c, 'source'),
  'copy.f64': (c) => [
    `const s = ${c.register('source')};`,
    `const d = ${c.register('result')};`,
    'const hi = R[s + 1 | 0];',
    `if (${IS_NUMBER}) F64[d >> 1] = F64[s >> 1];`,
    'else { R[d] = R[s]; R[d + 1 | 0] = hi; }',
  ],
  'const.f64': (c) => [`${c.double('result')} = K.getFloat64((${c.from(c.placeOf('value'))}) << 2, true);`],
  const32: (c) => [`${c.low('result')} = ${c.word('value')};`],
  const64: (c) => [
    `const d = ${c.register('result')};`,
    `R[d] = ${c.word('value')};`,
    `R[d + 1 | 0] = ${c.word('value', 1)};`,
  ],
  select32: (c) => [`${c.low('result')} = ${c.low('condition')} !== 0 ? ${c.low('first')} : ${c.low('second')};`],
  select64: (c) => [
    `const s = fp + (${c.low('condition')} !== 0 ? ${c.word('first')} : ${c.word('second')}) | 0;`,
    `const d = ${c.register('result')};`,
    'R[d] = R[s];',
    'R[d + 1 | 0] = R[s + 1 | 0];',
  ],
  // A 64-bit address or index: what does not fit is out of bounds everywhere.
  address: (c) => [`const s = ${c.register('address')};`, `${c.low('result')} = R[s + 1 | 0] === 0 ? R[s] : -1;`],
  'global.get32': (c) => [`${c.low('result')} = G[${c.word('cell')}];`],
  'global.get64': (c) => [
    `const d = ${c.register('result')};`,
    `const g = ${c.word('cell')};`,
    'R[d] = G[g];',
    'R[d + 1 | 0] = G[g + 1 | 0];',
  ],
  'global.set32': (c) => [`G[${c.word('cell')}] = ${c.low('value')};`],
  'global.set64': (c) => [
    `const s = ${c.register('value')};`,
    `const g = ${c.word('cell')};`,
    'G[g] = R[s];',
    'G[g + 1 | 0] = R[s + 1 | 0];',
  ],
};

/** Instructions after which `pc` is already where it should be. */
const JUMPS = new Set([
  'halt',
  'leave',
  'trap',
  'br',
  'br_nz',
  'br_z',
  'br_table',
  'loop',
  'call',
  'call_lazy',
  'call_import',
  'call_indirect',
  'return',
  'return32',
  'return64',
]);

/** Reads of memory by accessor: width in bytes, and the low word. */
const READ: Readonly<Record<string, readonly [bytes: number, text: string]>> = {
  i8: [1, 'U8[ea] << 24 >> 24'],
  u8: [1, 'U8[ea]'],
  i16: [2, 'V.getInt16(ea, true)'],
  u16: [2, 'V.getUint16(ea, true)'],
  i32: [4, 'V.getInt32(ea, true)'],
  u32: [4, 'V.getInt32(ea, true)'],
  i64: [8, 'V.getInt32(ea, true)'],
};

/** Leaves a write to a place that is not aligned to what is shared. */
const unaligned = (c: Case, bytes: number) =>
  `if ((ea & ${Math.min(bytes, 4) - 1}) !== 0) { const end = ea + ${bytes} | 0; pc = ${c.behind()}; break bytewise; }`;

/**
 * Writes of memory by accessor, of `lo` and `hi`. Through typed arrays, as V8 takes a write through a `DataView` for
 * something that may change the type of any object, and looks at each array again after it.
 */
const WRITE: Readonly<Record<string, (c: Case) => string[]>> = {
  i8: () => ['U8[ea] = lo;'],
  i16: (c) => ['const hi = 0;', unaligned(c, 2), 'I16[ea >> 1] = lo;'],
  i32: (c) => ['const hi = 0;', unaligned(c, 4), 'I32[ea >> 2] = lo;'],
  i64: (c) => [
    'const hi = R[s + 1 | 0];',
    unaligned(c, 8),
    'const at = ea >> 2;',
    'I32[at] = lo;',
    'I32[at + 1 | 0] = hi;',
  ],
};

/** Whether `hi` is the high word of an f64 that is no NaN, so that its bits do not change as a JavaScript number. */
const IS_NUMBER = '(hi & 0x7ff00000) !== 0x7ff00000';

function access(c: Case): string[] {
  const accessor = c.op.row?.meaning as string;
  const [bytes, read] = READ[accessor] as [number, string];
  const wide = c.op.name.includes('64.');
  const isDouble = c.op.name.endsWith('64.f64');
  const write = (as: string) => (WRITE[as] as (c: Case) => string[])(c);
  const lines = bounded(bytes, c.low('base'), c.word('offset'), c.trap('memory-out-of-bounds'));
  if (isDouble && c.op.form === 'store') {
    return [
      ...lines,
      `const s = ${c.register('value')};`,
      'const r = F64[s >> 1];',
      'if ((ea & 7) === 0 && r === r) D[ea >> 3] = r;',
      'else {',
      ...['const lo = R[s];', ...write('i64')].map((line) => `  ${line}`),
      '}',
    ];
  }
  if (isDouble && c.hands) return [...lines, 'y = V.getFloat64(ea, true);'];
  if (isDouble) {
    return [
      ...lines,
      `const d = ${c.register('result')};`,
      'const hi = V.getInt32(ea + 4 | 0, true);',
      `if (${IS_NUMBER}) F64[d >> 1] = V.getFloat64(ea, true);`,
      'else { R[d] = V.getInt32(ea, true); R[d + 1 | 0] = hi; }',
    ];
  }
  if (c.op.form === 'store' && !wide) return [...lines, `const lo = ${c.low('value')};`, ...write(accessor)];
  if (c.op.form === 'store')
    return [...lines, `const s = ${c.register('value')};`, 'const lo = R[s];', ...write(accessor)];
  if (!wide) return [...lines, `${c.low('result')} = ${read};`];
  const high = accessor === 'i64' ? 'V.getInt32(ea + 4 | 0, true)' : accessor.startsWith('u') ? '0' : 'lo >> 31';
  return [
    ...lines,
    `const lo = ${read};`,
    `const d = ${c.register('result')};`,
    `const hi = ${high};`,
    'R[d] = lo;',
    'R[d + 1 | 0] = hi;',
  ];
}

function body(op: MachineOp, place?: Place): string[] {
  const c = new Case(op, place);
  switch (op.form) {
    case 'own': {
      const lines = OWN[op.name]?.(c);
      if (lines === undefined) throw new TypeError(`no text for ${op.name}`);
      return JUMPS.has(op.name) ? lines : [...lines, ...c.next()];
    }
    case 'fused':
      return fused(op);
    case 'load':
    case 'store':
      return [...access(c), ...c.next()];
    case 'branch':
    case 'branch constant':
    case 'branch unless': {
      const condition = String(op.row?.meaning).replace(' ? 1 : 0', '');
      return [...operands(c), ...branch(c, op.form === 'branch unless' ? `!(${condition})` : condition)];
    }
    case 'value':
    case 'constant': {
      const traps = (op.row?.traps ?? []).map(([condition, kind]) => `if (${condition}) { ${c.trap(kind)} }`);
      return [...operands(c), ...traps, ...store(c), ...c.next()];
    }
  }
}

/**
 * Declarations within cases as assignments to variables of the function. V8 gives every declaration a register of its
 * own otherwise: hundreds, which make the bytecode longer, and each state it keeps for deoptimising larger.
 */
function shared(text: string, others: readonly string[] = []): { text: string; names: string } {
  const names = new Set<string>(others);
  const declare = (_: string, name: string) => {
    names.add(name);
    return `${name} =`;
  };
  const rest = text.replaceAll(/\bconst (\w+) =/g, declare);
  return { text: rest, names: [...names].map((name) => `${name} = 0`).join(', ') };
}

function fused({ parts = [], links = [] }: MachineOp): string[] {
  let start = 0;
  return parts.flatMap((part, i) => {
    const hands = (links[i + 1] ?? '') !== '';
    const lines = body(part, { start, taken: links[i] as string, hands, isLast: i === parts.length - 1 });
    start += lengthOf(part.operands);
    return lines;
  });
}

function cases(from: number, to: number): string {
  return MACHINE_OPS.slice(from, to)
    .map((op, i) => caseText(op.name, [from + i], body(op)))
    .join('\n');
}

function caseText(names: string, numbers: readonly number[], text: readonly string[]): string {
  const lines = text.map((line) => `        ${line}`);
  const last = lines.at(-1)?.trim() ?? '';
  const ends = last === 'break;' || (last.endsWith('break loop;') && !last.startsWith('if'));
  if (!ends) lines.push('        continue;');
  return `      ${numbers.map((number) => `case ${number}:`).join(' ')} { // ${names}\n${lines.join('\n')}\n      }`;
}

/** Instructions of the main loop that the vector loop leaves to it, to have room for its own. */
const NOT_BESIDE_VECTORS =
  /^br.*\.(i64|f64)\.|\bi64\.([lg][te]_|rotl|sh|mul|extend|sub\.k)|^f..\.(eq|ne|[lg][te])|^load64\.[iu](8|16|32)|^i32\.(div_.|rem_.)\.k$|^i32\.rotr/;

function vectorCases(): { text: string; numbers: readonly number[]; flags: readonly number[] } {
  const texts: string[] = [];
  /** Those with the same lines share a case. */
  const groups = new Map<string, { names: string[]; numbers: number[]; lines: readonly string[] }>();
  const flags: number[] = [];
  MACHINE_OPS.forEach((op, number) => {
    flags.push(number >= FIRST_SYSTEM ? flagsOf(op.name) : 0);
    if (number < FIRST_RARE) {
      if (op.form !== 'fused' && !NOT_BESIDE_VECTORS.test(op.name)) texts.push(caseText(op.name, [number], body(op)));
      return;
    }
    if (number < FIRST_SYSTEM) return;
    const c = new Case(op);
    const lines = vectorBody(op.name, op.row?.params.length ?? 1, c, c.trap('memory-out-of-bounds'));
    if (lines === undefined) return;
    const key = [...lines, ...c.next()].join('\n');
    const group = groups.get(key) ?? { names: [], numbers: [], lines: [...lines, ...c.next()] };
    group.names.push(op.name);
    group.numbers.push(number);
    groups.set(key, group);
  });
  for (const { names, numbers, lines } of groups.values()) texts.push(caseText(names.join(', '), numbers, lines));
  return { text: texts.join('\n'), numbers: [...groups.values()].flatMap(({ numbers }) => numbers), flags };
}

const DO_NOT_EDIT = `// Generated by \`npm run generate\` from wasm/opcodes.ts and interpreter/code/isa.ts. Do not edit.
// @ts-nocheck
`;

/** Whether a line does nothing but count gas. */
const COUNTS = /^ *(gas = gas - |let published|published = gas;|if \(gas < )/;

/**
 * A loop without gas. It counts down where the others check their gas, at loop headers and when functions are entered, so
 * that the guest can be interrupted all the same.
 */
function unmetered(loop: string): string {
  const lines = loop
    .split('\n')
    .filter((line) => !COUNTS.test(line))
    .map((line) =>
      line.replace('let gas = thread', 'let left = thread').replace(/(thread\.\w+ =) (gas|published);/, '$1 left;'),
    );
  const counting = lines.find((line) => /\bgas\b(?<!thread\.gas)/.test(line));
  if (counting !== undefined) throw new TypeError(`the loop without gas counts some: ${counting}`);
  return lines.join('\n');
}

/** The text of a dispatch loop. */
function dispatcher(
  name: string,
  { text, names }: { text: string; names: string },
  checkpoint: readonly string[] = CHECKPOINT,
): string {
  return `export function ${name}(thread: Thread): number {
  const R = thread.registers;
  const F32 = thread.floats;
  const F64 = thread.doubles;
  const frames = thread.frames;
  const depthLimit = thread.depthLimit | 0;
  const G = thread.globals;
  const C = thread.code;
  const K = thread.constants;
  const U8 = thread.memory.bytes;
  const I16 = thread.memory.halves;
  const I32 = thread.memory.words;
  const D = thread.memory.doubles;
  const V = thread.memory.data;
  ${BOUNDS.join('\n  ')}
  let pc = thread.pc | 0;
  let fp = thread.fp | 0;
  let sp = thread.sp | 0;
  let depth = thread.depth | 0;
  let gas = thread.gas | 0;
  let published = thread.published | 0;
  let exit = 0;
  let x = 0, y = 0, ${names};
${dispatch(`${text}\n      default: { exit = ${EXIT.rare}; break loop; }`, checkpoint, 'continue;')}
  thread.pc = pc;
  thread.fp = fp;
  thread.sp = sp;
  thread.depth = depth;
  thread.gas = gas;
  thread.published = published;
  return exit;
}`;
}

/** The text of vector-loop.generated.ts. */
export function generateVectorLoop(): string {
  const { text, numbers, flags } = vectorCases();
  return `${DO_NOT_EDIT}
import type { Thread } from './thread.ts';

/** What the vector loop executes beside instructions of the main loop. */
export const VECTOR_LOOP: ReadonlySet<number> = new Set([${numbers.join(', ')}]);

/** What instructions that share a case differ in. */
const FLAGS = new Uint8Array([${flags.join(', ')}]);
/** Two vectors, while their bytes are shuffled. */
const LANES = new Int32Array(8);
const BYTES = new Uint8Array(LANES.buffer);

/** As \`run\`, with vectors and without some of what is rare beside them: it then returns EXIT.rare. */
${dispatcher('runVectors', shared(text, VECTOR_VARIABLES))}
`;
}

/** The text of unmetered-loop.generated.ts. */
export function generateUnmeteredLoop(): string {
  return `${DO_NOT_EDIT}
import type { Thread } from './thread.ts';

/** As \`run\`, but \`thread.gas\` counts checkpoints rather than gas. */
${unmetered(dispatcher('runUnmetered', shared(cases(0, FIRST_RARE)), COUNTDOWN))}
`;
}

/** The text of loop.generated.ts. */
export function generateLoop(): string {
  const main = shared(cases(0, FIRST_RARE));
  const rare = shared(cases(FIRST_RARE, FIRST_SYSTEM).replaceAll('        continue;', '        break loop;'));
  return `${DO_NOT_EDIT}
import {
  divS64, divU64, nearest, popcnt32, remS64, remU64, roundS64ToF32, roundU64ToF32, trunc64, truncSatS32,
  truncSatS64, truncSatU32, truncSatU64,
} from '../numeric.ts';
import type { Thread } from './thread.ts';

/**
 * Runs until something ends or interrupts the guest; returns why, one of EXIT. All state is then in the thread.
 *
 * Nothing is called from here, and no array is exchanged: the optimising compilers then keep counters as integers in
 * registers, and look at each array's type and address once.
 */
${dispatcher('run', main)}

/** Executes one computation that is not in the main loop; returns 0, or the exit of its trap. */
export function computeRarely(thread: Thread): number {
  const R = thread.registers;
  const F32 = thread.floats;
  const F64 = thread.doubles;
  const C = thread.code;
  const fp = thread.fp | 0;
  let pc = thread.pc | 0;
  let exit = 0;
  let ${rare.names};
${dispatch(rare.text, [], 'break loop;')}
  thread.pc = pc;
  return exit;
}
`;
}
