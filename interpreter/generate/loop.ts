/** Writes the dispatch loop, and the function for rare computations, from the machine's instructions. */

import type { TrapKind } from '../../wasm/errors.ts';
import {
  EXIT,
  FIRST_RARE,
  FIRST_SYSTEM,
  lengthOf,
  MACHINE_OPS,
  type MachineOp,
  SETTLE_BELOW,
  trapExit,
} from '../isa.ts';

/** Where each operand letter's first word is, counted from the instruction's number. */
function places(operands: string): Map<string, number> {
  const at = new Map<string, number>();
  let place = 1;
  for (const letter of operands) {
    at.set(letter, place);
    place += letter === 'K' || letter === 't' ? 2 : 1;
  }
  return at;
}

class Case {
  readonly op: MachineOp;
  private readonly at: Map<string, number>;
  readonly length: number;

  constructor(op: MachineOp) {
    this.op = op;
    this.at = places(op.operands);
    this.length = lengthOf(op.operands);
  }

  /** The word of an operand. */
  word(letter: string, offset = 0): string {
    return `C[pc + ${(this.at.get(letter) as number) + offset} | 0]`;
  }

  /** The index of an operand's register. */
  register(letter: string): string {
    return `fp + ${this.word(letter)} | 0`;
  }

  /** A register's low word. */
  low(letter: string): string {
    return `R[${this.register(letter)}]`;
  }

  next(): string {
    return `pc = pc + ${this.length} | 0;`;
  }
}

const uses = (text: string, name: string) => new RegExp(`\\b${name}\\b`).test(text);

/** Declarations of the operands a row's meaning and traps use. */
function operands(c: Case): string[] {
  const { row, form } = c.op;
  const text = `${row?.meaning} ${row?.traps.map(([condition]) => condition).join(' ')}`;
  const lines: string[] = [];
  const letters = [...(row?.params ?? '')];
  letters.forEach((type, i) => {
    const name = 'abc'[i] as string;
    const isConstant = form.includes('constant') && i === letters.length - 1;
    const wide = type === 'l' || type === 'd';
    if (isConstant) {
      if (wide) {
        if (uses(text, `${name}l`)) lines.push(`const ${name}l = ${c.word('K')};`);
        if (uses(text, `${name}h`)) lines.push(`const ${name}h = ${c.word('K', 1)};`);
      } else lines.push(`const ${name} = ${c.word('k')};`);
      return;
    }
    const reads: [string, string][] = [];
    const register = wide ? `${name}r` : `(${c.register(name)})`;
    if (type === 'i') reads.push([name, c.low(name)]);
    if (type === 'f') reads.push([name, `F32[${c.register(name)}]`], [`${name}i`, c.low(name)]);
    if (type === 'd') reads.push([name, `F64[${register} >> 1]`]);
    if (wide) reads.push([`${name}l`, `R[${register}]`], [`${name}h`, `R[${register} + 1 | 0]`]);
    const used = reads.filter(([read]) => uses(text, read));
    if (wide && used.length > 0) lines.push(`const ${register} = ${c.register(name)};`);
    for (const [read, value] of used) lines.push(`const ${read} = ${value};`);
  });
  return lines;
}

function exit(code: string): string {
  return `exit = ${code}; break loop;`;
}

function trap(kind: TrapKind): string {
  return exit(String(trapExit(kind)));
}

/** Whether a float result may be a NaN that the operands' bits decide: it is made canonical. */
function mayBeNaN(mnemonic: string): boolean {
  return !mnemonic.includes('convert');
}

/** Stores a row's result. */
function store(c: Case): string[] {
  const { row } = c.op;
  const meaning = row?.meaning as string;
  const d = `const d = ${c.register('d')};`;
  if (meaning.startsWith('=> ')) return [d, `${meaning.slice(3).replace('(', '(R, d, ')};`];
  const isBits = meaning.startsWith('bits ');
  const text = isBits ? meaning.slice(5) : meaning;
  const [low, high] = text.split('; ') as [string, string | undefined];
  if (high !== undefined) return [`const lo = ${low};`, d, 'R[d] = lo;', `R[d + 1 | 0] = ${high};`];
  if (row?.results === 'i' || isBits) return [`${c.low('d')} = ${low};`];
  const isSingle = row?.results === 'f';
  const target = isSingle ? 'F32[d]' : 'F64[d >> 1]';
  if (!mayBeNaN(row?.mnemonic as string)) return [d, `${target} = ${low};`];
  const canonical = isSingle ? 'R[d] = 0x7fc00000;' : 'R[d] = 0; R[d + 1 | 0] = 0x7ff80000;';
  return [`const r = ${low};`, d, `if (r === r) ${target} = r;`, `else { ${canonical} }`];
}

