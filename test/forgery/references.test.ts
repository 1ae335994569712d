import { describe, expect, it } from 'vitest';
import { arrayBytes } from '../../interpreter/gc/layout.ts';
import { ArrayObject, StructObject } from '../../interpreter/gc/objects.ts';
import { Numbering } from '../../interpreter/snapshot/numbering.ts';
import { readReferences } from '../../interpreter/snapshot/read-references.ts';
import { ExceptionInstance } from '../../interpreter/values/exception.ts';
import { decode } from '../../wasm/decode.ts';
import { MemoryLimitExceeded, SnapshotError } from '../../wasm/errors.ts';
import { MOST_OBJECT_BYTES } from '../../wasm/gas.ts';
import type { ArrayType } from '../../wasm/types.ts';
import { WireReader, WireWriter } from '../../wasm/wire.ts';
import { compile } from '../generate/text.ts';
import { coreOf, instantiate } from '../life/programs.ts';
import type { LeafType, Node } from './format.ts';
import { at, bytesOf, leave, putBack, treeOf, written } from './image.ts';

/** Has a place for every kind of reference, and functions that fill them. */
const MODULE = decode(
  compile(`(module
    (type $s (struct (field $n (mut i32)) (field $self (mut (ref null $s))) (field $v (mut v128)) (field $any (mut anyref))))
    (type $bytes (array (mut i8)))
    (type $longs (array (mut i64)))
    (type $refs (array (mut (ref null $s))))
    (import "env" "one" (func $one (result i32)))
    (import "other" "two" (func $two (param i32)))
    (tag $t (param i32 (ref null $s) v128 i64))
    (global $extern (mut externref) (ref.null extern))
    (global $any (mut anyref) (ref.null any))
    (global $func (mut funcref) (ref.null func))
    (global $exn (mut exnref) (ref.null exn))
    (global $s (mut (ref null $s)) (ref.null $s))
    (memory 1 1)
    (func $f (export "f"))
    (func (export "struct")
      (global.set $s (struct.new $s (i32.const -7) (ref.null $s) (v128.const i32x4 1 -2 3 4) (ref.i31 (i32.const -9))))
      (struct.set $s $self (global.get $s) (global.get $s)))
    (func (export "bytes") (global.set $any (array.new $bytes (i32.const 200) (i32.const 5))))
    (func (export "longs") (global.set $any (array.new $longs (i64.const -2) (i32.const 3))))
    (func (export "refs")
      (global.set $any (array.new $refs
        (struct.new $s (i32.const 1) (ref.null $s) (v128.const i64x2 0 0) (ref.null any)) (i32.const 2))))
    (func (export "exception")
      (global.set $exn (block $h (result exnref)
        (try_table (catch_all_ref $h)
          (throw $t (i32.const -3)
            (struct.new $s (i32.const 4) (ref.null $s) (v128.const i64x2 5 -6) (ref.null any))
            (v128.const i32x4 -1 2 -3 4) (i64.const -5)))
        (unreachable)))))`),
);

const GLOBALS = { extern: 0, any: 1, func: 2, exn: 3, s: 4 } as const;
type Global = keyof typeof GLOBALS;

const leaf = (type: LeafType, value: number | bigint | string | Uint8Array): Node => ({ kind: 'leaf', type, value });
const list = (items: Node[]): Node => ({ kind: 'list', items, count: undefined, isCounted: false });

interface Forged {
  /** The heads and bodies of the objects: numbers are in 32 bits, but for the first of a head. */
  readonly objects: readonly (readonly [head: readonly (number | Node)[], body?: readonly (number | Uint8Array)[]])[];
  /** Which global holds the first object. */
  readonly in?: Global;
}

function forge({ objects, in: global }: Forged): Uint8Array {
  const tree = treeOf(leave(MODULE));
  const node = (value: number | Node, i: number) =>
    typeof value === 'number' ? leaf(i === 0 ? 'u8' : 'u32', value) : value;
  at(tree, '.objects.heads', 'list').items = objects.map(([head]) => list(head.map(node)));
  at(tree, '.objects.bodies', 'list').items = objects.map(([, body = []]) =>
    list(body.map((value) => (typeof value === 'number' ? leaf('u32', value) : leaf('raw', value)))),
  );
  if (global !== undefined) at(tree, '.globals', 'words').values[GLOBALS[global]] = 1;
  return written(tree);
}

const put = (forged: Forged, limits = {}) => putBack(MODULE, forge(forged), limits);
const held = ({ core }: ReturnType<typeof put>, global: Global): unknown => core.globals[GLOBALS[global]]?.reference;

