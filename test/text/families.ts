/** Texts of any size that hold much of one thing, whose cost could grow faster than they do. */

const times = (count: number, text: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => text(i)).join(' ');
const code = (text: string) => `(func ${text})`;
/** Each of the second to so many of the first that both together grow with the size. */
const square = (size: number) => Math.ceil(Math.sqrt(size));

/** By name. `size` is a number of things, each of a few characters. */
export const FAMILIES: Readonly<Record<string, (size: number) => string>> = {
  // Nesting.
  'folded operands': (size) => code(`(drop ${'(i32.eqz '.repeat(size)}(i32.const 0)${')'.repeat(size)})`),
  'folded blocks': (size) => code(`${'(block '.repeat(size)}${')'.repeat(size)}`),
  'folded ifs': (size) => code(`${'(if (i32.const 0) (then '.repeat(size)}${'))'.repeat(size)}`),
  'flat blocks': (size) => code(`${'block '.repeat(size)}${'end '.repeat(size)}`),
  'nested labels': (size) => code(`${times(size, (i) => `(block $l${i}`)}${')'.repeat(size)}`),
  'one label again and again': (size) => code(`${'(block $l (br $l) '.repeat(size)}${')'.repeat(size)}`),
  'branches to the outermost': (size) => code(`(block $o ${'(block $l (br $o) '.repeat(size)}${')'.repeat(size)})`),
  'names behind ends': (size) =>
    code(`${times(size, (i) => `block $l${i}`)} ${times(size, (i) => `end $l${size - 1 - i}`)}`),
  'blocks of a type': (size) =>
    code(`(i32.const 0) ${'(block (param i32) (result i32) '.repeat(size)}${')'.repeat(size)} (drop)`),
  'parentheses that stay open': (size) => '('.repeat(size),
  'parentheses that were never opened': (size) => ')'.repeat(size),
  'open constructs': (size) => `(func ${'(block (if (i32.const 1) (then '.repeat(size)}`,
  // Between tokens.
  'nested comments': (size) => `${'(; '.repeat(size)}${';) '.repeat(size)}`,
  'comments that stay open': (size) => '(; '.repeat(size),
  'comments to the end of the line': (size) => ';; x\n'.repeat(size),
  'nested annotations': (size) => `${'(@a '.repeat(size)}${') '.repeat(size)}`,
  'annotations that stay open': (size) => '(@a '.repeat(size),
  blanks: (size) => `(func${' \n\t'.repeat(size)})`,
  // Long tokens.
  'a long identifier': (size) => `(func $${'x'.repeat(4 * size)}) (start $${'x'.repeat(4 * size)})`,
  'a long identifier that nothing has': (size) => `(start $${'x'.repeat(4 * size)})`,
  'a long word': (size) => code('nop'.repeat(size)),
  'a long string': (size) => `(data "${'x'.repeat(4 * size)}")`,
  escapes: (size) => `(data "${'\\00\\u{1f600}'.repeat(size)}")`,
  'many strings': (size) => `(data ${'"x" '.repeat(size)})`,
  'a string that stays open': (size) => `(data "${'x'.repeat(4 * size)}`,
  'zeros before a digit': (size) => code(`(drop (i32.const ${'0'.repeat(4 * size)}1))`),
  'digits that are too many': (size) => code(`(drop (i64.const ${'9'.repeat(4 * size)}))`),
  underscores: (size) => code(`(drop (i32.const 0${'_0'.repeat(2 * size)}))`),
  'digits of a float': (size) => code(`(drop (f64.const 0.${'3'.repeat(4 * size)}))`),
  'digits before the point': (size) => code(`(drop (f32.const ${'9'.repeat(4 * size)}e-${4 * size}))`),
  'hexadecimal digits of a float': (size) => code(`(drop (f64.const 0x0.${'3'.repeat(4 * size)}p3))`),
  'digits of an exponent': (size) => code(`(drop (f64.const 1e-${'0'.repeat(4 * size)}9))`),
  'a long line with an error': (size) => code(`${'nop '.repeat(size)} nothing`),
  'a long name': (size) => `(module (@name "${'x'.repeat(4 * size)}"))`,
  // Declarations.
  'functions of a name': (size) => times(size, (i) => `(func $f${i})`),
  'calls by name': (size) => `${times(size, (i) => `(func $f${i} (call $f${size - 1 - i}))`)}`,
  'a name twice': (size) => `${times(size, (i) => `(func $f${i})`)} (func $f0)`,
  'functions that share a name': (size) => times(size, () => '(func (@name "f"))'),
  'names that look like others': (size) => times(size, (i) => `(func (@name "f_${i % 7}"))`),
  'types by use': (size) =>
    times(size, (i) => `(func (param ${times(1 + (i % 9), () => 'i32')}) (result f64) (unreachable))`),
  'distinct types by use': (size) =>
    times(
      size,
      (i) =>
        `(func (param ${[...i.toString(4).padStart(6, '0')].map((d) => ['i32', 'i64', 'f32', 'f64'][Number(d)]).join(' ')}))`,
    ),
  types: (size) => times(size, (i) => `(type $t${i} (func (param i32)))`),
  'a recursion group': (size) =>
    `(rec ${times(size, (i) => `(type $t${i} (struct (field $f (ref null $t${(i * 7) % size}))))`)})`,
  'fields of structs': (size) =>
    times(square(size), (i) => `(type $s${i} (struct ${times(square(size), (j) => `(field $f${j} i32)`)}))`),
  subtypes: (size) =>
    `(type $t0 (sub (struct)))${times(size, (i) => `(type $t${i + 1} (sub $t${Math.floor(i / 2)} (struct)))`)}`,
  imports: (size) => times(size, (i) => `(import "m" "f${i}" (func))`),
  'inline imports': (size) => times(size, (i) => `(func $f${i} (import "m" "f") (param i32))`),
  'inline exports': (size) => `(func ${times(size, (i) => `(export "e${i}")`)})`,
  globals: (size) => times(size, (i) => `(global $g${i} i32 (i32.const ${i}))`),
  'memories with data': (size) =>
    times(Math.min(size, 100), () => '(memory (data "x"))') + times(size, () => '(data "y")'),
  'data with offsets': (size) => `(memory 1) ${times(size, (i) => `(data (offset (i32.const ${i})) "x")`)}`,
  elements: (size) => `(func $f) (elem declare func ${'$f '.repeat(size)})`,
  'element expressions': (size) => `(elem funcref ${'(ref.null func) '.repeat(size)})`,
  'tables with elements': (size) =>
    `(func $f) ${times(square(size), () => `(table funcref (elem ${'$f '.repeat(square(size))}))`)}`,
  'custom sections': (size) => times(size, () => '(@custom "c" (after data) "x")'),
  // Bodies.
  'locals of a name': (size) => times(square(size), () => code(times(square(size), (i) => `(local $x${i} i32)`))),
  'locals by name': (size) => code(`(local $a i32) (local $b i64) ${'(drop (local.get $a)) '.repeat(size)}`),
  'locals without a name': (size) => code(`(local ${'i32 i64 '.repeat(size)})`),
  'labels of a table': (size) => code(`(block $a (block $b (br_table ${'$a $b '.repeat(size)} (i32.const 0))))`),
  clauses: (size) => `(tag $e) ${code(`(block $l (try_table ${'(catch $e $l) '.repeat(size)}))`)}`,
  'types of a select': (size) =>
    code(`(drop (select ${'(result i32) '.repeat(size)} (i32.const 0) (i32.const 0) (i32.const 0)))`),
  hints: (size) => code('(@metadata.code.branch_hint "\\00") (if (i32.const 0) (then)) '.repeat(size)),
  'operands far apart': (size) => code(`${'i32.const 0 '.repeat(size)}${'drop '.repeat(size)}`),
  vectors: (size) => code('(drop (v128.const i64x2 1 2)) '.repeat(size)),
  'many bodies': (size) => times(size, () => code('(drop (i32.const 1))')),
};