/** The branch to `t`: charge, and look at the gas where it leads backwards, as that is to a loop header. */
function take(c: Case): string[] {
  return [
    `const target = ${c.word('t')};`,
    `gas = gas - ${c.word('t', 1)} | 0;`,
    'if (target <= pc) {',
    '  published = gas;',
    `  pc = target;`,
    `  if (gas < 0) { ${exit(String(EXIT.gas))} }`,
    '  continue;',
    '}',
    'pc = target;',
  ];
}

function branch(c: Case, condition: string): string[] {
  return [
    `if (${condition}) {`,
    ...take(c).map((line) => `  ${line}`),
    '} else {',
    `  gas = gas - ${c.word('f')} | 0;`,
    `  ${c.next()}`,
    '}',
  ];
}

/** Enters the function at `entry`, whose arguments are at `base`, returning behind this instruction. */
function enter(c: Case, base: string): string[] {
  return [
    'const deeper = depth + C[entry - 4 | 0] | 0;',
    `if (deeper > depthLimit) { ${exit(String(EXIT.stack))} }`,
    'depth = deeper;',
    `frames[sp] = pc + ${c.length} | 0;`,
    'sp = sp + 1 | 0;',
    `fp = fp + ${base} | 0;`,
    'for (let i = fp + C[entry - 2 | 0] | 0, end = fp + C[entry - 1 | 0] | 0; i < end; i = i + 1 | 0) R[i] = 0;',
    'gas = gas - C[entry - 3 | 0] | 0;',
    'published = gas;',
    'pc = entry;',
    `if (gas < 0) { ${exit(String(EXIT.gas))} }`,
  ];
}

function leave(c: Case): string[] {
  return [
    `depth = depth - ${c.word('x')} | 0;`,
    'sp = sp - 1 | 0;',
    'pc = frames[sp];',
    'fp = fp - C[pc - 1 | 0] | 0;',
    'published = gas;',
    `if (gas < ${SETTLE_BELOW}) { ${exit(String(EXIT.settle))} }`,
  ];
}

const copy64 = (c: Case, from: string) => [
  `const s = ${c.register(from)};`,
  `const d = ${c.register('d')};`,
  'R[d] = R[s];',
  'R[d + 1 | 0] = R[s + 1 | 0];',
];