const text = (value: string) => leaf('text', value);
const bytes = (...values: number[]) => leaf('bytes', Uint8Array.from(values));
const f64 = (value: number) => leaf('f64', value);
const u8 = (value: number) => leaf('u8', value);

/** Types of the module, by what they are. */
const typeOf = (kind: 'struct' | 'array', nth = 0) =>
  MODULE.types.flatMap((type, i) => (type.kind === kind ? [i] : []))[nth] as number;
const STRUCT = typeOf('struct');
const [BYTES, LONGS, REFS] = [0, 1, 2].map((nth) => typeOf('array', nth)) as [number, number, number];
const STRUCT_FIELDS = [0, 0, 0, 0, 0, 0, 0];

describe('references of the host’s', () => {
  it.each([
    undefined,
    true,
    false,
    0,
    -1.5,
    Number.NaN,
    0n,
    255n,
    -(2n ** 70n),
    16n ** 65_535n,
    '',
    'a text',
    '\ud800 and \udc00',
    'long '.repeat(10_000),
  ])('are what they were: %#', (value) => {
    const left = leave(MODULE);
    const [global] = left.core.globals;
    global!.reference = value as never;
    expect(held(putBack(MODULE, bytesOf(left)), 'extern')).toEqual(value);
  });

  it('that only this process has are in a fork, but in no bytes', () => {
    for (const [value, message] of [
      [{}, 'a reference to an object of the host'],
      [Symbol('x'), 'a reference to a symbol of the host'],
      [() => 0, 'a reference to a function of the host'],
    ] as const) {
      const left = leave(MODULE);
      for (const global of ['any', 'extern'] as const) left.core.globals[GLOBALS[global]]!.reference = value as never;
      const image = left.instance.capture!(undefined, 'copy');
      const fork = instantiate(MODULE);
      fork.install!(image);
      expect(coreOf(fork).globals[GLOBALS.extern]?.reference).toBe(value);
      expect(() => bytesOf(left)).toThrow(message);
      expect(() => bytesOf(left)).toThrow(SnapshotError);
    }
  });

  it('that are an object or a function of another guest’s are in neither', () => {
    const other = leave(decode(MODULE.bytes), { export: 'struct', args: [] });
    const thrown = new ExceptionInstance(other.core.tags[0]!, []);
    const array = held(leave(decode(MODULE.bytes), { export: 'bytes', args: [] }), 'any');
    for (const value of [held(other, 's'), array, thrown, other.core.function(2), other.core.function(0)]) {
      const left = leave(MODULE);
      left.core.globals[GLOBALS.extern]!.reference = value as never;
      expect(() => left.instance.capture!(undefined, 'copy')).toThrow('an object or a function of another instance');
    }
  });
});

describe('what a guest has made', () => {
  it.each<[what: string, Global]>([
    ['struct', 's'],
    ['bytes', 'any'],
    ['longs', 'any'],
    ['refs', 'any'],
    ['exception', 'exn'],
  ])('is the same when it is put back, and counts for as much: %s', (name, global) => {
    const left = leave(MODULE, { export: name, args: [] });
    expect(left.execution?.results).toBeDefined();
    const image = bytesOf({ ...left, execution: undefined });
    const back = putBack(MODULE, image);
    expect(Buffer.compare(bytesOf({ ...back, execution: undefined }), image)).toBe(0);
    expect(back.core.heap.used).toBe(left.core.heap.used);
    // Of objects, what they come to counts, whatever the snapshot says.
    const tree = treeOf({ ...left, execution: undefined });
    at(tree, '.heapUsed', 'leaf').value = 0;
    expect(putBack(MODULE, written(tree)).core.heap.used).toBe(left.core.heap.used);
    expect(held(back, global)).toBeInstanceOf(
      name === 'struct' ? StructObject : name === 'exception' ? ExceptionInstance : ArrayObject,
    );
  });
});

it('of nothing that is referred to there are no objects', () => {
  expect(at(treeOf(leave(MODULE)), '.objects.heads', 'list').items).toEqual([]);
});

it('an array of the first type of a module is put back', () => {
  const module = decode(
    compile(`(module (type $bytes (array (mut i8))) (global $any (mut anyref) (ref.null any))
      (func (export "make") (global.set $any (array.new $bytes (i32.const 7) (i32.const 3)))))`),
  );
  expect(module.types[0]?.kind).toBe('array');
  const left = { ...leave(module, { export: 'make', args: [] }), execution: undefined };
  const value = putBack(module, bytesOf(left)).core.globals[0]?.reference;
  expect((value as ArrayObject).data).toEqual(Uint8Array.of(7, 7, 7));
});

