/**
 * THE opcode table. Immediates, validation, gas class, metering plan, dispatch loop, instrumenting, disassembly and
 * generators all derive from these rows; nothing else in the project lists instructions.
 *
 * A row: mnemonic, code, immediates, signature, gas class, meaning, traits.
 *
 * - Code: the byte, or `0xPPSSSS` for prefix `PP` and sub-opcode `SSSS` (specification 5.4).
 * - Signature: one letter a value, `parameters:results` (i l f d v for i32 i64 f32 f64 v128, r for any reference);
 *   `*` where validation has a rule of its own. Addresses are `i`, as in 32-bit memories and tables.
 * - Gas class: a key of the schedule in gas.ts.
 * - Meaning: JavaScript on the operands. Integers arrive as `a b c` (i32) or as halves `al ah`, `bl bh` (i64);
 *   floats as numbers `a b`, and their bits as `ai` (f32) or `al ah` (f64). An i64 result is `low; high`, where
 *   `high` may use `lo`. `bits ` says that a float result is given as bits, `=> f(x)` that the helper `f` stores an
 *   i64 result itself. Loads and stores name the accessor of their bytes. It is read, and helpers are named, by
 *   interpreter/generate/meaning.ts.
 * - Traits: what is so for few rows; see {@link Traits}.
 *
 * What has no meaning, and is neither a vector's nor atomic, is done by a handler in each stage: where one is missing, the compiler says so
 * (test/wasm/rows.test.ts).
 */

import type { TrapKind } from './errors.ts';
import type { Feature } from './types.ts';

/** What follows an opcode (specification 5.4). */
export type Immediates =
  | 'none'
  | 'block'
  | 'label'
  | 'labels'
  | 'function'
  | 'type table'
  | 'local'
  | 'global'
  | 'table'
  | 'table table'
  | 'memarg'
  | 'memarg lane'
  | 'memory'
  | 'memory memory'
  | 'data'
  | 'data memory'
  | 'element'
  | 'element table'
  | 'i32'
  | 'i64'
  | 'f32'
  | 'f64'
  | 'v128'
  | 'shuffle'
  | 'lane'
  | 'types'
  | 'heap type'
  | 'type'
  | 'type field'
  | 'type type'
  | 'type count'
  | 'type data'
  | 'type element'
  | 'tag'
  | 'block catches'
  | 'label casts'
  | 'zero';

/** What an instruction costs; see gas.ts. */
export type GasClass =
  | 'free'
  | 'push'
  | 'simple'
  | 'branch'
  | 'memory'
  | 'multiply64'
  | 'divide'
  | 'divide64'
  | 'float'
  | 'convert64'
  | 'vector'
  | 'reference'
  | 'cast'
  | 'allocation'
  | 'throw'
  | 'call'
  | 'indirect'
  | 'bulk'
  | 'table'
  | 'atomic';

type TrapRule = readonly [condition: string, kind: TrapKind];

/**
 * What an instruction does to the course of code: opens a construct, a loop or an `if`; begins its second arm, or one
 * that an exception leads to (catch); ends it, perhaps as one whose exceptions go elsewhere (delegate); branches if a
 * condition holds (fork), always (jump), to one of many (table); never goes on behind it (stop). Or none of that.
 */
export type Flow =
  | 'on'
  | 'open'
  | 'loop'
  | 'if'
  | 'else'
  | 'catch'
  | 'end'
  | 'delegate'
  | 'fork'
  | 'jump'
  | 'table'
  | 'stop';

/** What an atomic access does with what is there (proposal for threads). */
export type AtomicKind = 'load' | 'store' | 'add' | 'sub' | 'and' | 'or' | 'xor' | 'xchg' | 'cmpxchg';

/** What is done to a constant, so that another instruction can take it. */
export type ConstantChange = 'negate' | 'increment';

/** What is so for few rows. Mnemonics name other rows. */
interface Traits<Name extends string = string> {
  /** What a module needs that has it, beyond release 2.0. */
  readonly feature?: Feature;
  /** Allowed in constant expressions (specification 3.4.14). */
  readonly constant?: true;
  /** Condition and kind, tested in order before the meaning. */
  readonly traps?: readonly TrapRule[];
  /** So frequent that it has a place in the interpreter's main loop, which must stay small. */
  readonly hot?: true;
  /** The same for what is not frequent, and would take long outside: the other loops leave it. */
  readonly warm?: true;
  /** Changes what a value is called, and nothing in its register. */
  readonly alias?: true;
  /** The operands may be exchanged. */
  readonly commutes?: true;
  /** Computed by this one, with the operands exchanged. */
  readonly exchanged?: Name;
  /** The comparison that holds when this one does not. */
  readonly opposite?: Name;
  /** Branched on without a value between. The main loop has no room for more of them: orders of 64 bits come first, then branches. */
  readonly branches?: true;
  /** Where the right operand is a constant, what computes the same with another one. */
  readonly byConstant?: readonly [instead: Name, change: ConstantChange];
  /** A float that is no NaN. */
  readonly neverNaN?: true;
  /**
   * Computes on the lanes of vectors as floats, and does not look at the bits of a NaN: types of those that it reads
   * and of those that it makes, as in signatures.
   */
  readonly lanes?: `${'f' | 'd'}:${'f' | 'd' | ''}`;
  /** Of an access of a vector's, or an atomic one: how many are moved. */
  readonly bytes?: number;
  readonly atomic?: AtomicKind;
}

type Head<Signature extends string> = readonly [
  mnemonic: string,
  code: number,
  immediates: Immediates,
  signature: Signature,
  gas: GasClass,
];
type Row =
  | readonly [...Head<'*'>, Traits & { readonly flow: Flow }]
  | readonly [...Head<`${string}:${string}`>, Traits?]
  | readonly [...Head<`${string}:${string}`>, meaning: string, Traits?];

const hot = true;
const warm = true;
const alias = true;
const commutes = true;
const branches = true;
const constant = true;
const neverNaN = true;

const DIVIDE_BY_ZERO: TrapRule = ['b === 0', 'divide-by-zero'];
const DIVIDE_BY_ZERO_64: TrapRule = ['(bl | bh) === 0', 'divide-by-zero'];
const OVERFLOW: TrapRule = ['a === -2147483648 && b === -1', 'integer-overflow'];
const OVERFLOW_64: TrapRule = ['al === 0 && ah === -2147483648 && (bl & bh) === -1', 'integer-overflow'];
const NOT_A_NUMBER: TrapRule = ['a !== a', 'invalid-conversion'];
const FITS_I32: TrapRule = ['!(a > -2147483649 && a < 2147483648)', 'integer-overflow'];
const FITS_U32: TrapRule = ['!(a > -1 && a < 4294967296)', 'integer-overflow'];
const FITS_I64: TrapRule = ['!(a >= -9223372036854775808 && a < 9223372036854775808)', 'integer-overflow'];
const FITS_U64: TrapRule = ['!(a > -1 && a < 18446744073709551616)', 'integer-overflow'];

