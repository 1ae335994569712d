/** Writes the dispatch loops, and the function for rare computations, from the machine's instructions. */

import {
  EXIT,
  FIRST_RARE,
  FIRST_SYSTEM,
  FIRST_WARM,
  type LoopName,
  lengthOf,
  MACHINE_OPS,
  type MachineOp,
  type OperandsOf,
  op,
  SETTLE_BELOW,
  trapExit,
} from '../code/index.ts';
import { BOUNDS, bounded } from './bounds.ts';
import { FIRST_LOOP } from './first.ts';
import { CALLED, INLINED, meaningOf } from './meaning.ts';
import { printBlock, printDispatch, printFunction } from './print.ts';
import { Site, type Within } from './site.ts';
import {
  type Block,
  breaksTo,
  type Case,
  type Expression,
  name,
  namesUsed,
  type Statement,
  variablesOf,
} from './syntax.ts';
import { code, expression } from './template.ts';
import { flagsOf, vectorBody } from './vector.ts';

/** Reads the operands, and the parts of them, that a row's meaning and traps use. */
function operands(c: Site): Block {
  const { row, operands: kinds } = c.op;
  const { uses } = meaningOf(row);
  const set = (to: string, value: Expression) => (uses.has(to) ? code`${name(to)} = ${value};` : []);
  return [...(row?.params ?? '')].flatMap((type, i) => {
    const operand = 'abc'[i] as string;
    const [low, high] = [`${operand}l`, `${operand}h`];
    if (kinds[operand] === 'constant') return code`${name(operand)} = ${c.word(operand)};`;
    if (kinds[operand] === 'constant64') return [...set(low, c.word(operand)), ...set(high, c.word(operand, 1))];
    if (type === 'i') return set(operand, c.low(operand));
    if (type === 'f') {
      return [...set(operand, c.single(operand)), ...set(`${operand}i`, c.low(operand))];
    }
    if (!uses.has(low) && !uses.has(high)) return set(operand, c.double(operand));
    if (type === 'l' && c.takes(operand)) return [...set(low, name('x')), ...set(high, name('z'))];
    const register = name(`${operand}r`);
    return [
      ...code`${register} = ${c.register(operand)};`,
      ...set(operand, expression`F64[${register} >> 1]`),
      ...set(low, expression`R[${register}]`),
      ...set(high, expression`R[${register} + 1 | 0]`),
    ];
  });
}

/** What a helper computes, whose result has 64 bits. */
function stored(c: Site, helper: string, args: readonly Expression[]): Block {
  const inlined = INLINED[helper];
  const d = code`d = ${c.register('result')};`;
  if (inlined === undefined) {
    return [...d, { is: 'call', call: { is: 'call', of: name(helper), args: [name('R'), name('d'), ...args] } }];
  }
  const renamed = inlined.params.flatMap((param, i) => {
    const argument = args[i] as Expression;
    return argument.is === 'name' && argument.name === param ? [] : code`${name(param)} = ${argument};`;
  });
  const computed = [...renamed, ...inlined.body];
  if (inlined.goes !== undefined) return [...d, ...computed, ...goTo(c, inlined.goes)];
  return [...computed, ...storeHalves(c, name('hi'))];
}

/** Stores `lo` and a high word, or hands them on. */
function storeHalves(c: Site<'result'>, high: Expression): Block {
  if (c.hands) return code`z = ${high}; x = lo;`;
  return code`d = ${c.register('result')}; R[d] = lo; R[d + 1 | 0] = ${high};`;
}

/** Leaves for what is shared, which goes on with the next instruction. */
function goTo(c: Site, label: string): Block {
  return [...code`pc = ${c.behind()};`, { is: 'jump', word: 'break', label }];
}

/** Stores a row's result. */
function store(c: Site): Block {
  const { row } = c.op;
  const { result } = meaningOf(row);
  const d = code`d = ${c.register('result')};`;
  if (result.is === 'stored') return stored(c, result.helper, result.args);
  if (result.is === 'halves') return code`lo = ${result.low}; ${storeHalves(c, result.high)}`;
  const { value } = result;
  if (row?.results === 'i' || result.is === 'bits') return code`${c.low('result')} = ${value};`;
  const isSingle = row?.results === 'f';
  if (c.hands) return isSingle ? code`y = Math.fround(${value});` : code`y = ${value};`;
  const target = isSingle ? expression`F32[d]` : expression`F64[d >> 1]`;
  if (row?.neverNaN) return code`${d} ${target} = ${value};`;
  const canonical = isSingle ? code`R[d] = 0x7fc00000;` : code`pc = ${c.behind()}; break nan;`;
  return code`r = ${value}; ${d} if (r === r) ${target} = r; else { ${canonical} }`;
}