/** The instructions that have no row. Those that do not set `pc` go on to the next. */
const OWN: Record<string, (c: Case) => string[]> = {
  halt: () => [exit(String(EXIT.done))],
  leave: () => [exit(String(EXIT.leave))],
  trap: (c) => [exit(c.word('x'))],
  br: take,
  br_nz: (c) => branch(c, `${c.low('a')} !== 0`),
  br_z: (c) => branch(c, `${c.low('a')} === 0`),
  br_table: (c) => [
    `const count = ${c.word('n')};`,
    `const index = ${c.low('a')} >>> 0;`,
    'const at = pc + 3 + ((index < count ? index : count) << 1) | 0;',
    'const target = C[at];',
    'gas = gas - C[at + 1 | 0] | 0;',
    'if (target <= pc) {',
    '  published = gas;',
    '  pc = target;',
    `  if (gas < 0) { ${exit(String(EXIT.gas))} }`,
    '  continue;',
    '}',
    'pc = target;',
  ],
  loop: (c) => [
    `gas = gas - ${c.word('x')} | 0;`,
    'published = gas;',
    c.next(),
    `if (gas < 0) { ${exit(String(EXIT.gas))} }`,
  ],
  charge: (c) => [`gas = gas - ${c.word('x')} | 0;`],
  call: (c) => [`const entry = ${c.word('x')};`, ...enter(c, c.word('y'))],
  call_lazy: (c) => [
    `C = thread.link(pc, ${c.word('x')});`,
    // The instruction has become a `call`.
    'continue;',
  ],
  call_import: (c) => [`thread.toImport(${c.word('x')}, ${c.word('y')});`, c.next(), exit(String(EXIT.call))],
  call_indirect: (c) => [
    // Every call publishes, also one that fails.
    'published = gas;',
    `const entry = thread.toElement(${c.word('x')}, ${c.word('y')}, ${c.low('a')}, ${c.word('z')});`,
    'C = thread.code;',
    'if (entry <= 0) {',
    `  if (entry === ${-EXIT.call}) ${c.next()}`,
    '  exit = -entry; break loop;',
    '}',
    ...enter(c, c.word('z')),
  ],
  return: leave,
  return32: (c) => [`R[fp] = ${c.low('a')};`, ...leave(c)],
  return64: (c) => [`const s = ${c.register('a')};`, 'R[fp] = R[s];', 'R[fp + 1 | 0] = R[s + 1 | 0];', ...leave(c)],
  copy32: (c) => [`${c.low('d')} = ${c.low('a')};`],
  copy64: (c) => copy64(c, 'a'),
  const32: (c) => [`${c.low('d')} = ${c.word('k')};`],
  const64: (c) => [`const d = ${c.register('d')};`, `R[d] = ${c.word('K')};`, `R[d + 1 | 0] = ${c.word('K', 1)};`],
  select32: (c) => [`${c.low('d')} = ${c.low('c')} !== 0 ? ${c.low('a')} : ${c.low('b')};`],
  select64: (c) => [
    `const s = fp + (${c.low('c')} !== 0 ? ${c.word('a')} : ${c.word('b')}) | 0;`,
    `const d = ${c.register('d')};`,
    'R[d] = R[s];',
    'R[d + 1 | 0] = R[s + 1 | 0];',
  ],
  'global.get32': (c) => [`${c.low('d')} = G[${c.word('x')}];`],
  'global.get64': (c) => [
    `const d = ${c.register('d')};`,
    `const g = ${c.word('x')};`,
    'R[d] = G[g];',
    'R[d + 1 | 0] = G[g + 1 | 0];',
  ],
  'global.set32': (c) => [`G[${c.word('x')}] = ${c.low('a')};`],
  'global.set64': (c) => [
    `const s = ${c.register('a')};`,
    `const g = ${c.word('x')};`,
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

/** Reads and writes of memory, by accessor: width in bytes, low word, high word (for the wide forms). */
const ACCESS: Readonly<Record<string, readonly [bytes: number, read: string, write: string]>> = {
  i8: [1, 'U8[ea] << 24 >> 24', 'U8[ea] = v;'],
  u8: [1, 'U8[ea]', 'U8[ea] = v;'],
  i16: [2, 'V.getInt16(ea, true)', 'V.setInt16(ea, v, true);'],
  u16: [2, 'V.getUint16(ea, true)', 'V.setInt16(ea, v, true);'],
  i32: [4, 'V.getInt32(ea, true)', 'V.setInt32(ea, v, true);'],
  u32: [4, 'V.getInt32(ea, true)', 'V.setInt32(ea, v, true);'],
  i64: [8, 'V.getInt32(ea, true)', 'V.setInt32(ea, v, true);'],
};

function access(c: Case): string[] {
  const accessor = c.op.row?.meaning as string;
  const [bytes, read, write] = ACCESS[accessor] as [number, string, string];
  const wide = c.op.name.includes('64.');
  const lines = [
    `const base = ${c.low('a')};`,
    `const offset = ${c.word('o')};`,
    `if (base < 0 || base > (limit - offset - ${bytes} | 0)) { ${trap('memory-out-of-bounds')} }`,
    'const ea = base + offset | 0;',
  ];
  if (c.op.form === 'load') {
    if (!wide) return [...lines, `${c.low('d')} = ${read};`];
    const high = accessor === 'i64' ? 'V.getInt32(ea + 4 | 0, true)' : accessor.startsWith('u') ? '0' : 'lo >> 31';
    return [
      ...lines,
      `const lo = ${read};`,
      `const d = ${c.register('d')};`,
      `const hi = ${high};`,
      'R[d] = lo;',
      'R[d + 1 | 0] = hi;',
    ];
  }
  if (!wide) return [...lines, `const v = ${c.low('b')};`, write];
  return [
    ...lines,
    `const s = ${c.register('b')};`,
    'V.setInt32(ea, R[s], true);',
    'V.setInt32(ea + 4 | 0, R[s + 1 | 0], true);',
  ];
}

function body(op: MachineOp): string[] {
  const c = new Case(op);
  switch (op.form) {
    case 'own': {
      const lines = OWN[op.name]?.(c);
      if (lines === undefined) throw new TypeError(`no text for ${op.name}`);
      return JUMPS.has(op.name) ? lines : [...lines, c.next()];
    }
    case 'load':
    case 'store':
      return [...access(c), c.next()];
    case 'branch':
    case 'branch constant':
    case 'branch unless': {
      const condition = String(op.row?.meaning).replace(' ? 1 : 0', '');
      return [...operands(c), ...branch(c, op.form === 'branch unless' ? `!(${condition})` : condition)];
    }
    case 'value':
    case 'constant': {
      const traps = (op.row?.traps ?? []).map(([condition, kind]) => `if (${condition}) { ${trap(kind)} }`);
      return [...operands(c), ...traps, ...store(c), c.next()];
    }
  }
}

function cases(from: number, to: number): string {
  return MACHINE_OPS.slice(from, to)
    .map((op, i) => {
      const lines = body(op).map((line) => `        ${line}`);
      const last = lines.at(-1)?.trim() ?? '';
      const ends = last === 'continue;' || (last.endsWith('break loop;') && !last.startsWith('if'));
      if (!ends) lines.push('        continue;');
      return `      case ${from + i}: { // ${op.name}\n${lines.join('\n')}\n      }`;
    })
    .join('\n');
}

/** The text of loop.generated.ts. */
export function generateLoop(): string {
  return `// Generated by \`npm run generate\` from wasm/opcodes.ts and interpreter/isa.ts. Do not edit.
// @ts-nocheck

import {
  ctz32, divS64, divU64, mul64, nearest, popcnt32, remS64, remU64, rotl64, roundS64ToF32, roundU64ToF32, shl64, shrS64,
  shrU64, trunc64, truncSatS32, truncSatS64, truncSatU32, truncSatU64,
} from './numeric.ts';
import type { Thread } from './thread.ts';

/** Runs until something ends or interrupts the guest; returns why, one of EXIT. All state is then in the thread. */
export function run(thread: Thread): number {
  const R = thread.registers;
  const F32 = thread.floats;
  const F64 = thread.doubles;
  const frames = thread.frames;
  const depthLimit = thread.depthLimit;
  const G = thread.globals;
  let C = thread.code;
  let U8 = thread.memory.bytes;
  let V = thread.memory.data;
  let limit = thread.memory.byteLength;
  let pc = thread.pc;
  let fp = thread.fp;
  let sp = thread.sp;
  let depth = thread.depth;
  let gas = thread.gas;
  let published = thread.published;
  let exit = 0;
  loop: for (;;) {
    switch (C[pc]) {
${cases(0, FIRST_RARE)}
      default: {
        thread.pc = pc;
        thread.fp = fp;
        thread.gas = gas;
        thread.published = published;
        exit = C[pc] < ${FIRST_SYSTEM} ? computeRarely(thread) : thread.system();
        pc = thread.pc;
        gas = thread.gas;
        published = thread.published;
        U8 = thread.memory.bytes;
        V = thread.memory.data;
        limit = thread.memory.byteLength;
        if (exit !== 0) break loop;
        continue;
      }
    }
  }
  thread.pc = pc;
  thread.fp = fp;
  thread.sp = sp;
  thread.depth = depth;
  thread.gas = gas;
  thread.published = published;
  return exit;
}

/** Executes one computation that is not in the main loop; returns 0, or the exit of its trap. */
function computeRarely(thread: Thread): number {
  const R = thread.registers;
  const F32 = thread.floats;
  const F64 = thread.doubles;
  const C = thread.code;
  const fp = thread.fp;
  let pc = thread.pc;
  let exit = 0;
  loop: for (;;) {
    switch (C[pc]) {
${cases(FIRST_RARE, FIRST_SYSTEM).replaceAll('        continue;', '        break loop;')}
    }
  }
  thread.pc = pc;
  return exit;
}
`;
}