// biome-ignore format: a table is read by its columns.
const ROWS = [
  ['unreachable', 0x00, 'none', '*', 'free', { flow: 'stop' }],
  ['nop', 0x01, 'none', ':', 'free'],
  ['block', 0x02, 'block', '*', 'free', { flow: 'open' }],
  ['loop', 0x03, 'block', '*', 'branch', { flow: 'loop' }],
  ['if', 0x04, 'block', '*', 'branch', { flow: 'if' }],
  ['else', 0x05, 'none', '*', 'free', { flow: 'else' }],
  ['try', 0x06, 'block', '*', 'free', { flow: 'open', feature: 'legacy-exception-handling' }],
  ['catch', 0x07, 'tag', '*', 'free', { flow: 'catch', feature: 'legacy-exception-handling' }],
  ['throw', 0x08, 'tag', '*', 'throw', { flow: 'stop', feature: 'exception-handling' }],
  ['rethrow', 0x09, 'label', '*', 'throw', { flow: 'stop', feature: 'legacy-exception-handling' }],
  ['throw_ref', 0x0a, 'none', '*', 'throw', { flow: 'stop', feature: 'exception-handling' }],
  ['end', 0x0b, 'none', '*', 'free', { flow: 'end', constant }],
  ['br', 0x0c, 'label', '*', 'branch', { flow: 'jump' }],
  ['br_if', 0x0d, 'label', '*', 'branch', { flow: 'fork' }],
  ['br_table', 0x0e, 'labels', '*', 'branch', { flow: 'table' }],
  ['return', 0x0f, 'none', '*', 'branch', { flow: 'stop' }],
  ['call', 0x10, 'function', '*', 'call', { flow: 'on' }],
  ['call_indirect', 0x11, 'type table', '*', 'indirect', { flow: 'on' }],
  ['return_call', 0x12, 'function', '*', 'call', { flow: 'stop', feature: 'tail-call' }],
  ['return_call_indirect', 0x13, 'type table', '*', 'indirect', { flow: 'stop', feature: 'tail-call' }],
  ['call_ref', 0x14, 'type', '*', 'indirect', { flow: 'on', feature: 'function-references' }],
  ['return_call_ref', 0x15, 'type', '*', 'indirect', { flow: 'stop', feature: 'function-references' }],
  ['delegate', 0x18, 'label', '*', 'free', { flow: 'delegate', feature: 'legacy-exception-handling' }],
  ['catch_all', 0x19, 'none', '*', 'free', { flow: 'catch', feature: 'legacy-exception-handling' }],
  ['drop', 0x1a, 'none', '*', 'free', { flow: 'on' }],
  ['select', 0x1b, 'none', '*', 'simple', { flow: 'on' }],
  ['select_t', 0x1c, 'types', '*', 'simple', { flow: 'on' }],
  ['try_table', 0x1f, 'block catches', '*', 'free', { flow: 'open', feature: 'exception-handling' }],
  ['local.get', 0x20, 'local', '*', 'push', { flow: 'on' }],
  ['local.set', 0x21, 'local', '*', 'simple', { flow: 'on' }],
  ['local.tee', 0x22, 'local', '*', 'simple', { flow: 'on' }],
  ['global.get', 0x23, 'global', '*', 'simple', { flow: 'on', constant }],
  ['global.set', 0x24, 'global', '*', 'simple', { flow: 'on' }],
  ['table.get', 0x25, 'table', '*', 'memory', { flow: 'on' }],
  ['table.set', 0x26, 'table', '*', 'table', { flow: 'on' }],

  ['i32.load', 0x28, 'memarg', 'i:i', 'memory', 'i32'],
  ['i64.load', 0x29, 'memarg', 'i:l', 'memory', 'i64'],
  ['f32.load', 0x2a, 'memarg', 'i:f', 'memory', 'i32'],
  ['f64.load', 0x2b, 'memarg', 'i:d', 'memory', 'i64'],
  ['i32.load8_s', 0x2c, 'memarg', 'i:i', 'memory', 'i8'],
  ['i32.load8_u', 0x2d, 'memarg', 'i:i', 'memory', 'u8'],
  ['i32.load16_s', 0x2e, 'memarg', 'i:i', 'memory', 'i16'],
  ['i32.load16_u', 0x2f, 'memarg', 'i:i', 'memory', 'u16'],
  ['i64.load8_s', 0x30, 'memarg', 'i:l', 'memory', 'i8'],
  ['i64.load8_u', 0x31, 'memarg', 'i:l', 'memory', 'u8'],
  ['i64.load16_s', 0x32, 'memarg', 'i:l', 'memory', 'i16'],
  ['i64.load16_u', 0x33, 'memarg', 'i:l', 'memory', 'u16'],
  ['i64.load32_s', 0x34, 'memarg', 'i:l', 'memory', 'i32'],
  ['i64.load32_u', 0x35, 'memarg', 'i:l', 'memory', 'u32'],
  ['i32.store', 0x36, 'memarg', 'ii:', 'memory', 'i32'],
  ['i64.store', 0x37, 'memarg', 'il:', 'memory', 'i64'],
  ['f32.store', 0x38, 'memarg', 'if:', 'memory', 'i32'],
  ['f64.store', 0x39, 'memarg', 'id:', 'memory', 'i64'],
  ['i32.store8', 0x3a, 'memarg', 'ii:', 'memory', 'i8'],
  ['i32.store16', 0x3b, 'memarg', 'ii:', 'memory', 'i16'],
  ['i64.store8', 0x3c, 'memarg', 'il:', 'memory', 'i8'],
  ['i64.store16', 0x3d, 'memarg', 'il:', 'memory', 'i16'],
  ['i64.store32', 0x3e, 'memarg', 'il:', 'memory', 'i32'],
  ['memory.size', 0x3f, 'memory', ':i', 'reference'],
  ['memory.grow', 0x40, 'memory', 'i:i', 'bulk'],

  ['i32.const', 0x41, 'i32', ':i', 'push', { constant }],
  ['i64.const', 0x42, 'i64', ':l', 'push', { constant }],
  ['f32.const', 0x43, 'f32', ':f', 'push', { constant }],
  ['f64.const', 0x44, 'f64', ':d', 'push', { constant }],

  ['i32.eqz', 0x45, 'none', 'i:i', 'simple', 'a === 0 ? 1 : 0'],
  ['i32.eq', 0x46, 'none', 'ii:i', 'simple', 'a === b ? 1 : 0', { hot, commutes, opposite: 'i32.ne', branches }],
  ['i32.ne', 0x47, 'none', 'ii:i', 'simple', 'a !== b ? 1 : 0', { hot, commutes, opposite: 'i32.eq', branches }],
  ['i32.lt_s', 0x48, 'none', 'ii:i', 'simple', 'a < b ? 1 : 0', { hot, opposite: 'i32.ge_s', branches }],
  ['i32.lt_u', 0x49, 'none', 'ii:i', 'simple', 'a >>> 0 < b >>> 0 ? 1 : 0', { hot, opposite: 'i32.ge_u', branches }],
  ['i32.gt_s', 0x4a, 'none', 'ii:i', 'simple', 'a > b ? 1 : 0', { hot, exchanged: 'i32.lt_s', byConstant: ['i32.ge_s', 'increment'] }],
  ['i32.gt_u', 0x4b, 'none', 'ii:i', 'simple', 'a >>> 0 > b >>> 0 ? 1 : 0', { hot, exchanged: 'i32.lt_u', byConstant: ['i32.ge_u', 'increment'] }],
  ['i32.le_s', 0x4c, 'none', 'ii:i', 'simple', 'a <= b ? 1 : 0', { hot, exchanged: 'i32.ge_s', byConstant: ['i32.lt_s', 'increment'] }],
  ['i32.le_u', 0x4d, 'none', 'ii:i', 'simple', 'a >>> 0 <= b >>> 0 ? 1 : 0', { hot, exchanged: 'i32.ge_u', byConstant: ['i32.lt_u', 'increment'] }],
  ['i32.ge_s', 0x4e, 'none', 'ii:i', 'simple', 'a >= b ? 1 : 0', { hot, opposite: 'i32.lt_s', branches }],
  ['i32.ge_u', 0x4f, 'none', 'ii:i', 'simple', 'a >>> 0 >= b >>> 0 ? 1 : 0', { hot, opposite: 'i32.lt_u', branches }],
  ['i64.eqz', 0x50, 'none', 'l:i', 'simple', '(al | ah) === 0 ? 1 : 0', { hot, branches }],
  ['i64.eq', 0x51, 'none', 'll:i', 'simple', 'al === bl && ah === bh ? 1 : 0', { hot, commutes, opposite: 'i64.ne', branches }],
  ['i64.ne', 0x52, 'none', 'll:i', 'simple', 'al !== bl || ah !== bh ? 1 : 0', { hot, commutes, opposite: 'i64.eq', branches }],
  ['i64.lt_s', 0x53, 'none', 'll:i', 'simple', 'ah < bh || (ah === bh && al >>> 0 < bl >>> 0) ? 1 : 0', { hot, opposite: 'i64.ge_s' }],
  ['i64.lt_u', 0x54, 'none', 'll:i', 'simple', 'ah >>> 0 < bh >>> 0 || (ah === bh && al >>> 0 < bl >>> 0) ? 1 : 0', { hot, opposite: 'i64.ge_u' }],
  ['i64.gt_s', 0x55, 'none', 'll:i', 'simple', 'ah > bh || (ah === bh && al >>> 0 > bl >>> 0) ? 1 : 0', { hot, exchanged: 'i64.lt_s', byConstant: ['i64.ge_s', 'increment'] }],
  ['i64.gt_u', 0x56, 'none', 'll:i', 'simple', 'ah >>> 0 > bh >>> 0 || (ah === bh && al >>> 0 > bl >>> 0) ? 1 : 0', { hot, exchanged: 'i64.lt_u', byConstant: ['i64.ge_u', 'increment'] }],
  ['i64.le_s', 0x57, 'none', 'll:i', 'simple', 'ah < bh || (ah === bh && al >>> 0 <= bl >>> 0) ? 1 : 0', { hot, exchanged: 'i64.ge_s', byConstant: ['i64.lt_s', 'increment'] }],
  ['i64.le_u', 0x58, 'none', 'll:i', 'simple', 'ah >>> 0 < bh >>> 0 || (ah === bh && al >>> 0 <= bl >>> 0) ? 1 : 0', { hot, exchanged: 'i64.ge_u', byConstant: ['i64.lt_u', 'increment'] }],
  ['i64.ge_s', 0x59, 'none', 'll:i', 'simple', 'ah > bh || (ah === bh && al >>> 0 >= bl >>> 0) ? 1 : 0', { hot, opposite: 'i64.lt_s' }],
  ['i64.ge_u', 0x5a, 'none', 'll:i', 'simple', 'ah >>> 0 > bh >>> 0 || (ah === bh && al >>> 0 >= bl >>> 0) ? 1 : 0', { hot, opposite: 'i64.lt_u' }],
  ['f32.eq', 0x5b, 'none', 'ff:i', 'float', 'a === b ? 1 : 0', { hot, opposite: 'f32.ne' }],
  ['f32.ne', 0x5c, 'none', 'ff:i', 'float', 'a !== b ? 1 : 0', { hot, opposite: 'f32.eq' }],
  ['f32.lt', 0x5d, 'none', 'ff:i', 'float', 'a < b ? 1 : 0', { hot }],
  ['f32.gt', 0x5e, 'none', 'ff:i', 'float', 'a > b ? 1 : 0', { hot, exchanged: 'f32.lt' }],
  ['f32.le', 0x5f, 'none', 'ff:i', 'float', 'a <= b ? 1 : 0', { hot }],
  ['f32.ge', 0x60, 'none', 'ff:i', 'float', 'a >= b ? 1 : 0', { hot, exchanged: 'f32.le' }],
  ['f64.eq', 0x61, 'none', 'dd:i', 'float', 'a === b ? 1 : 0', { hot, opposite: 'f64.ne', branches }],
  ['f64.ne', 0x62, 'none', 'dd:i', 'float', 'a !== b ? 1 : 0', { hot, opposite: 'f64.eq', branches }],
  ['f64.lt', 0x63, 'none', 'dd:i', 'float', 'a < b ? 1 : 0', { hot, branches }],
  ['f64.gt', 0x64, 'none', 'dd:i', 'float', 'a > b ? 1 : 0', { hot, exchanged: 'f64.lt' }],
  ['f64.le', 0x65, 'none', 'dd:i', 'float', 'a <= b ? 1 : 0', { hot, branches }],
  ['f64.ge', 0x66, 'none', 'dd:i', 'float', 'a >= b ? 1 : 0', { hot, exchanged: 'f64.le' }],

  ['i32.clz', 0x67, 'none', 'i:i', 'simple', 'Math.clz32(a)', { hot }],
  ['i32.ctz', 0x68, 'none', 'i:i', 'simple', 'ctz32(a)', { hot }],
  ['i32.popcnt', 0x69, 'none', 'i:i', 'multiply64', '=> popcnt(a, 0)', { warm }],
  ['i32.add', 0x6a, 'none', 'ii:i', 'simple', '(a + b) | 0', { constant, hot, commutes }],
  ['i32.sub', 0x6b, 'none', 'ii:i', 'simple', '(a - b) | 0', { constant, hot, byConstant: ['i32.add', 'negate'] }],
  ['i32.mul', 0x6c, 'none', 'ii:i', 'simple', 'Math.imul(a, b)', { constant, hot, commutes }],
  ['i32.div_s', 0x6d, 'none', 'ii:i', 'divide', '(a / b) | 0', { hot, traps: [DIVIDE_BY_ZERO, OVERFLOW] }],
  ['i32.div_u', 0x6e, 'none', 'ii:i', 'divide', '((a >>> 0) / (b >>> 0)) | 0', { hot, traps: [DIVIDE_BY_ZERO] }],
  ['i32.rem_s', 0x6f, 'none', 'ii:i', 'divide', 'a % b | 0', { hot, traps: [DIVIDE_BY_ZERO] }],
  ['i32.rem_u', 0x70, 'none', 'ii:i', 'divide', '((a >>> 0) % (b >>> 0)) | 0', { hot, traps: [DIVIDE_BY_ZERO] }],
  ['i32.and', 0x71, 'none', 'ii:i', 'simple', 'a & b', { hot, commutes }],
  ['i32.or', 0x72, 'none', 'ii:i', 'simple', 'a | b', { hot, commutes }],
  ['i32.xor', 0x73, 'none', 'ii:i', 'simple', 'a ^ b', { hot, commutes }],
  ['i32.shl', 0x74, 'none', 'ii:i', 'simple', 'a << b', { hot }],
  ['i32.shr_s', 0x75, 'none', 'ii:i', 'simple', 'a >> b', { hot }],
  ['i32.shr_u', 0x76, 'none', 'ii:i', 'simple', '(a >>> b) | 0', { hot }],
  ['i32.rotl', 0x77, 'none', 'ii:i', 'simple', '(a << b) | (a >>> -b)', { hot }],
  ['i32.rotr', 0x78, 'none', 'ii:i', 'simple', '(a >>> b) | (a << -b)', { hot, byConstant: ['i32.rotl', 'negate'] }],
  ['i64.clz', 0x79, 'none', 'l:l', 'simple', 'ah === 0 ? 32 + Math.clz32(al) : Math.clz32(ah); 0', { hot }],
  ['i64.ctz', 0x7a, 'none', 'l:l', 'simple', 'al === 0 ? 32 + ctz32(ah) : ctz32(al); 0', { hot }],
  ['i64.popcnt', 0x7b, 'none', 'l:l', 'multiply64', '=> popcnt(al, ah)', { warm }],
  ['i64.add', 0x7c, 'none', 'll:l', 'simple', '(al + bl) | 0; (ah + bh + (lo >>> 0 < al >>> 0 ? 1 : 0)) | 0', { constant, hot, commutes }],
  ['i64.sub', 0x7d, 'none', 'll:l', 'simple', '(al - bl) | 0; (ah - bh - (al >>> 0 < bl >>> 0 ? 1 : 0)) | 0', { constant, hot, byConstant: ['i64.add', 'negate'] }],
  ['i64.mul', 0x7e, 'none', 'll:l', 'multiply64', '=> mul64(al, ah, bl, bh)', { constant, hot, commutes }],
  ['i64.div_s', 0x7f, 'none', 'll:l', 'divide64', '=> divS64(al, ah, bl, bh)', { warm, traps: [DIVIDE_BY_ZERO_64, OVERFLOW_64] }],
  ['i64.div_u', 0x80, 'none', 'll:l', 'divide64', '=> divU64(al, ah, bl, bh)', { warm, traps: [DIVIDE_BY_ZERO_64] }],
  ['i64.rem_s', 0x81, 'none', 'll:l', 'divide64', '=> remS64(al, ah, bl, bh)', { warm, traps: [DIVIDE_BY_ZERO_64] }],
  ['i64.rem_u', 0x82, 'none', 'll:l', 'divide64', '=> remU64(al, ah, bl, bh)', { warm, traps: [DIVIDE_BY_ZERO_64] }],
  ['i64.and', 0x83, 'none', 'll:l', 'simple', 'al & bl; ah & bh', { hot, commutes }],
  ['i64.or', 0x84, 'none', 'll:l', 'simple', 'al | bl; ah | bh', { hot, commutes }],
  ['i64.xor', 0x85, 'none', 'll:l', 'simple', 'al ^ bl; ah ^ bh', { hot, commutes }],
  ['i64.shl', 0x86, 'none', 'll:l', 'simple', '=> shl64(al, ah, bl)', { hot }],
  ['i64.shr_s', 0x87, 'none', 'll:l', 'simple', '=> shrS64(al, ah, bl)', { hot }],
  ['i64.shr_u', 0x88, 'none', 'll:l', 'simple', '=> shrU64(al, ah, bl)', { hot }],
  ['i64.rotl', 0x89, 'none', 'll:l', 'simple', '=> rotl64(al, ah, bl)', { hot }],
  ['i64.rotr', 0x8a, 'none', 'll:l', 'simple', '=> rotl64(al, ah, -bl)', { hot, byConstant: ['i64.rotl', 'negate'] }],
  ['f32.abs', 0x8b, 'none', 'f:f', 'float', 'bits ai & 2147483647', { hot }],
  ['f32.neg', 0x8c, 'none', 'f:f', 'float', 'bits ai ^ -2147483648', { hot }],
  ['f32.ceil', 0x8d, 'none', 'f:f', 'float', 'Math.ceil(a)', { warm }],
  ['f32.floor', 0x8e, 'none', 'f:f', 'float', 'Math.floor(a)', { warm }],
  ['f32.trunc', 0x8f, 'none', 'f:f', 'float', 'Math.trunc(a)', { warm }],
  ['f32.nearest', 0x90, 'none', 'f:f', 'float', 'nearest(a)', { warm }],
  ['f32.sqrt', 0x91, 'none', 'f:f', 'divide', 'Math.sqrt(a)', { hot }],
  ['f32.add', 0x92, 'none', 'ff:f', 'float', 'a + b', { hot }],
  ['f32.sub', 0x93, 'none', 'ff:f', 'float', 'a - b', { hot }],
  ['f32.mul', 0x94, 'none', 'ff:f', 'float', 'a * b', { hot }],
  ['f32.div', 0x95, 'none', 'ff:f', 'float', 'a / b', { hot }],
  ['f32.min', 0x96, 'none', 'ff:f', 'float', 'Math.min(a, b)', { hot }],
  ['f32.max', 0x97, 'none', 'ff:f', 'float', 'Math.max(a, b)', { hot }],
  ['f32.copysign', 0x98, 'none', 'ff:f', 'float', 'bits (ai & 2147483647) | (bi & -2147483648)', { warm }],
  ['f64.abs', 0x99, 'none', 'd:d', 'float', 'bits al; ah & 2147483647', { hot }],
  ['f64.neg', 0x9a, 'none', 'd:d', 'float', 'bits al; ah ^ -2147483648', { hot }],
  ['f64.ceil', 0x9b, 'none', 'd:d', 'float', 'Math.ceil(a)', { hot }],
  ['f64.floor', 0x9c, 'none', 'd:d', 'float', 'Math.floor(a)', { hot }],
  ['f64.trunc', 0x9d, 'none', 'd:d', 'float', 'Math.trunc(a)', { hot }],
  ['f64.nearest', 0x9e, 'none', 'd:d', 'float', 'nearest(a)', { warm }],
  ['f64.sqrt', 0x9f, 'none', 'd:d', 'divide', 'Math.sqrt(a)', { hot }],
  ['f64.add', 0xa0, 'none', 'dd:d', 'float', 'a + b', { hot }],
  ['f64.sub', 0xa1, 'none', 'dd:d', 'float', 'a - b', { hot }],
  ['f64.mul', 0xa2, 'none', 'dd:d', 'float', 'a * b', { hot }],
  ['f64.div', 0xa3, 'none', 'dd:d', 'float', 'a / b', { hot }],
  ['f64.min', 0xa4, 'none', 'dd:d', 'float', 'Math.min(a, b)', { hot }],
  ['f64.max', 0xa5, 'none', 'dd:d', 'float', 'Math.max(a, b)', { hot }],
  ['f64.copysign', 0xa6, 'none', 'dd:d', 'float', 'bits al; (ah & 2147483647) | (bh & -2147483648)', { hot }],
  ['i32.wrap_i64', 0xa7, 'none', 'l:i', 'simple', 'al', { alias }],
  ['i32.trunc_f32_s', 0xa8, 'none', 'f:i', 'float', 'a | 0', { hot, traps: [NOT_A_NUMBER, FITS_I32] }],
  ['i32.trunc_f32_u', 0xa9, 'none', 'f:i', 'float', 'a | 0', { warm, traps: [NOT_A_NUMBER, FITS_U32] }],
  ['i32.trunc_f64_s', 0xaa, 'none', 'd:i', 'float', 'a | 0', { hot, traps: [NOT_A_NUMBER, FITS_I32] }],
  ['i32.trunc_f64_u', 0xab, 'none', 'd:i', 'float', 'a | 0', { warm, traps: [NOT_A_NUMBER, FITS_U32] }],
  ['i64.extend_i32_s', 0xac, 'none', 'i:l', 'simple', 'a; lo >> 31', { hot }],
  ['i64.extend_i32_u', 0xad, 'none', 'i:l', 'simple', 'a; 0', { hot }],
  ['i64.trunc_f32_s', 0xae, 'none', 'f:l', 'convert64', '=> trunc64(a)', { traps: [NOT_A_NUMBER, FITS_I64] }],
  ['i64.trunc_f32_u', 0xaf, 'none', 'f:l', 'convert64', '=> trunc64(a)', { traps: [NOT_A_NUMBER, FITS_U64] }],
  ['i64.trunc_f64_s', 0xb0, 'none', 'd:l', 'convert64', '=> trunc64(a)', { traps: [NOT_A_NUMBER, FITS_I64] }],
  ['i64.trunc_f64_u', 0xb1, 'none', 'd:l', 'convert64', '=> trunc64(a)', { traps: [NOT_A_NUMBER, FITS_U64] }],
  ['f32.convert_i32_s', 0xb2, 'none', 'i:f', 'float', 'a', { hot, neverNaN }],
  ['f32.convert_i32_u', 0xb3, 'none', 'i:f', 'float', 'a >>> 0', { hot, neverNaN }],
  ['f32.convert_i64_s', 0xb4, 'none', 'l:f', 'convert64', 'roundS64ToF32(al, ah)', { neverNaN }],
  ['f32.convert_i64_u', 0xb5, 'none', 'l:f', 'convert64', 'roundU64ToF32(al, ah)', { neverNaN }],
  ['f32.demote_f64', 0xb6, 'none', 'd:f', 'float', 'a', { hot }],
  ['f64.convert_i32_s', 0xb7, 'none', 'i:d', 'float', 'a', { hot, neverNaN }],
  ['f64.convert_i32_u', 0xb8, 'none', 'i:d', 'float', 'a >>> 0', { hot, neverNaN }],
  ['f64.convert_i64_s', 0xb9, 'none', 'l:d', 'convert64', 'ah * 4294967296 + (al >>> 0)', { warm, neverNaN }],
  ['f64.convert_i64_u', 0xba, 'none', 'l:d', 'convert64', '(ah >>> 0) * 4294967296 + (al >>> 0)', { warm, neverNaN }],
  ['f64.promote_f32', 0xbb, 'none', 'f:d', 'float', 'a', { hot }],
  ['i32.reinterpret_f32', 0xbc, 'none', 'f:i', 'simple', 'ai', { alias }],
  ['i64.reinterpret_f64', 0xbd, 'none', 'd:l', 'simple', 'al; ah', { alias }],
  ['f32.reinterpret_i32', 0xbe, 'none', 'i:f', 'simple', 'bits a', { alias }],
  ['f64.reinterpret_i64', 0xbf, 'none', 'l:d', 'simple', 'bits al; ah', { alias }],
  ['i32.extend8_s', 0xc0, 'none', 'i:i', 'simple', '(a << 24) >> 24', { hot }],
  ['i32.extend16_s', 0xc1, 'none', 'i:i', 'simple', '(a << 16) >> 16', { hot }],
  ['i64.extend8_s', 0xc2, 'none', 'l:l', 'simple', '(al << 24) >> 24; lo >> 31', { warm }],
  ['i64.extend16_s', 0xc3, 'none', 'l:l', 'simple', '(al << 16) >> 16; lo >> 31', { warm }],
  ['i64.extend32_s', 0xc4, 'none', 'l:l', 'simple', 'al; lo >> 31', { hot }],

  ['ref.null', 0xd0, 'heap type', '*', 'reference', { flow: 'on', constant }],
  ['ref.is_null', 0xd1, 'none', '*', 'reference', { flow: 'on' }],
  ['ref.func', 0xd2, 'function', '*', 'reference', { flow: 'on', constant }],
  ['ref.eq', 0xd3, 'none', '*', 'reference', { flow: 'on', feature: 'gc' }],
  ['ref.as_non_null', 0xd4, 'none', '*', 'reference', { flow: 'on', feature: 'function-references' }],
  ['br_on_null', 0xd5, 'label', '*', 'reference', { flow: 'fork', feature: 'function-references' }],
  ['br_on_non_null', 0xd6, 'label', '*', 'reference', { flow: 'fork', feature: 'function-references' }],

  ['struct.new', 0xfb0000, 'type', '*', 'allocation', { flow: 'on', feature: 'gc', constant }],
  ['struct.new_default', 0xfb0001, 'type', '*', 'allocation', { flow: 'on', feature: 'gc', constant }],
  ['struct.get', 0xfb0002, 'type field', '*', 'reference', { flow: 'on', feature: 'gc' }],
  ['struct.get_s', 0xfb0003, 'type field', '*', 'reference', { flow: 'on', feature: 'gc' }],
  ['struct.get_u', 0xfb0004, 'type field', '*', 'reference', { flow: 'on', feature: 'gc' }],
  ['struct.set', 0xfb0005, 'type field', '*', 'reference', { flow: 'on', feature: 'gc' }],
  ['array.new', 0xfb0006, 'type', '*', 'allocation', { flow: 'on', feature: 'gc', constant }],
  ['array.new_default', 0xfb0007, 'type', '*', 'allocation', { flow: 'on', feature: 'gc', constant }],
  ['array.new_fixed', 0xfb0008, 'type count', '*', 'allocation', { flow: 'on', feature: 'gc', constant }],
  ['array.new_data', 0xfb0009, 'type data', '*', 'allocation', { flow: 'on', feature: 'gc' }],
  ['array.new_elem', 0xfb000a, 'type element', '*', 'allocation', { flow: 'on', feature: 'gc' }],
  ['array.get', 0xfb000b, 'type', '*', 'reference', { flow: 'on', feature: 'gc' }],
  ['array.get_s', 0xfb000c, 'type', '*', 'reference', { flow: 'on', feature: 'gc' }],
  ['array.get_u', 0xfb000d, 'type', '*', 'reference', { flow: 'on', feature: 'gc' }],
  ['array.set', 0xfb000e, 'type', '*', 'reference', { flow: 'on', feature: 'gc' }],
  ['array.len', 0xfb000f, 'none', '*', 'reference', { flow: 'on', feature: 'gc' }],
  ['array.fill', 0xfb0010, 'type', '*', 'bulk', { flow: 'on', feature: 'gc' }],
  ['array.copy', 0xfb0011, 'type type', '*', 'bulk', { flow: 'on', feature: 'gc' }],
  ['array.init_data', 0xfb0012, 'type data', '*', 'bulk', { flow: 'on', feature: 'gc' }],
  ['array.init_elem', 0xfb0013, 'type element', '*', 'bulk', { flow: 'on', feature: 'gc' }],
  ['ref.test', 0xfb0014, 'heap type', '*', 'cast', { flow: 'on', feature: 'gc' }],
  ['ref.test null', 0xfb0015, 'heap type', '*', 'cast', { flow: 'on', feature: 'gc' }],
  ['ref.cast', 0xfb0016, 'heap type', '*', 'cast', { flow: 'on', feature: 'gc' }],
  ['ref.cast null', 0xfb0017, 'heap type', '*', 'cast', { flow: 'on', feature: 'gc' }],
  ['br_on_cast', 0xfb0018, 'label casts', '*', 'cast', { flow: 'fork', feature: 'gc' }],
  ['br_on_cast_fail', 0xfb0019, 'label casts', '*', 'cast', { flow: 'fork', feature: 'gc' }],
  ['any.convert_extern', 0xfb001a, 'none', '*', 'reference', { flow: 'on', feature: 'gc', constant }],
  ['extern.convert_any', 0xfb001b, 'none', '*', 'reference', { flow: 'on', feature: 'gc', constant }],
  ['ref.i31', 0xfb001c, 'none', '*', 'reference', { flow: 'on', feature: 'gc', constant }],
  ['i31.get_s', 0xfb001d, 'none', '*', 'reference', { flow: 'on', feature: 'gc' }],
  ['i31.get_u', 0xfb001e, 'none', '*', 'reference', { flow: 'on', feature: 'gc' }],

  ['i32.trunc_sat_f32_s', 0xfc0000, 'none', 'f:i', 'float', 'truncSatS32(a)', { warm }],
  ['i32.trunc_sat_f32_u', 0xfc0001, 'none', 'f:i', 'float', 'truncSatU32(a)', { warm }],
  ['i32.trunc_sat_f64_s', 0xfc0002, 'none', 'd:i', 'float', 'truncSatS32(a)', { warm }],
  ['i32.trunc_sat_f64_u', 0xfc0003, 'none', 'd:i', 'float', 'truncSatU32(a)', { warm }],
  ['i64.trunc_sat_f32_s', 0xfc0004, 'none', 'f:l', 'convert64', '=> truncSatS64(a)'],
  ['i64.trunc_sat_f32_u', 0xfc0005, 'none', 'f:l', 'convert64', '=> truncSatU64(a)'],
  ['i64.trunc_sat_f64_s', 0xfc0006, 'none', 'd:l', 'convert64', '=> truncSatS64(a)'],
  ['i64.trunc_sat_f64_u', 0xfc0007, 'none', 'd:l', 'convert64', '=> truncSatU64(a)'],
  ['memory.init', 0xfc0008, 'data memory', 'iii:', 'bulk'],
  ['data.drop', 0xfc0009, 'data', ':', 'reference'],
  ['memory.copy', 0xfc000a, 'memory memory', 'iii:', 'bulk'],
  ['memory.fill', 0xfc000b, 'memory', 'iii:', 'bulk'],
  ['table.init', 0xfc000c, 'element table', 'iii:', 'table'],
  ['elem.drop', 0xfc000d, 'element', ':', 'reference'],
  ['table.copy', 0xfc000e, 'table table', '*', 'table', { flow: 'on' }],
  ['table.grow', 0xfc000f, 'table', '*', 'bulk', { flow: 'on' }],
  ['table.size', 0xfc0010, 'table', ':i', 'reference'],
  ['table.fill', 0xfc0011, 'table', '*', 'table', { flow: 'on' }],

  ['v128.load', 0xfd0000, 'memarg', 'i:v', 'vector', { bytes: 16 }],
  ['v128.load8x8_s', 0xfd0001, 'memarg', 'i:v', 'vector', { bytes: 8 }],
  ['v128.load8x8_u', 0xfd0002, 'memarg', 'i:v', 'vector', { bytes: 8 }],
  ['v128.load16x4_s', 0xfd0003, 'memarg', 'i:v', 'vector', { bytes: 8 }],
  ['v128.load16x4_u', 0xfd0004, 'memarg', 'i:v', 'vector', { bytes: 8 }],
  ['v128.load32x2_s', 0xfd0005, 'memarg', 'i:v', 'vector', { bytes: 8 }],
  ['v128.load32x2_u', 0xfd0006, 'memarg', 'i:v', 'vector', { bytes: 8 }],
  ['v128.load8_splat', 0xfd0007, 'memarg', 'i:v', 'vector', { bytes: 1 }],
  ['v128.load16_splat', 0xfd0008, 'memarg', 'i:v', 'vector', { bytes: 2 }],
  ['v128.load32_splat', 0xfd0009, 'memarg', 'i:v', 'vector', { bytes: 4 }],
  ['v128.load64_splat', 0xfd000a, 'memarg', 'i:v', 'vector', { bytes: 8 }],
  ['v128.store', 0xfd000b, 'memarg', 'iv:', 'vector', { bytes: 16 }],
  ['v128.const', 0xfd000c, 'v128', ':v', 'vector', { constant }],
  ['i8x16.shuffle', 0xfd000d, 'shuffle', 'vv:v', 'vector'],
  ['i8x16.swizzle', 0xfd000e, 'none', 'vv:v', 'vector'],
  ['i8x16.splat', 0xfd000f, 'none', 'i:v', 'vector'],
  ['i16x8.splat', 0xfd0010, 'none', 'i:v', 'vector'],
  ['i32x4.splat', 0xfd0011, 'none', 'i:v', 'vector'],
  ['i64x2.splat', 0xfd0012, 'none', 'l:v', 'vector'],
  ['f32x4.splat', 0xfd0013, 'none', 'f:v', 'vector'],
  ['f64x2.splat', 0xfd0014, 'none', 'd:v', 'vector'],
  ['i8x16.extract_lane_s', 0xfd0015, 'lane', 'v:i', 'vector'],
  ['i8x16.extract_lane_u', 0xfd0016, 'lane', 'v:i', 'vector'],
  ['i8x16.replace_lane', 0xfd0017, 'lane', 'vi:v', 'vector'],
  ['i16x8.extract_lane_s', 0xfd0018, 'lane', 'v:i', 'vector'],
  ['i16x8.extract_lane_u', 0xfd0019, 'lane', 'v:i', 'vector'],
  ['i16x8.replace_lane', 0xfd001a, 'lane', 'vi:v', 'vector'],
  ['i32x4.extract_lane', 0xfd001b, 'lane', 'v:i', 'vector'],
  ['i32x4.replace_lane', 0xfd001c, 'lane', 'vi:v', 'vector'],
  ['i64x2.extract_lane', 0xfd001d, 'lane', 'v:l', 'vector'],
  ['i64x2.replace_lane', 0xfd001e, 'lane', 'vl:v', 'vector'],
  ['f32x4.extract_lane', 0xfd001f, 'lane', 'v:f', 'vector'],
  ['f32x4.replace_lane', 0xfd0020, 'lane', 'vf:v', 'vector'],
  ['f64x2.extract_lane', 0xfd0021, 'lane', 'v:d', 'vector'],
  ['f64x2.replace_lane', 0xfd0022, 'lane', 'vd:v', 'vector'],
  ['i8x16.eq', 0xfd0023, 'none', 'vv:v', 'vector'],
  ['i8x16.ne', 0xfd0024, 'none', 'vv:v', 'vector'],
  ['i8x16.lt_s', 0xfd0025, 'none', 'vv:v', 'vector'],
  ['i8x16.lt_u', 0xfd0026, 'none', 'vv:v', 'vector'],
  ['i8x16.gt_s', 0xfd0027, 'none', 'vv:v', 'vector'],
  ['i8x16.gt_u', 0xfd0028, 'none', 'vv:v', 'vector'],
  ['i8x16.le_s', 0xfd0029, 'none', 'vv:v', 'vector'],
  ['i8x16.le_u', 0xfd002a, 'none', 'vv:v', 'vector'],
  ['i8x16.ge_s', 0xfd002b, 'none', 'vv:v', 'vector'],
  ['i8x16.ge_u', 0xfd002c, 'none', 'vv:v', 'vector'],
  ['i16x8.eq', 0xfd002d, 'none', 'vv:v', 'vector'],
  ['i16x8.ne', 0xfd002e, 'none', 'vv:v', 'vector'],
  ['i16x8.lt_s', 0xfd002f, 'none', 'vv:v', 'vector'],
  ['i16x8.lt_u', 0xfd0030, 'none', 'vv:v', 'vector'],
  ['i16x8.gt_s', 0xfd0031, 'none', 'vv:v', 'vector'],
  ['i16x8.gt_u', 0xfd0032, 'none', 'vv:v', 'vector'],
  ['i16x8.le_s', 0xfd0033, 'none', 'vv:v', 'vector'],
  ['i16x8.le_u', 0xfd0034, 'none', 'vv:v', 'vector'],
  ['i16x8.ge_s', 0xfd0035, 'none', 'vv:v', 'vector'],
  ['i16x8.ge_u', 0xfd0036, 'none', 'vv:v', 'vector'],
  ['i32x4.eq', 0xfd0037, 'none', 'vv:v', 'vector'],
  ['i32x4.ne', 0xfd0038, 'none', 'vv:v', 'vector'],
  ['i32x4.lt_s', 0xfd0039, 'none', 'vv:v', 'vector'],
  ['i32x4.lt_u', 0xfd003a, 'none', 'vv:v', 'vector'],
  ['i32x4.gt_s', 0xfd003b, 'none', 'vv:v', 'vector'],
  ['i32x4.gt_u', 0xfd003c, 'none', 'vv:v', 'vector'],
  ['i32x4.le_s', 0xfd003d, 'none', 'vv:v', 'vector'],
  ['i32x4.le_u', 0xfd003e, 'none', 'vv:v', 'vector'],
  ['i32x4.ge_s', 0xfd003f, 'none', 'vv:v', 'vector'],
  ['i32x4.ge_u', 0xfd0040, 'none', 'vv:v', 'vector'],
  ['f32x4.eq', 0xfd0041, 'none', 'vv:v', 'vector', { lanes: 'f:' }],
  ['f32x4.ne', 0xfd0042, 'none', 'vv:v', 'vector', { lanes: 'f:' }],
  ['f32x4.lt', 0xfd0043, 'none', 'vv:v', 'vector', { lanes: 'f:' }],
  ['f32x4.gt', 0xfd0044, 'none', 'vv:v', 'vector', { lanes: 'f:' }],
  ['f32x4.le', 0xfd0045, 'none', 'vv:v', 'vector', { lanes: 'f:' }],
  ['f32x4.ge', 0xfd0046, 'none', 'vv:v', 'vector', { lanes: 'f:' }],
  ['f64x2.eq', 0xfd0047, 'none', 'vv:v', 'vector', { lanes: 'd:' }],
  ['f64x2.ne', 0xfd0048, 'none', 'vv:v', 'vector', { lanes: 'd:' }],
  ['f64x2.lt', 0xfd0049, 'none', 'vv:v', 'vector', { lanes: 'd:' }],
  ['f64x2.gt', 0xfd004a, 'none', 'vv:v', 'vector', { lanes: 'd:' }],
  ['f64x2.le', 0xfd004b, 'none', 'vv:v', 'vector', { lanes: 'd:' }],
  ['f64x2.ge', 0xfd004c, 'none', 'vv:v', 'vector', { lanes: 'd:' }],
  ['v128.not', 0xfd004d, 'none', 'v:v', 'vector'],
  ['v128.and', 0xfd004e, 'none', 'vv:v', 'vector'],
  ['v128.andnot', 0xfd004f, 'none', 'vv:v', 'vector'],
  ['v128.or', 0xfd0050, 'none', 'vv:v', 'vector'],
  ['v128.xor', 0xfd0051, 'none', 'vv:v', 'vector'],
  ['v128.bitselect', 0xfd0052, 'none', 'vvv:v', 'vector'],
  ['v128.any_true', 0xfd0053, 'none', 'v:i', 'vector'],
  ['v128.load8_lane', 0xfd0054, 'memarg lane', 'iv:v', 'vector', { bytes: 1 }],
  ['v128.load16_lane', 0xfd0055, 'memarg lane', 'iv:v', 'vector', { bytes: 2 }],
  ['v128.load32_lane', 0xfd0056, 'memarg lane', 'iv:v', 'vector', { bytes: 4 }],
  ['v128.load64_lane', 0xfd0057, 'memarg lane', 'iv:v', 'vector', { bytes: 8 }],
  ['v128.store8_lane', 0xfd0058, 'memarg lane', 'iv:', 'vector', { bytes: 1 }],
  ['v128.store16_lane', 0xfd0059, 'memarg lane', 'iv:', 'vector', { bytes: 2 }],
  ['v128.store32_lane', 0xfd005a, 'memarg lane', 'iv:', 'vector', { bytes: 4 }],
  ['v128.store64_lane', 0xfd005b, 'memarg lane', 'iv:', 'vector', { bytes: 8 }],
  ['v128.load32_zero', 0xfd005c, 'memarg', 'i:v', 'vector', { bytes: 4 }],
  ['v128.load64_zero', 0xfd005d, 'memarg', 'i:v', 'vector', { bytes: 8 }],
  ['f32x4.demote_f64x2_zero', 0xfd005e, 'none', 'v:v', 'vector', { lanes: 'd:f' }],
  ['f64x2.promote_low_f32x4', 0xfd005f, 'none', 'v:v', 'vector', { lanes: 'f:d' }],
  ['i8x16.abs', 0xfd0060, 'none', 'v:v', 'vector'],
  ['i8x16.neg', 0xfd0061, 'none', 'v:v', 'vector'],
  ['i8x16.popcnt', 0xfd0062, 'none', 'v:v', 'vector'],
  ['i8x16.all_true', 0xfd0063, 'none', 'v:i', 'vector'],
  ['i8x16.bitmask', 0xfd0064, 'none', 'v:i', 'vector'],
  ['i8x16.narrow_i16x8_s', 0xfd0065, 'none', 'vv:v', 'vector'],
  ['i8x16.narrow_i16x8_u', 0xfd0066, 'none', 'vv:v', 'vector'],
  ['f32x4.ceil', 0xfd0067, 'none', 'v:v', 'vector', { lanes: 'f:f' }],
  ['f32x4.floor', 0xfd0068, 'none', 'v:v', 'vector', { lanes: 'f:f' }],
  ['f32x4.trunc', 0xfd0069, 'none', 'v:v', 'vector', { lanes: 'f:f' }],
  ['f32x4.nearest', 0xfd006a, 'none', 'v:v', 'vector', { lanes: 'f:f' }],
  ['i8x16.shl', 0xfd006b, 'none', 'vi:v', 'vector'],
  ['i8x16.shr_s', 0xfd006c, 'none', 'vi:v', 'vector'],
  ['i8x16.shr_u', 0xfd006d, 'none', 'vi:v', 'vector'],
  ['i8x16.add', 0xfd006e, 'none', 'vv:v', 'vector'],
  ['i8x16.add_sat_s', 0xfd006f, 'none', 'vv:v', 'vector'],
  ['i8x16.add_sat_u', 0xfd0070, 'none', 'vv:v', 'vector'],
  ['i8x16.sub', 0xfd0071, 'none', 'vv:v', 'vector'],
  ['i8x16.sub_sat_s', 0xfd0072, 'none', 'vv:v', 'vector'],
  ['i8x16.sub_sat_u', 0xfd0073, 'none', 'vv:v', 'vector'],
  ['f64x2.ceil', 0xfd0074, 'none', 'v:v', 'vector', { lanes: 'd:d' }],
  ['f64x2.floor', 0xfd0075, 'none', 'v:v', 'vector', { lanes: 'd:d' }],
  ['i8x16.min_s', 0xfd0076, 'none', 'vv:v', 'vector'],
  ['i8x16.min_u', 0xfd0077, 'none', 'vv:v', 'vector'],
  ['i8x16.max_s', 0xfd0078, 'none', 'vv:v', 'vector'],
  ['i8x16.max_u', 0xfd0079, 'none', 'vv:v', 'vector'],
  ['f64x2.trunc', 0xfd007a, 'none', 'v:v', 'vector', { lanes: 'd:d' }],
  ['i8x16.avgr_u', 0xfd007b, 'none', 'vv:v', 'vector'],
  ['i16x8.extadd_pairwise_i8x16_s', 0xfd007c, 'none', 'v:v', 'vector'],
  ['i16x8.extadd_pairwise_i8x16_u', 0xfd007d, 'none', 'v:v', 'vector'],
  ['i32x4.extadd_pairwise_i16x8_s', 0xfd007e, 'none', 'v:v', 'vector'],
  ['i32x4.extadd_pairwise_i16x8_u', 0xfd007f, 'none', 'v:v', 'vector'],
  ['i16x8.abs', 0xfd0080, 'none', 'v:v', 'vector'],
  ['i16x8.neg', 0xfd0081, 'none', 'v:v', 'vector'],
  ['i16x8.q15mulr_sat_s', 0xfd0082, 'none', 'vv:v', 'vector'],
  ['i16x8.all_true', 0xfd0083, 'none', 'v:i', 'vector'],
  ['i16x8.bitmask', 0xfd0084, 'none', 'v:i', 'vector'],
  ['i16x8.narrow_i32x4_s', 0xfd0085, 'none', 'vv:v', 'vector'],
  ['i16x8.narrow_i32x4_u', 0xfd0086, 'none', 'vv:v', 'vector'],
  ['i16x8.extend_low_i8x16_s', 0xfd0087, 'none', 'v:v', 'vector'],
  ['i16x8.extend_high_i8x16_s', 0xfd0088, 'none', 'v:v', 'vector'],
  ['i16x8.extend_low_i8x16_u', 0xfd0089, 'none', 'v:v', 'vector'],
  ['i16x8.extend_high_i8x16_u', 0xfd008a, 'none', 'v:v', 'vector'],
  ['i16x8.shl', 0xfd008b, 'none', 'vi:v', 'vector'],
  ['i16x8.shr_s', 0xfd008c, 'none', 'vi:v', 'vector'],
  ['i16x8.shr_u', 0xfd008d, 'none', 'vi:v', 'vector'],
  ['i16x8.add', 0xfd008e, 'none', 'vv:v', 'vector'],
  ['i16x8.add_sat_s', 0xfd008f, 'none', 'vv:v', 'vector'],
  ['i16x8.add_sat_u', 0xfd0090, 'none', 'vv:v', 'vector'],
  ['i16x8.sub', 0xfd0091, 'none', 'vv:v', 'vector'],
  ['i16x8.sub_sat_s', 0xfd0092, 'none', 'vv:v', 'vector'],
  ['i16x8.sub_sat_u', 0xfd0093, 'none', 'vv:v', 'vector'],
  ['f64x2.nearest', 0xfd0094, 'none', 'v:v', 'vector', { lanes: 'd:d' }],
  ['i16x8.mul', 0xfd0095, 'none', 'vv:v', 'vector'],
  ['i16x8.min_s', 0xfd0096, 'none', 'vv:v', 'vector'],
  ['i16x8.min_u', 0xfd0097, 'none', 'vv:v', 'vector'],
  ['i16x8.max_s', 0xfd0098, 'none', 'vv:v', 'vector'],
  ['i16x8.max_u', 0xfd0099, 'none', 'vv:v', 'vector'],
  ['i16x8.avgr_u', 0xfd009b, 'none', 'vv:v', 'vector'],
  ['i16x8.extmul_low_i8x16_s', 0xfd009c, 'none', 'vv:v', 'vector'],
  ['i16x8.extmul_high_i8x16_s', 0xfd009d, 'none', 'vv:v', 'vector'],
  ['i16x8.extmul_low_i8x16_u', 0xfd009e, 'none', 'vv:v', 'vector'],
  ['i16x8.extmul_high_i8x16_u', 0xfd009f, 'none', 'vv:v', 'vector'],
  ['i32x4.abs', 0xfd00a0, 'none', 'v:v', 'vector'],
  ['i32x4.neg', 0xfd00a1, 'none', 'v:v', 'vector'],
  ['i32x4.all_true', 0xfd00a3, 'none', 'v:i', 'vector'],
  ['i32x4.bitmask', 0xfd00a4, 'none', 'v:i', 'vector'],
  ['i32x4.extend_low_i16x8_s', 0xfd00a7, 'none', 'v:v', 'vector'],
  ['i32x4.extend_high_i16x8_s', 0xfd00a8, 'none', 'v:v', 'vector'],
  ['i32x4.extend_low_i16x8_u', 0xfd00a9, 'none', 'v:v', 'vector'],
  ['i32x4.extend_high_i16x8_u', 0xfd00aa, 'none', 'v:v', 'vector'],
  ['i32x4.shl', 0xfd00ab, 'none', 'vi:v', 'vector'],
  ['i32x4.shr_s', 0xfd00ac, 'none', 'vi:v', 'vector'],
  ['i32x4.shr_u', 0xfd00ad, 'none', 'vi:v', 'vector'],
  ['i32x4.add', 0xfd00ae, 'none', 'vv:v', 'vector'],
  ['i32x4.sub', 0xfd00b1, 'none', 'vv:v', 'vector'],
  ['i32x4.mul', 0xfd00b5, 'none', 'vv:v', 'vector'],
  ['i32x4.min_s', 0xfd00b6, 'none', 'vv:v', 'vector'],
  ['i32x4.min_u', 0xfd00b7, 'none', 'vv:v', 'vector'],
  ['i32x4.max_s', 0xfd00b8, 'none', 'vv:v', 'vector'],
  ['i32x4.max_u', 0xfd00b9, 'none', 'vv:v', 'vector'],
  ['i32x4.dot_i16x8_s', 0xfd00ba, 'none', 'vv:v', 'vector'],
  ['i32x4.extmul_low_i16x8_s', 0xfd00bc, 'none', 'vv:v', 'vector'],
  ['i32x4.extmul_high_i16x8_s', 0xfd00bd, 'none', 'vv:v', 'vector'],
  ['i32x4.extmul_low_i16x8_u', 0xfd00be, 'none', 'vv:v', 'vector'],
  ['i32x4.extmul_high_i16x8_u', 0xfd00bf, 'none', 'vv:v', 'vector'],
  ['i64x2.abs', 0xfd00c0, 'none', 'v:v', 'vector'],
  ['i64x2.neg', 0xfd00c1, 'none', 'v:v', 'vector'],
  ['i64x2.all_true', 0xfd00c3, 'none', 'v:i', 'vector'],
  ['i64x2.bitmask', 0xfd00c4, 'none', 'v:i', 'vector'],
  ['i64x2.extend_low_i32x4_s', 0xfd00c7, 'none', 'v:v', 'vector'],
  ['i64x2.extend_high_i32x4_s', 0xfd00c8, 'none', 'v:v', 'vector'],
  ['i64x2.extend_low_i32x4_u', 0xfd00c9, 'none', 'v:v', 'vector'],
  ['i64x2.extend_high_i32x4_u', 0xfd00ca, 'none', 'v:v', 'vector'],
  ['i64x2.shl', 0xfd00cb, 'none', 'vi:v', 'vector'],
  ['i64x2.shr_s', 0xfd00cc, 'none', 'vi:v', 'vector'],
  ['i64x2.shr_u', 0xfd00cd, 'none', 'vi:v', 'vector'],
  ['i64x2.add', 0xfd00ce, 'none', 'vv:v', 'vector'],
  ['i64x2.sub', 0xfd00d1, 'none', 'vv:v', 'vector'],
  ['i64x2.mul', 0xfd00d5, 'none', 'vv:v', 'vector'],
  ['i64x2.eq', 0xfd00d6, 'none', 'vv:v', 'vector'],
  ['i64x2.ne', 0xfd00d7, 'none', 'vv:v', 'vector'],
  ['i64x2.lt_s', 0xfd00d8, 'none', 'vv:v', 'vector'],
  ['i64x2.gt_s', 0xfd00d9, 'none', 'vv:v', 'vector'],
  ['i64x2.le_s', 0xfd00da, 'none', 'vv:v', 'vector'],
  ['i64x2.ge_s', 0xfd00db, 'none', 'vv:v', 'vector'],
  ['i64x2.extmul_low_i32x4_s', 0xfd00dc, 'none', 'vv:v', 'vector'],
  ['i64x2.extmul_high_i32x4_s', 0xfd00dd, 'none', 'vv:v', 'vector'],
  ['i64x2.extmul_low_i32x4_u', 0xfd00de, 'none', 'vv:v', 'vector'],
  ['i64x2.extmul_high_i32x4_u', 0xfd00df, 'none', 'vv:v', 'vector'],
  ['f32x4.abs', 0xfd00e0, 'none', 'v:v', 'vector'],
  ['f32x4.neg', 0xfd00e1, 'none', 'v:v', 'vector'],
  ['f32x4.sqrt', 0xfd00e3, 'none', 'v:v', 'vector', { lanes: 'f:f' }],
  ['f32x4.add', 0xfd00e4, 'none', 'vv:v', 'vector', { lanes: 'f:f' }],
  ['f32x4.sub', 0xfd00e5, 'none', 'vv:v', 'vector', { lanes: 'f:f' }],
  ['f32x4.mul', 0xfd00e6, 'none', 'vv:v', 'vector', { lanes: 'f:f' }],
  ['f32x4.div', 0xfd00e7, 'none', 'vv:v', 'vector', { lanes: 'f:f' }],
  ['f32x4.min', 0xfd00e8, 'none', 'vv:v', 'vector', { lanes: 'f:f' }],
  ['f32x4.max', 0xfd00e9, 'none', 'vv:v', 'vector', { lanes: 'f:f' }],
  ['f32x4.pmin', 0xfd00ea, 'none', 'vv:v', 'vector'],
  ['f32x4.pmax', 0xfd00eb, 'none', 'vv:v', 'vector'],
  ['f64x2.abs', 0xfd00ec, 'none', 'v:v', 'vector'],
  ['f64x2.neg', 0xfd00ed, 'none', 'v:v', 'vector'],
  ['f64x2.sqrt', 0xfd00ef, 'none', 'v:v', 'vector', { lanes: 'd:d' }],
  ['f64x2.add', 0xfd00f0, 'none', 'vv:v', 'vector', { lanes: 'd:d' }],
  ['f64x2.sub', 0xfd00f1, 'none', 'vv:v', 'vector', { lanes: 'd:d' }],
  ['f64x2.mul', 0xfd00f2, 'none', 'vv:v', 'vector', { lanes: 'd:d' }],
  ['f64x2.div', 0xfd00f3, 'none', 'vv:v', 'vector', { lanes: 'd:d' }],
  ['f64x2.min', 0xfd00f4, 'none', 'vv:v', 'vector', { lanes: 'd:d' }],
  ['f64x2.max', 0xfd00f5, 'none', 'vv:v', 'vector', { lanes: 'd:d' }],
  ['f64x2.pmin', 0xfd00f6, 'none', 'vv:v', 'vector'],
  ['f64x2.pmax', 0xfd00f7, 'none', 'vv:v', 'vector'],
  ['i32x4.trunc_sat_f32x4_s', 0xfd00f8, 'none', 'v:v', 'vector'],
  ['i32x4.trunc_sat_f32x4_u', 0xfd00f9, 'none', 'v:v', 'vector'],
  ['f32x4.convert_i32x4_s', 0xfd00fa, 'none', 'v:v', 'vector'],
  ['f32x4.convert_i32x4_u', 0xfd00fb, 'none', 'v:v', 'vector'],
  ['i32x4.trunc_sat_f64x2_s_zero', 0xfd00fc, 'none', 'v:v', 'vector'],
  ['i32x4.trunc_sat_f64x2_u_zero', 0xfd00fd, 'none', 'v:v', 'vector'],
  ['f64x2.convert_low_i32x4_s', 0xfd00fe, 'none', 'v:v', 'vector'],
  ['f64x2.convert_low_i32x4_u', 0xfd00ff, 'none', 'v:v', 'vector'],
  ['i8x16.relaxed_swizzle', 0xfd0100, 'none', 'vv:v', 'vector', { feature: 'relaxed-simd' }],
  ['i32x4.relaxed_trunc_f32x4_s', 0xfd0101, 'none', 'v:v', 'vector', { feature: 'relaxed-simd' }],
  ['i32x4.relaxed_trunc_f32x4_u', 0xfd0102, 'none', 'v:v', 'vector', { feature: 'relaxed-simd' }],
  ['i32x4.relaxed_trunc_f64x2_s_zero', 0xfd0103, 'none', 'v:v', 'vector', { feature: 'relaxed-simd' }],
  ['i32x4.relaxed_trunc_f64x2_u_zero', 0xfd0104, 'none', 'v:v', 'vector', { feature: 'relaxed-simd' }],
  ['f32x4.relaxed_madd', 0xfd0105, 'none', 'vvv:v', 'vector', { feature: 'relaxed-simd' }],
  ['f32x4.relaxed_nmadd', 0xfd0106, 'none', 'vvv:v', 'vector', { feature: 'relaxed-simd' }],
  ['f64x2.relaxed_madd', 0xfd0107, 'none', 'vvv:v', 'vector', { feature: 'relaxed-simd' }],
  ['f64x2.relaxed_nmadd', 0xfd0108, 'none', 'vvv:v', 'vector', { feature: 'relaxed-simd' }],
  ['i8x16.relaxed_laneselect', 0xfd0109, 'none', 'vvv:v', 'vector', { feature: 'relaxed-simd' }],
  ['i16x8.relaxed_laneselect', 0xfd010a, 'none', 'vvv:v', 'vector', { feature: 'relaxed-simd' }],
  ['i32x4.relaxed_laneselect', 0xfd010b, 'none', 'vvv:v', 'vector', { feature: 'relaxed-simd' }],
  ['i64x2.relaxed_laneselect', 0xfd010c, 'none', 'vvv:v', 'vector', { feature: 'relaxed-simd' }],
  ['f32x4.relaxed_min', 0xfd010d, 'none', 'vv:v', 'vector', { feature: 'relaxed-simd' }],
  ['f32x4.relaxed_max', 0xfd010e, 'none', 'vv:v', 'vector', { feature: 'relaxed-simd' }],
  ['f64x2.relaxed_min', 0xfd010f, 'none', 'vv:v', 'vector', { feature: 'relaxed-simd' }],
  ['f64x2.relaxed_max', 0xfd0110, 'none', 'vv:v', 'vector', { feature: 'relaxed-simd' }],
  ['i16x8.relaxed_q15mulr_s', 0xfd0111, 'none', 'vv:v', 'vector', { feature: 'relaxed-simd' }],
  ['i16x8.relaxed_dot_i8x16_i7x16_s', 0xfd0112, 'none', 'vv:v', 'vector', { feature: 'relaxed-simd' }],
  ['i32x4.relaxed_dot_i8x16_i7x16_add_s', 0xfd0113, 'none', 'vvv:v', 'vector', { feature: 'relaxed-simd' }],

  ['memory.atomic.notify', 0xfe0000, 'memarg', 'ii:i', 'atomic', { bytes: 4, feature: 'threads' }],
  ['memory.atomic.wait32', 0xfe0001, 'memarg', 'iil:i', 'atomic', { bytes: 4, feature: 'threads' }],
  ['memory.atomic.wait64', 0xfe0002, 'memarg', 'ill:i', 'atomic', { bytes: 8, feature: 'threads' }],
  ['atomic.fence', 0xfe0003, 'zero', ':', 'atomic', { feature: 'threads' }],
  ['i32.atomic.load', 0xfe0010, 'memarg', 'i:i', 'atomic', { bytes: 4, atomic: 'load', feature: 'threads' }],
  ['i64.atomic.load', 0xfe0011, 'memarg', 'i:l', 'atomic', { bytes: 8, atomic: 'load', feature: 'threads' }],
  ['i32.atomic.load8_u', 0xfe0012, 'memarg', 'i:i', 'atomic', { bytes: 1, atomic: 'load', feature: 'threads' }],
  ['i32.atomic.load16_u', 0xfe0013, 'memarg', 'i:i', 'atomic', { bytes: 2, atomic: 'load', feature: 'threads' }],
  ['i64.atomic.load8_u', 0xfe0014, 'memarg', 'i:l', 'atomic', { bytes: 1, atomic: 'load', feature: 'threads' }],
  ['i64.atomic.load16_u', 0xfe0015, 'memarg', 'i:l', 'atomic', { bytes: 2, atomic: 'load', feature: 'threads' }],
  ['i64.atomic.load32_u', 0xfe0016, 'memarg', 'i:l', 'atomic', { bytes: 4, atomic: 'load', feature: 'threads' }],
  ['i32.atomic.store', 0xfe0017, 'memarg', 'ii:', 'atomic', { bytes: 4, atomic: 'store', feature: 'threads' }],
  ['i64.atomic.store', 0xfe0018, 'memarg', 'il:', 'atomic', { bytes: 8, atomic: 'store', feature: 'threads' }],
  ['i32.atomic.store8', 0xfe0019, 'memarg', 'ii:', 'atomic', { bytes: 1, atomic: 'store', feature: 'threads' }],
  ['i32.atomic.store16', 0xfe001a, 'memarg', 'ii:', 'atomic', { bytes: 2, atomic: 'store', feature: 'threads' }],
  ['i64.atomic.store8', 0xfe001b, 'memarg', 'il:', 'atomic', { bytes: 1, atomic: 'store', feature: 'threads' }],
  ['i64.atomic.store16', 0xfe001c, 'memarg', 'il:', 'atomic', { bytes: 2, atomic: 'store', feature: 'threads' }],
  ['i64.atomic.store32', 0xfe001d, 'memarg', 'il:', 'atomic', { bytes: 4, atomic: 'store', feature: 'threads' }],
  ['i32.atomic.rmw.add', 0xfe001e, 'memarg', 'ii:i', 'atomic', { bytes: 4, atomic: 'add', feature: 'threads' }],
  ['i64.atomic.rmw.add', 0xfe001f, 'memarg', 'il:l', 'atomic', { bytes: 8, atomic: 'add', feature: 'threads' }],
  ['i32.atomic.rmw8.add_u', 0xfe0020, 'memarg', 'ii:i', 'atomic', { bytes: 1, atomic: 'add', feature: 'threads' }],
  ['i32.atomic.rmw16.add_u', 0xfe0021, 'memarg', 'ii:i', 'atomic', { bytes: 2, atomic: 'add', feature: 'threads' }],
  ['i64.atomic.rmw8.add_u', 0xfe0022, 'memarg', 'il:l', 'atomic', { bytes: 1, atomic: 'add', feature: 'threads' }],
  ['i64.atomic.rmw16.add_u', 0xfe0023, 'memarg', 'il:l', 'atomic', { bytes: 2, atomic: 'add', feature: 'threads' }],
  ['i64.atomic.rmw32.add_u', 0xfe0024, 'memarg', 'il:l', 'atomic', { bytes: 4, atomic: 'add', feature: 'threads' }],
  ['i32.atomic.rmw.sub', 0xfe0025, 'memarg', 'ii:i', 'atomic', { bytes: 4, atomic: 'sub', feature: 'threads' }],
  ['i64.atomic.rmw.sub', 0xfe0026, 'memarg', 'il:l', 'atomic', { bytes: 8, atomic: 'sub', feature: 'threads' }],
  ['i32.atomic.rmw8.sub_u', 0xfe0027, 'memarg', 'ii:i', 'atomic', { bytes: 1, atomic: 'sub', feature: 'threads' }],
  ['i32.atomic.rmw16.sub_u', 0xfe0028, 'memarg', 'ii:i', 'atomic', { bytes: 2, atomic: 'sub', feature: 'threads' }],
  ['i64.atomic.rmw8.sub_u', 0xfe0029, 'memarg', 'il:l', 'atomic', { bytes: 1, atomic: 'sub', feature: 'threads' }],
  ['i64.atomic.rmw16.sub_u', 0xfe002a, 'memarg', 'il:l', 'atomic', { bytes: 2, atomic: 'sub', feature: 'threads' }],
  ['i64.atomic.rmw32.sub_u', 0xfe002b, 'memarg', 'il:l', 'atomic', { bytes: 4, atomic: 'sub', feature: 'threads' }],
  ['i32.atomic.rmw.and', 0xfe002c, 'memarg', 'ii:i', 'atomic', { bytes: 4, atomic: 'and', feature: 'threads' }],
  ['i64.atomic.rmw.and', 0xfe002d, 'memarg', 'il:l', 'atomic', { bytes: 8, atomic: 'and', feature: 'threads' }],
  ['i32.atomic.rmw8.and_u', 0xfe002e, 'memarg', 'ii:i', 'atomic', { bytes: 1, atomic: 'and', feature: 'threads' }],
  ['i32.atomic.rmw16.and_u', 0xfe002f, 'memarg', 'ii:i', 'atomic', { bytes: 2, atomic: 'and', feature: 'threads' }],
  ['i64.atomic.rmw8.and_u', 0xfe0030, 'memarg', 'il:l', 'atomic', { bytes: 1, atomic: 'and', feature: 'threads' }],
  ['i64.atomic.rmw16.and_u', 0xfe0031, 'memarg', 'il:l', 'atomic', { bytes: 2, atomic: 'and', feature: 'threads' }],
  ['i64.atomic.rmw32.and_u', 0xfe0032, 'memarg', 'il:l', 'atomic', { bytes: 4, atomic: 'and', feature: 'threads' }],
  ['i32.atomic.rmw.or', 0xfe0033, 'memarg', 'ii:i', 'atomic', { bytes: 4, atomic: 'or', feature: 'threads' }],
  ['i64.atomic.rmw.or', 0xfe0034, 'memarg', 'il:l', 'atomic', { bytes: 8, atomic: 'or', feature: 'threads' }],
  ['i32.atomic.rmw8.or_u', 0xfe0035, 'memarg', 'ii:i', 'atomic', { bytes: 1, atomic: 'or', feature: 'threads' }],
  ['i32.atomic.rmw16.or_u', 0xfe0036, 'memarg', 'ii:i', 'atomic', { bytes: 2, atomic: 'or', feature: 'threads' }],
  ['i64.atomic.rmw8.or_u', 0xfe0037, 'memarg', 'il:l', 'atomic', { bytes: 1, atomic: 'or', feature: 'threads' }],
  ['i64.atomic.rmw16.or_u', 0xfe0038, 'memarg', 'il:l', 'atomic', { bytes: 2, atomic: 'or', feature: 'threads' }],
  ['i64.atomic.rmw32.or_u', 0xfe0039, 'memarg', 'il:l', 'atomic', { bytes: 4, atomic: 'or', feature: 'threads' }],
  ['i32.atomic.rmw.xor', 0xfe003a, 'memarg', 'ii:i', 'atomic', { bytes: 4, atomic: 'xor', feature: 'threads' }],
  ['i64.atomic.rmw.xor', 0xfe003b, 'memarg', 'il:l', 'atomic', { bytes: 8, atomic: 'xor', feature: 'threads' }],
  ['i32.atomic.rmw8.xor_u', 0xfe003c, 'memarg', 'ii:i', 'atomic', { bytes: 1, atomic: 'xor', feature: 'threads' }],
  ['i32.atomic.rmw16.xor_u', 0xfe003d, 'memarg', 'ii:i', 'atomic', { bytes: 2, atomic: 'xor', feature: 'threads' }],
  ['i64.atomic.rmw8.xor_u', 0xfe003e, 'memarg', 'il:l', 'atomic', { bytes: 1, atomic: 'xor', feature: 'threads' }],
  ['i64.atomic.rmw16.xor_u', 0xfe003f, 'memarg', 'il:l', 'atomic', { bytes: 2, atomic: 'xor', feature: 'threads' }],
  ['i64.atomic.rmw32.xor_u', 0xfe0040, 'memarg', 'il:l', 'atomic', { bytes: 4, atomic: 'xor', feature: 'threads' }],
  ['i32.atomic.rmw.xchg', 0xfe0041, 'memarg', 'ii:i', 'atomic', { bytes: 4, atomic: 'xchg', feature: 'threads' }],
  ['i64.atomic.rmw.xchg', 0xfe0042, 'memarg', 'il:l', 'atomic', { bytes: 8, atomic: 'xchg', feature: 'threads' }],
  ['i32.atomic.rmw8.xchg_u', 0xfe0043, 'memarg', 'ii:i', 'atomic', { bytes: 1, atomic: 'xchg', feature: 'threads' }],
  ['i32.atomic.rmw16.xchg_u', 0xfe0044, 'memarg', 'ii:i', 'atomic', { bytes: 2, atomic: 'xchg', feature: 'threads' }],
  ['i64.atomic.rmw8.xchg_u', 0xfe0045, 'memarg', 'il:l', 'atomic', { bytes: 1, atomic: 'xchg', feature: 'threads' }],
  ['i64.atomic.rmw16.xchg_u', 0xfe0046, 'memarg', 'il:l', 'atomic', { bytes: 2, atomic: 'xchg', feature: 'threads' }],
  ['i64.atomic.rmw32.xchg_u', 0xfe0047, 'memarg', 'il:l', 'atomic', { bytes: 4, atomic: 'xchg', feature: 'threads' }],
  ['i32.atomic.rmw.cmpxchg', 0xfe0048, 'memarg', 'iii:i', 'atomic', { bytes: 4, atomic: 'cmpxchg', feature: 'threads' }],
  ['i64.atomic.rmw.cmpxchg', 0xfe0049, 'memarg', 'ill:l', 'atomic', { bytes: 8, atomic: 'cmpxchg', feature: 'threads' }],
  ['i32.atomic.rmw8.cmpxchg_u', 0xfe004a, 'memarg', 'iii:i', 'atomic', { bytes: 1, atomic: 'cmpxchg', feature: 'threads' }],
  ['i32.atomic.rmw16.cmpxchg_u', 0xfe004b, 'memarg', 'iii:i', 'atomic', { bytes: 2, atomic: 'cmpxchg', feature: 'threads' }],
  ['i64.atomic.rmw8.cmpxchg_u', 0xfe004c, 'memarg', 'ill:l', 'atomic', { bytes: 1, atomic: 'cmpxchg', feature: 'threads' }],
  ['i64.atomic.rmw16.cmpxchg_u', 0xfe004d, 'memarg', 'ill:l', 'atomic', { bytes: 2, atomic: 'cmpxchg', feature: 'threads' }],
  ['i64.atomic.rmw32.cmpxchg_u', 0xfe004e, 'memarg', 'ill:l', 'atomic', { bytes: 4, atomic: 'cmpxchg', feature: 'threads' }],
] as const satisfies readonly Row[];