/** What instructions that end at a checkpoint go to. */
const CHECKPOINT = code`published = gas; if (gas < 0) { exit = ${EXIT.gas}; break loop; }`;

/**
 * The same for the loop that counts no gas. It counts down the checkpoints themselves, at loop headers and when functions
 * are entered, so that the guest can be interrupted all the same.
 */
const COUNTDOWN = code`left = left - 1 | 0; if (left < 0) { exit = ${EXIT.gas}; break loop; }`;

/** What cases may go to by `break`, as it is rarely needed and the same for many. They have then set `pc`. */
const SHARED: Readonly<Record<string, (isMetered: boolean) => Block>> = {
  checkpoint: (isMetered) => (isMetered ? CHECKPOINT : COUNTDOWN),
  // Another where it leads backwards, as a loop header is there then.
  take: (isMetered) => code`
    target = C[at];
    ${isMetered ? code`gas = gas - C[at + 1 | 0] | 0;` : []}
    if (target > pc) { pc = target; continue; }
    pc = target;
    ${isMetered ? CHECKPOINT : COUNTDOWN}`,
  leave: (isMetered) => code`
    depth = depth - C[at] | 0;
    sp = sp - 1 | 0;
    pc = frames[sp];
    fp = fp - C[pc - 1 | 0] | 0;
    ${isMetered ? code`published = gas; if (gas < ${SETTLE_BELOW}) { exit = ${EXIT.settle}; break loop; }` : []}`,
  popcnt: () => code`
    lo = al - (al >>> 1 & 0x55555555) | 0;
    lo = (lo & 0x33333333) + (lo >>> 2 & 0x33333333) | 0;
    hi = ah - (ah >>> 1 & 0x55555555) | 0;
    hi = (hi & 0x33333333) + (hi >>> 2 & 0x33333333) | 0;
    lo = lo + hi | 0;
    lo = (lo & 0x0f0f0f0f) + (lo >>> 4 & 0x0f0f0f0f) | 0;
    R[d] = Math.imul(lo, 0x01010101) >>> 24;
    R[d + 1 | 0] = 0;`,
  divide: () => code`
    s = 0;
    if ((count & 2) !== 0) {
      s = (count & 1) !== 0 ? ah : ah ^ bh;
      if (ah < 0) { ah = al === 0 ? 0 - ah | 0 : ~ah; al = 0 - al | 0; }
      if (bh < 0) { bh = bl === 0 ? 0 - bh | 0 : ~bh; bl = 0 - bl | 0; }
    }
    a = ah >>> 0;
    b = (bh >>> 0) * 4294967296 + (bl >>> 0);
    if (b < 2097152) {
      y = Math.floor(a / b);
      hi = y | 0;
      a = (a - y * b) * 4294967296 + (al >>> 0);
      y = Math.floor(a / b);
      lo = y | 0;
      al = a - y * b | 0;
      ah = 0;
    } else {
      a = a * 4294967296 + (al >>> 0);
      y = Math.floor(a / b);
      lo = al - Math.imul(y | 0, bl) | 0;
      r = Math.floor((a - y * b - (lo >>> 0)) / 4294967296 + 1 / 2);
      hi = r | 0;
      if (r < 0) {
        y = y - 1;
        hi = hi + bh + Math.floor(((lo >>> 0) + (bl >>> 0)) / 4294967296) | 0;
        lo = lo + bl | 0;
      } else if (r > bh >>> 0 || (r === bh >>> 0 && lo >>> 0 >= bl >>> 0)) {
        y = y + 1;
        hi = hi - bh + Math.floor(((lo >>> 0) - (bl >>> 0)) / 4294967296) | 0;
        lo = lo - bl | 0;
      }
      al = lo;
      ah = hi;
      lo = y | 0;
      hi = Math.floor(y / 4294967296) | 0;
    }
    if ((count & 1) !== 0) { lo = al; hi = ah; }
    if (s < 0) { hi = lo === 0 ? 0 - hi | 0 : ~hi; lo = 0 - lo | 0; }
    R[d] = lo;
    R[d + 1 | 0] = hi;`,
  bounds: () => code`exit = ${trapExit('memory-out-of-bounds')}; break loop;`,
  nan: () => code`R[d] = 0; R[d + 1 | 0] = 0x7ff80000;`,
  bytewise: () => code`for (; ea < end; ea = ea + 1 | 0) { U8[ea] = lo; lo = lo >>> 8 | hi << 24; hi = hi >> 8; }`,
};