it('an exception that no guest can keep counts for nothing when it is put back', () => {
  const module = decode(
    compile(`(module (tag $t (param i32))
      (func (export "run") (param $n i32) (result i32)
        (try (result i32)
          (do (throw $t (i32.const 5)))
          (catch $t
            (loop $again
              (local.set $n (i32.sub (local.get $n) (i32.const 1)))
              (br_if $again (i32.gt_s (local.get $n) (i32.const 0))))))))`),
  );
  const left = leave(module, { export: 'run', args: [50] }, 100n);
  expect(at(treeOf(left), '.objects.heads[].tag', 'leaf').value).toBe(5);
  const back = putBack(module, bytesOf(left));
  expect(back.core.heap.used).toBe(0);
  expect(back.execution?.advance()).toBe('done');
  expect(back.execution?.results).toEqual([5]);
});

it('a reference to a function is one to that of the other instance, whether it is the guest’s or the host’s', () => {
  for (let index = 0; index < MODULE.functions.length; index++) {
    const left = leave(MODULE);
    left.core.globals[GLOBALS.func]!.reference = left.core.function(index);
    const back = putBack(MODULE, bytesOf(left));
    expect(held(back, 'func')).toBe(back.core.function(index));
  }
});

describe('forged objects', () => {
  it.each<[what: string, Forged, value: unknown]>([
    ['a number that is true', { objects: [[[2, u8(1), u8(1)]]], in: 'extern' }, true],
    ['a number in hexadecimal digits', { objects: [[[2, u8(3), text('-ff')]]], in: 'extern' }, -255n],
    ['the longest number', { objects: [[[2, u8(3), text('f'.repeat(65_536))]]], in: 'extern' }, 16n ** 65_536n - 1n],
  ])('are taken: %s', (_, forged, value) => {
    expect(held(put(forged), forged.in as Global)).toBe(value);
  });

  it('name the functions of this instance', () => {
    for (const index of [0, 2, MODULE.functions.length - 1]) {
      const back = put({ objects: [[[1, index]]], in: 'func' });
      expect(held(back, 'func')).toBe(back.core.function(index));
    }
  });

  const NO_BIGINT = 'a bigint is none';
  const NO_TYPE = 'a reference is not of the type of its place';
  it.each<[what: string, Forged, message: string]>([
    ['of no kind', { objects: [[[6]]] }, 'an object is of no known kind'],
    ['of the last kind', { objects: [[[255]]] }, 'an object is of no known kind'],
    ['that only another process has', { objects: [[[0]]] }, 'an object is of no known kind'],
    ['no function', { objects: [[[1, MODULE.functions.length]]] }, 'names a function that the module does not have'],
    ['a value of no type', { objects: [[[2, u8(5)]]] }, 'a value is of no known type'],
    ['a number without digits', { objects: [[[2, u8(3), text('')]]] }, NO_BIGINT],
    ['a sign without digits', { objects: [[[2, u8(3), text('-')]]] }, NO_BIGINT],
    ['two signs', { objects: [[[2, u8(3), text('--1')]]] }, NO_BIGINT],
    ['other letters', { objects: [[[2, u8(3), text('0x1')]]] }, NO_BIGINT],
    ['a space before', { objects: [[[2, u8(3), text(' 1')]]] }, NO_BIGINT],
    ['a space behind', { objects: [[[2, u8(3), text('1 ')]]] }, NO_BIGINT],
    ['too long a number', { objects: [[[2, u8(3), text('f'.repeat(65_537))]]] }, NO_BIGINT],
    ['half of a letter', { objects: [[[2, u8(4), bytes(65, 0, 65)]]] }, 'a string is cut off'],
    ['a struct of an array’s type', { objects: [[[3, BYTES]]] }, 'a struct is of no type of the module'],
    ['a struct of no type', { objects: [[[3, MODULE.types.length]]] }, 'a struct is of no type of the module'],
    ['an array of a struct’s type', { objects: [[[4, STRUCT, 0]]] }, 'an array is of no type of the module'],
    ['an array of no type', { objects: [[[4, MODULE.types.length, 0]]] }, 'an array is of no type of the module'],
    ['a long array without elements', { objects: [[[4, LONGS, 1_000]]] }, 'an array is too long'],
    [
      'a long array with few elements',
      { objects: [[[4, LONGS, 1_000], [new Uint8Array(100)]]] },
      'an array is too long',
    ],
    [
      'a long array with few elements',
      {
        objects: [
          [
            [4, LONGS, 1_000],
            [0, 0],
          ],
        ],
      },
      'an array is too long',
    ],
    ['an exception without a tag', { objects: [[[5, 1]]] }, 'an exception has no tag of the module'],
    ['more than their bodies', { objects: [[[2, u8(2), f64(1)], [7]]] }, 'it goes on behind its end'],
    ['a struct cut off', { objects: [[[3, STRUCT], STRUCT_FIELDS.slice(1)]] }, 'it ends too early'],
    [
      'a field of another type',
      {
        objects: [
          [
            [3, STRUCT],
            [0, 0, 0, 0, 0, 2, 0],
          ],
          [[1, 0]],
        ],
      },
      NO_TYPE,
    ],
    [
      'the last field of another type',
      {
        objects: [
          [
            [3, STRUCT],
            [0, 0, 0, 0, 0, 0, 2],
          ],
          [[1, 0]],
        ],
      },
      NO_TYPE,
    ],
    [
      'a field that is no object',
      {
        objects: [
          [
            [3, STRUCT],
            [0, 0, 0, 0, 0, 2, 0],
          ],
        ],
      },
      'a reference has no object',
    ],
    [
      'an element of another type',
      {
        objects: [
          [
            [4, REFS, 2],
            [0, 2],
          ],
          [[1, 0]],
        ],
      },
      NO_TYPE,
    ],
    ['an element that is no object', { objects: [[[4, REFS, 1], [2]]] }, 'a reference has no object'],
    [
      'what is thrown, of another type',
      {
        objects: [
          [
            [5, 0],
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
          ],
        ],
      },
      NO_TYPE,
    ],
    [
      'a number thrown as a reference',
      {
        objects: [
          [
            [5, 0],
            [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
          ],
        ],
      },
      'a number is a reference as well',
    ],
    ['a global of another type', { objects: [[[1, 0]]], in: 's' }, NO_TYPE],
  ])('are refused: %s', (_, forged, message) => {
    expect(() => put(forged)).toThrow(message);
    expect(() => put(forged)).toThrow(SnapshotError);
  });

  it('may refer to themselves and to what comes later', () => {
    const back = put({
      objects: [
        [
          [3, STRUCT],
          [5, 0, 0, 0, 0, 1, 2],
        ],
        [[3, STRUCT], STRUCT_FIELDS],
      ],
      in: 's',
    });
    const struct = held(back, 's') as StructObject;
    expect(struct.references).toEqual([struct, expect.any(StructObject)]);
    expect(struct.references[1]).not.toBe(struct);
  });

  /** Of one object, which is read though what it holds may not follow. */
  function readOne(head: (to: WireWriter) => void, foreign: ReadonlyMap<number, unknown>): unknown {
    class Endless extends WireReader {
      override get left(): number {
        return Number.MAX_SAFE_INTEGER;
      }
    }
    const to = new WireWriter();
    to.u32(1);
    head(to);
    const numbering = new Numbering([leave(MODULE).core]);
    return readReferences(numbering, new Endless(to.written), foreign, Number.MAX_SAFE_INTEGER).references[1];
  }

  it('of no known kind are none that only this process has', () => {
    const foreign = new Map([[1, 'of this process']]);
    expect(() => readOne((to) => to.u8(0), foreign)).toThrow('it goes on behind its end');
    expect(() => readOne((to) => to.u8(6), foreign)).toThrow('an object is of no known kind');
  });

  it('are no larger than any object may be, however much room there is', () => {
    const type = MODULE.types[BYTES] as ArrayType;
    const most = MOST_OBJECT_BYTES - arrayBytes(type, 0);
    const read = (length: number) => () =>
      readOne((to) => {
        to.u8(4);
        to.u32(BYTES);
        to.u32(length);
      }, new Map());
    expect(read(most + 1)).toThrow(MemoryLimitExceeded);
    // It has been made; there is no more.
    expect(read(most)).toThrow('it goes on behind its end');
  });

  it('count for what they are, to the last byte, before they are made', () => {
    for (const name of ['struct', 'bytes', 'longs', 'refs', 'exception']) {
      const left = { ...leave(MODULE, { export: name, args: [] }), execution: undefined };
      const image = bytesOf(left);
      const limit = 65_536 + left.core.heap.used;
      const tree = treeOf(left);
      at(tree, '.heapUsed', 'leaf').value = 0;
      at(tree, '.peak', 'leaf').value = limit;
      expect(putBack(MODULE, image, { memoryBytes: limit }).core.heap.used).toBe(left.core.heap.used);
      at(tree, '.peak', 'leaf').value = 65_536;
      const refused = () => putBack(MODULE, written(tree), { memoryBytes: limit - 1 });
      expect(refused).toThrow(MemoryLimitExceeded);
      expect(refused).toThrow(`the objects of the guest in the snapshot do not fit into ${limit - 1} bytes`);
    }
  });
});