type Rows = (typeof ROWS)[number];

/** The name of an instruction, as the specification's text format spells it (`select_t` is `select` with types). */
export type Mnemonic = Rows[0];

/** Those that validation has a rule of its own for. */
export type Special = Extract<Rows, { readonly 3: '*' }>[0];

/** Those that compute on scalars, or access memory, as their meaning says. */
type Computed = Extract<Rows, { readonly 5: string }>[0];
type Vector = Extract<Rows, { readonly 4: 'vector' }>[0];
type Atomic = Extract<Rows, { readonly 4: 'atomic' }>[0];

/** Those that every stage which runs or rewrites code has a handler for. */
export type Handled = Exclude<Mnemonic, Computed | Vector | Atomic>;

/** Handled ones that a module must have a feature for. */
export type Later = Extract<Rows, { readonly 5: { readonly feature: Feature } }>[0];

/** One instruction. */
export interface Opcode extends Traits<Mnemonic> {
  /** Place in {@link OPCODES}. */
  readonly index: number;
  readonly mnemonic: Mnemonic;
  readonly code: number;
  readonly immediates: Immediates;
  readonly params: string;
  readonly results: string;
  /** Whether validation has a rule of its own for this instruction. */
  readonly special: boolean;
  readonly gas: GasClass;
  readonly meaning: string | undefined;
  readonly traps: readonly TrapRule[];
  readonly flow: Flow;
}