/** Takes the label that is at `at`. */
const TAKE = code`break take;`;

function take(c: Site<'target'>): Block {
  return code`at = ${c.placeOf('target')}; ${TAKE}`;
}

/** Where the branch is not taken, what follows in the same case is executed. */
function branch(c: Site<'target' | 'onward'>, condition: Expression): Block {
  return code`
    if (${condition}) { ${take(c)} }
    ${c.charge(c.word('onward'))}
    ${c.next()}`;
}

/** Enters the function at `entry`, returning behind this instruction. */
function enter(c: Site<'entry' | 'base'>): Block {
  return code`
    entry = ${c.word('entry')};
    deeper = depth + C[entry - 4 | 0] | 0;
    if (deeper > depthLimit) { ${c.exit(EXIT.stack)} }
    depth = deeper;
    frames[sp] = ${c.behind()};
    sp = sp + 1 | 0;
    fp = fp + ${c.word('base')} | 0;
    end = fp + C[entry - 1 | 0] | 0;
    for (let i = fp + C[entry - 2 | 0] | 0; i < end; i = i + 1 | 0) R[i] = 0;
    ${c.charge(expression`C[entry - 3 | 0]`)}
    pc = entry;
    break checkpoint;`;
}

function leave(c: Site<'weight'>): Block {
  return code`at = ${c.placeOf('weight')}; break leave;`;
}

const COPY64 = code`R[d] = R[s]; R[d + 1 | 0] = R[s + 1 | 0];`;

/** Whether `hi` is the high word of an f64 that is no NaN, so that its bits do not change as a JavaScript number. */
const IS_NUMBER = expression`(hi & 0x7ff00000) !== 0x7ff00000`;

/** The instructions that have no row. Those that do not set `pc` go on to the next. */
const OWN: { readonly [N in LoopName]: (c: Site<keyof OperandsOf<N> & string>) => Block } = {
  halt: (c) => c.exit(EXIT.done),
  leave: (c) => c.exit(EXIT.leave),
  trap: (c) => c.exit(c.word('exit')),
  br: take,
  br_nz: (c) => branch(c, expression`${c.low('condition')} !== 0`),
  br_z: (c) => branch(c, expression`${c.low('condition')} === 0`),
  br_table: (c) => code`
    count = ${c.word('labels')};
    index = ${c.low('index')} >>> 0;
    at = ${c.behind()} + ((index < count ? index : count) << 1);
    ${TAKE}`,
  loop: (c) => code`${c.charge(c.word('cost'))} ${c.next()} break checkpoint;`,
  charge: (c) => c.charge(c.word('cost')),
  call: enter,
  call_lazy: (c) => c.exit(EXIT.lazy),
  call_import: (c) => c.exit(EXIT.import),
  call_indirect: (c) => c.exit(EXIT.indirect),
  return: leave,
  return32: (c) => code`R[fp] = ${c.low('value')}; ${leave(c)}`,
  return64: (c) => code`s = ${c.register('value')}; R[fp] = R[s]; R[fp + 1 | 0] = R[s + 1 | 0]; ${leave(c)}`,
  copy32: (c) => code`${c.low('result')} = ${c.low('source')};`,
  copy64: (c) => code`s = ${c.register('source')}; d = ${c.register('result')}; ${COPY64}`,
  'copy.f64': (c) => code`
    s = ${c.register('source')};
    d = ${c.register('result')};
    hi = R[s + 1 | 0];
    if (${IS_NUMBER}) F64[d >> 1] = F64[s >> 1];
    else { R[d] = R[s]; R[d + 1 | 0] = hi; }`,
  'const.f64': (c) => code`${c.double('result')} = K.getFloat64(${c.placeOf('value')} << 2, true);`,
  const32: (c) =>
    c.handsAs === 'f32'
      ? code`y = K.getFloat32(${c.placeOf('value')} << 2, true);`
      : code`${c.low('result')} = ${c.word('value')};`,
  const64: (c) => code`lo = ${c.word('value')}; ${storeHalves(c, c.word('value', 1))}`,
  select32: (c) => code`${c.low('result')} = ${c.low('condition')} !== 0 ? ${c.low('first')} : ${c.low('second')};`,
  select64: (c) => code`
    s = fp + (${c.low('condition')} !== 0 ? ${c.word('first')} : ${c.word('second')}) | 0;
    d = ${c.register('result')};
    ${COPY64}`,
  // A 64-bit address or index: what does not fit is out of bounds everywhere.
  address: (c) => code`s = ${c.register('address')}; ${c.low('result')} = R[s + 1 | 0] === 0 ? R[s] : -1;`,
  'global.get32': (c) => code`${c.low('result')} = G[${c.word('cell')}];`,
  'global.get64': (c) => code`
    d = ${c.register('result')};
    g = ${c.word('cell')};
    R[d] = G[g];
    R[d + 1 | 0] = G[g + 1 | 0];`,
  'global.set32': (c) => code`G[${c.word('cell')}] = ${c.low('value')};`,
  'global.set64': (c) => code`
    s = ${c.register('value')};
    g = ${c.word('cell')};
    G[g] = R[s];
    G[g + 1 | 0] = R[s + 1 | 0];`,
};