/** Every instruction known, in the order of the codes. */
export const OPCODES: readonly Opcode[] = ROWS.map((row: Row, index) => {
  const [mnemonic, code, immediates, signature, gas, sixth, seventh] = row;
  const special = signature === '*';
  const [params = '', results = ''] = special ? [] : signature.split(':');
  const [meaning, traits] = typeof sixth === 'string' ? [sixth, seventh] : [undefined, sixth];
  return {
    flow: 'on',
    traps: [],
    ...(traits as Partial<Opcode>),
    index,
    mnemonic: mnemonic as Mnemonic,
    code,
    immediates,
    params,
    results,
    special,
    gas,
    meaning,
  };
});

const byMnemonic = Object.fromEntries(OPCODES.map((opcode) => [opcode.mnemonic, opcode])) as Record<Mnemonic, Opcode>;

/** The row of a mnemonic. */
export function opcode(mnemonic: Mnemonic): Opcode {
  return byMnemonic[mnemonic];
}

/** By place in the table: whether it opens a construct. */
export const OPENS: readonly boolean[] = OPCODES.map(({ flow }) => flow === 'open' || flow === 'loop' || flow === 'if');

/** By place in the table: whether it reads or writes memory at an address, vectors and their lanes included. */
export const IS_ACCESS: readonly boolean[] = OPCODES.map((row) => row.immediates.startsWith('memarg'));

/** Prefix bytes, after which the sub-opcode follows as an unsigned LEB128. */
export const PREFIX_GC = 0xfb;
export const PREFIX_MISC = 0xfc;
export const PREFIX_VECTOR = 0xfd;
export const PREFIX_THREADS = 0xfe;

function indexTable(size: number, prefix: number): Int16Array {
  const table = new Int16Array(size).fill(-1);
  for (const { index, code } of OPCODES) if (code >> 16 === prefix) table[code & 0xffff] = index;
  return table;
}

/** From an opcode byte, or a sub-opcode, to the place in {@link OPCODES}; -1 where there is none. */
export const SINGLE_BYTE = indexTable(256, 0);
export const GC = indexTable(256, PREFIX_GC);
export const MISC = indexTable(256, PREFIX_MISC);
export const VECTOR = indexTable(512, PREFIX_VECTOR);
export const ATOMIC = indexTable(256, PREFIX_THREADS);

const BYTES_OF_ACCESSOR: Readonly<Record<string, number>> = { i8: 1, u8: 1, i16: 2, u16: 2, i32: 4, u32: 4, i64: 8 };

/** Bytes an access moves; the base-two logarithm is what alignment may not exceed (specification 3.3.7). */
export function accessBytes({ bytes, meaning }: Opcode): number {
  return bytes ?? (BYTES_OF_ACCESSOR[meaning as string] as number);
}