/** Instructions after which `pc` is already where it should be. */
const JUMPS: ReadonlySet<string> = new Set<LoopName>([
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

/** Reads of memory by accessor: width in bytes, the low word, and the high one of an i64. */
const READ: Readonly<Record<string, readonly [bytes: number, low: Expression, high: Expression]>> = {
  i8: [1, expression`U8[ea] << 24 >> 24`, expression`lo >> 31`],
  u8: [1, expression`U8[ea]`, expression`0`],
  i16: [2, expression`V.getInt16(ea, true)`, expression`lo >> 31`],
  u16: [2, expression`V.getUint16(ea, true)`, expression`0`],
  i32: [4, expression`V.getInt32(ea, true)`, expression`lo >> 31`],
  u32: [4, expression`V.getInt32(ea, true)`, expression`0`],
  i64: [8, expression`V.getInt32(ea, true)`, expression`V.getInt32(ea + 4 | 0, true)`],
};

/** Leaves a write to a place that is not aligned to what is shared. */
const unaligned = (c: Site, bytes: number) => code`
  if ((ea & ${Math.min(bytes, 4) - 1}) !== 0) { end = ea + ${bytes} | 0; pc = ${c.behind()}; break bytewise; }`;

/**
 * Writes of memory by accessor, of `lo` and `hi`. Through typed arrays, as V8 takes a write through a `DataView` for
 * something that may change the type of any object, and looks at each array again after it.
 */
const WRITE: Readonly<Record<string, (c: Site) => Block>> = {
  i8: () => code`U8[ea] = lo;`,
  i16: (c) => code`hi = 0; ${unaligned(c, 2)} I16[ea >> 1] = lo;`,
  i32: (c) => code`hi = 0; ${unaligned(c, 4)} I32[ea >> 2] = lo;`,
  i64: (c) => code`
    ${unaligned(c, 8)}
    at = ea >> 2;
    I32[at] = lo;
    I32[at + 1 | 0] = hi;`,
};

function write(c: Site, accessor: string): Block {
  const writing = (as: string) => (WRITE[as] as (c: Site) => Block)(c);
  const kind = c.op.operands['value'];
  if (kind === 'i32') return code`lo = ${c.low('value')}; ${writing(accessor)}`;
  const s = code`s = ${c.register('value')};`;
  if (kind === 'i64') {
    const halves = c.takes('value') ? code`lo = x; hi = z;` : code`${s} lo = R[s]; hi = R[s + 1 | 0];`;
    return code`${halves} ${writing(accessor)}`;
  }
  return code`
    ${s}
    r = F64[s >> 1];
    if ((ea & 7) === 0 && r === r) D[ea >> 3] = r;
    else { lo = R[s]; hi = R[s + 1 | 0]; ${writing('i64')} }`;
}

function read(c: Site, low: Expression, high: Expression): Block {
  const kind = c.op.operands['result'];
  if (kind === 'i32') return code`${c.low('result')} = ${low};`;
  if (kind === 'i64') return code`lo = ${low}; hi = ${high}; ${storeHalves(c, name('hi'))}`;
  if (c.hands) return code`y = V.getFloat64(ea, true);`;
  return code`
    d = ${c.register('result')};
    hi = V.getInt32(ea + 4 | 0, true);
    if (${IS_NUMBER}) F64[d >> 1] = V.getFloat64(ea, true);
    else { R[d] = V.getInt32(ea, true); R[d + 1 | 0] = hi; }`;
}

function access(c: Site): Block {
  const accessor = c.op.row?.meaning as string;
  const [bytes, low, high] = READ[accessor] as (typeof READ)[string];
  const check = bounded(bytes, c.low('base'), c.word('offset'), code`${c.stay()} break bounds;`);
  return [...check, ...(c.op.form === 'store' ? write(c, accessor) : read(c, low, high))];
}

/** What a comparison's meaning compares. */
function conditionOf(op: MachineOp): Expression {
  const { result } = meaningOf(op.row);
  if (result.is === 'value' && result.value.is === 'choice') {
    const { condition, yes, no } = result.value;
    if (yes.is === 'number' && yes.digits === '1' && no.is === 'number' && no.digits === '0') return condition;
  }
  throw new TypeError(`${op.name} needs a meaning of the form \`condition ? 1 : 0\``);
}

function body(op: MachineOp, isMetered: boolean, within?: Within): Block {
  const c = new Site(op, isMetered, within);
  switch (op.form) {
    case 'own': {
      const block = OWN[op.name as LoopName](c);
      return JUMPS.has(op.name) ? block : [...block, ...c.next()];
    }
    case 'fused':
      return fused(op, isMetered);
    case 'load':
    case 'store':
      return [...access(c), ...c.next()];
    case 'branch':
    case 'branch constant':
      return [...operands(c), ...branch(c, conditionOf(op))];
    case 'branch unless':
      return [...operands(c), ...branch(c, expression`!(${conditionOf(op)})`)];
    case 'value':
    case 'constant': {
      const traps = meaningOf(op.row).traps.flatMap(([condition, kind]) => code`if (${condition}) { ${c.trap(kind)} }`);
      const block = [...operands(c), ...traps, ...store(c)];
      return block.at(-1)?.is === 'jump' ? block : [...block, ...c.next()];
    }
  }
}

function fused({ parts = [], links = [] }: MachineOp, isMetered: boolean): Block {
  let start = 0;
  return parts.flatMap((part, i) => {
    const handsAs = parts[i + 1]?.operands[links[i + 1] as string];
    const block = body(part, isMetered, { start, taken: links[i] as string, handsAs, isLast: i === parts.length - 1 });
    start += lengthOf(part.operands);
    return block;
  });
}

function cases(from: number, to: number, isMetered: boolean): Case[] {
  return MACHINE_OPS.slice(from, to).map((op, i) => ({
    numbers: [from + i],
    title: op.name,
    body: body(op, isMetered),
  }));
}

/** The cases of the loop that is used first. A fused instruction is its first part there, and the others follow. */
function firstCases(): { cases: readonly Case[]; singles: readonly number[] } {
  const singles = FIRST_LOOP.map((name) => op(name));
  const cases = singles.map((single): Case => {
    const machine = MACHINE_OPS[single] as MachineOp;
    const fused = MACHINE_OPS.flatMap(({ parts }, number) => (parts?.[0] === machine ? [number] : []));
    return { numbers: [single, ...fused], title: machine.name, body: body(machine, true) };
  });
  return { cases, singles };
}

/** Instructions of the main loop that the vector loop leaves to it, to have room for its own. */
const NOT_BESIDE_VECTORS =
  /^br.*\.(i64|f64)\.|\bi64\.([lg][te]_|rotl|sh|mul|extend|sub\.k)|^f..\.(eq|ne|[lg][te])|^load64\.[iu](8|16|32)|^i32\.(div_.|rem_.)\.k$|^i32\.rotr/;

function vectorCases(): { cases: readonly Case[]; numbers: readonly number[]; flags: readonly number[] } {
  const cases: Case[] = [];
  /** Those that do the same, by what they do, share a case. */
  const groups = new Map<string, { names: string[]; numbers: number[]; body: Block }>();
  const flags: number[] = [];
  MACHINE_OPS.forEach((op, number) => {
    flags.push(number >= FIRST_SYSTEM ? flagsOf(op.name) : 0);
    if (number < FIRST_WARM) {
      if (op.form === 'fused' || NOT_BESIDE_VECTORS.test(op.name)) return;
      cases.push({ numbers: [number], title: op.name, body: body(op, true) });
      return;
    }
    if (number < FIRST_SYSTEM) return;
    const c = new Site(op, true);
    const done = vectorBody(op.name, op.row?.params.length ?? 1, c, c.trap('memory-out-of-bounds'));
    if (done === undefined) return;
    const whole = [...done, ...c.next()];
    const key = printBlock(whole).join('\n');
    const group = groups.get(key) ?? { names: [], numbers: [], body: whole };
    group.names.push(op.name);
    group.numbers.push(number);
    groups.set(key, group);
  });
  const grouped = [...groups.values()];
  for (const { names, numbers, body } of grouped) cases.push({ numbers, title: names.join(', '), body });
  return { cases, numbers: grouped.flatMap(({ numbers }) => numbers), flags };
}

const DO_NOT_EDIT = `// Generated by \`npm run generate\` from wasm/opcodes.ts and interpreter/code/isa.ts. Do not edit.
// @ts-nocheck
`;

/** Variables that every loop has, beside those that its cases assign. */
const KEPT: readonly string[] = ['pc', 'fp', 'sp', 'depth', 'gas', 'published', 'left', 'exit', 'x', 'y'];

/** What cases, and what they go to, assign. */
function assigned(cases: readonly Case[]): Set<string> {
  const blocks = [...cases.map(({ body }) => body), ...Object.values(sharedBy(cases))];
  return new Set(blocks.flatMap((block) => variablesOf(block).filter((one) => !KEPT.includes(one))));
}

/**
 * One declaration, at the head of the function, of what cases assign. V8 gives every declaration within one a register of
 * its own otherwise: hundreds, which make the bytecode longer, and each state it keeps for deoptimising larger.
 *
 * Those of the first loop come first: minifiers name variables by their order, and only what is named alike in both loops
 * is compressed once.
 */
function variables(cases: readonly Case[], ...more: readonly string[]): string {
  const own = assigned(cases);
  const common = [...assigned(firstCases().cases)].filter((one) => own.has(one));
  const names = new Set([...common, ...more, ...own]);
  return `let ${[...names].map((one) => `${one} = 0`).join(', ')};`;
}

const CONTINUE: Statement = { is: 'jump', word: 'continue', label: undefined };
const BREAK_LOOP: Statement = { is: 'jump', word: 'break', label: 'loop' };

/** What of {@link SHARED} cases go to, and what comes before in it. */
function sharedBy(cases: readonly Case[], isMetered = true): Readonly<Record<string, Block>> {
  const shared = Object.entries(SHARED).map(([label, block]) => [label, block(isMetered)] as const);
  const blocks = cases.map(({ body }) => body);
  const reached = shared.filter(([label, block]) => blocks.some((one) => breaksTo(one, label)) && blocks.push(block));
  return Object.fromEntries(reached);
}

/**
 * Looks at the arrays that every instruction uses before the loop. V8, from Node 22 or so on, then knows inside of the loop what
 * they are, and where: of one that it meets there for the first time it finds that out at each instruction.
 */
const LOOK = code`x = R[0] + C[0] | 0;`;

/** No place in code is larger. V8 then knows that adding to it gives no number beyond 32 bits, and does not look. */
const SMALL_PC = code`pc = pc & ${2 ** 30 - 1};`;

/** The text of a dispatch loop. */
function dispatcher(title: string, cases: readonly Case[], isMetered: boolean): string {
  const counted = isMetered
    ? code`let gas = thread.gas | 0; let published = thread.published | 0;`
    : code`let left = thread.gas | 0;`;
  const counting = cases.find(({ body }) => namesUsed(body).has('gas'));
  if (!isMetered && counting !== undefined) throw new TypeError(`the loop without gas counts some: ${counting.title}`);
  const [gas, published] = isMetered ? [name('gas'), name('published')] : [name('left'), name('left')];
  return printFunction(`export function ${title}(thread: Thread): number`, [
    ...printBlock(code`
      const R = thread.registers;
      const F32 = thread.floats;
      const F64 = thread.doubles;
      const frames = thread.frames;
      const depthLimit = thread.depthLimit | 0;
      const G = thread.globals;
      const C = thread.code;
      const K = thread.constants;
      const memory = thread.memory;
      const U8 = memory.bytes;
      const I16 = memory.halves;
      const I32 = memory.words;
      const D = memory.doubles;
      const V = memory.data;
      const bytes = memory.byteLength | 0;
      ${BOUNDS}
      let pc = thread.pc | 0;
      let fp = thread.fp | 0;
      let sp = thread.sp | 0;
      let depth = thread.depth | 0;
      ${counted}
      let exit = 0;`),
    variables(cases, 'x', 'y'),
    ...printBlock(LOOK),
    ...printDispatch({
      first: SMALL_PC,
      cases,
      end: CONTINUE,
      otherwise: code`exit = ${EXIT.rare}; break loop;`,
      shared: sharedBy(cases, isMetered),
    }),
    ...printBlock(code`
      thread.pc = pc;
      thread.fp = fp;
      thread.sp = sp;
      thread.depth = depth;
      thread.gas = ${gas};
      thread.published = ${published};`),
    'return exit;',
  ]);
}

/** The text of vector-loop.generated.ts. */
export function generateVectorLoop(): string {
  const { cases, numbers, flags } = vectorCases();
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
${dispatcher('runVectors', cases, true)}
`;
}

/** The text of unmetered-loop.generated.ts. */
export function generateUnmeteredLoop(): string {
  return `${DO_NOT_EDIT}
import type { Thread } from './thread.ts';

/** As \`run\`, but \`thread.gas\` counts checkpoints rather than gas. */
${dispatcher('runUnmetered', cases(0, FIRST_RARE, false), false)}
`;
}

/** Lengths of runs of numbers from 0 on, by turns of those that are among these and of those that are not. */
function runsOf(numbers: readonly number[]): readonly number[] {
  const all = new Set(numbers);
  const runs = [0];
  for (let i = 0; i <= Math.max(...numbers); i++) {
    if (all.has(i) !== (runs.length % 2 === 1)) runs.push(0);
    runs.push((runs.pop() as number) + 1);
  }
  return runs;
}

/** The text of first-loop.generated.ts. */
export function generateFirstLoop(): string {
  const { cases, singles } = firstCases();
  return `${DO_NOT_EDIT}
import { inRuns } from './runs.ts';
import type { Thread } from './thread.ts';

/** What the first loop executes, beside fused instructions that begin with one of these. */
export const FIRST_LOOP: ReadonlySet<number> = new Set(inRuns('${runsOf(singles)}'));

/** As \`run\`, with what is frequent only, one by one: it returns EXIT.rare for all else. */
${dispatcher('runFirst', cases, true)}
`;
}

/** The text of loop.generated.ts. */
export function generateLoop(): string {
  const rare = cases(FIRST_WARM, FIRST_SYSTEM, true);
  const computeRarely = printFunction('export function computeRarely(thread: Thread): number', [
    ...printBlock(code`
      const R = thread.registers;
      const F32 = thread.floats;
      const F64 = thread.doubles;
      const C = thread.code;
      const fp = thread.fp | 0;
      let pc = thread.pc | 0;
      let exit = 0;`),
    variables(rare, 'y'),
    ...printDispatch({ first: [], cases: rare, end: BREAK_LOOP, otherwise: [], shared: sharedBy(rare) }),
    ...printBlock(code`thread.pc = pc;`),
    'return exit;',
  ]);
  return `${DO_NOT_EDIT}
import {
${CALLED.map((helper) => `  ${helper},`).join('\n')}
} from '../numeric.ts';
import type { Thread } from './thread.ts';

/**
 * Runs until something ends or interrupts the guest; returns why, one of EXIT. All state is then in the thread.
 *
 * Nothing is called from here, and no array is exchanged: the optimising compilers then keep counters as integers in
 * registers, and look at each array's type and address once.
 */
${dispatcher('run', cases(0, FIRST_RARE, true), true)}

/** Executes one computation that is not in the main loop; returns 0, or the exit of its trap. */
${computeRarely}
`;
}
