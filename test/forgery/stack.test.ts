import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { InterpreterInstance, interpreter, linker } from '../../interpreter/engine.ts';
import { Store, type WasmExecution } from '../../interpreter/machine/index.ts';
import { type FramePlace, PlaceFinder } from '../../interpreter/snapshot/places.ts';
import { instantiate as instantiateIn } from '../../interpreter/store/index.ts';
import { decode } from '../../wasm/decode.ts';
import type { EngineExecution } from '../../wasm/engine.ts';
import { SnapshotError } from '../../wasm/errors.ts';
import { STACK_WEIGHT } from '../../wasm/gas.ts';
import { LinkedGraph } from '../../wasm/linked-graph.ts';
import { typeOfFunction, type WasmModule } from '../../wasm/module.ts';
import { frameWeight } from '../../wasm/plan.ts';
import { STEP_BYTES } from '../../wasm/steps.ts';
import { assemble } from '../../wasm/text/assemble.ts';
import { WireReader } from '../../wasm/wire.ts';
import { compile } from '../generate/text.ts';
import { begin, coreOf, imports, instantiate, LIMITS, type LifeCall } from '../life/programs.ts';
import type { Node } from './format.ts';
import { at, bytesOf, type Guest, leave, putBack, treeOf, written } from './image.ts';

const GUEST = decode(compile(readFileSync(new URL('./guest.wat', import.meta.url), 'utf8')));

/** Frames on frames, without calls in place: what is called is what stands there. */
const TEXT = `(module
    (import "env" "host" (func $host (param i32) (result i32)))
    (func $leaf (param $n i32) (result i32)
      (loop $again
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $again (i32.gt_s (local.get $n) (i32.const 0))))
      (call $host (local.get $n)))
    (func $twin (param $n i32) (result i32) (i32.add (call $leaf (local.get $n)) (i32.const 1)))
    (func $long (param $n i32) (result i64)
      (loop $again (br_if $again (i32.eqz (local.get $n))))
      (i64.const 7))
    (func $middle (param $n i32) (param $e funcref) (result i32)
      (loop $again
        (local.set $n (i32.add (call $leaf (local.get $n)) (i32.const 1)))
        (br_if $again (i32.lt_s (local.get $n) (i32.const 0))))
      (i32.add (local.get $n) (call $twin (i32.const 3))))
    (func (export "run") (param $n i32) (result i32 funcref)
      (call $middle (local.get $n) (ref.null func)) (ref.null func))
    (func (export "other") (param $n i32) (result i32 funcref)
      (call $middle (local.get $n) (ref.null func)) (ref.null func))
    (func (export "wide") (param $n i32) (result i32) (drop (call $long (local.get $n))) (i32.const 1))`;
const PLAIN = decode(compile(`${TEXT})`));
/** Calls what it does not name, and what gives references. */
const INDIRECT = decode(
  compile(`(module
    (import "env" "host" (func $host (result funcref)))
    (table 1 1 funcref)
    (elem (i32.const 0) $leaf)
    (func $leaf (param $n i32) (result i32)
      (loop $again
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $again (i32.gt_s (local.get $n) (i32.const 0))))
      (local.get $n))
    (func (export "run") (param $n i32) (result i32)
      (i32.add (call_indirect (param i32) (result i32) (local.get $n) (i32.const 0)) (i32.const 1)))
    (func (export "asks") (param $n i32) (result i32)
      (loop $again (br_if $again (i32.eqz (local.get $n))))
      (ref.is_null (call $host))))`),
);
/** The same with one more function, which may call another in its place: so others are taken to do so as well. */
const IN_PLACE = decode(compile(`${TEXT} (func (param $n i32) (result i32) (return_call 1 (local.get $n))))`));

const CALLS: readonly LifeCall[] = [
  { export: 'objects', args: [8] },
  { export: 'exceptions', args: [6] },
  { export: 'waiting', args: [3] },
  { export: 'deep', args: [3] },
  { export: 'memories', args: [7] },
];

/** Where a call can be left, one place after another. */
function* places(module: WasmModule, call: LifeCall): Generator<Guest> {
  const left = leave(module, call, 0n);
  yield left;
  while (left.execution?.advance(1n) === 'paused') yield left;
}

const leaf = (type: 'u8' | 'u32', value: number): Node => ({ kind: 'leaf', type, value });
const record = (fields: Record<string, Node>): Node => ({ kind: 'record', fields: Object.entries(fields) });
/** A value of the host's, which is neither an object of a guest's nor a function. */
const undefinedObject = () => record({ tag: leaf('u8', 2), type: leaf('u8', 0) });

/** What the machine keeps of the frames of a call that was left: return addresses, and instances that wait for others. */
function keptOf(execution: EngineExecution | undefined): readonly [addresses: number, waiting: number] {
  const { sp, callers } = (execution as WasmExecution).thread!;
  return [sp, callers.length];
}

describe('a guest left anywhere', () => {
  const ended = (guest: Guest) => [guest.execution?.results, bytesOf({ ...guest, execution: undefined })];

  it.each(CALLS.map((call) => [call.export, call] as const))('%s is put back as it was', (_, call) => {
    const expected = ended(leave(GUEST, call, 1_000_000_000n));
    let count = 0;
    for (const left of places(GUEST, call)) {
      if (count++ % 3 !== 0) continue;
      const bytes = bytesOf(left);
      const back = putBack(GUEST, bytes);
      expect(Buffer.compare(bytesOf(back), bytes)).toBe(0);
      if (count % 5 !== 0) continue;
      back.execution?.advance();
      expect(ended(back)).toEqual(expected);
    }
    expect(count).toBeGreaterThan(3);
  });

  it('in a function that an instruction does not name is put back', () => {
    const call = { export: 'run', args: [5] };
    let count = 0;
    for (const left of places(INDIRECT, call)) {
      const back = putBack(INDIRECT, bytesOf(left));
      back.execution?.advance();
      expect(ended(back)).toEqual(ended(leave(INDIRECT, call, 1_000_000n)));
      count++;
    }
    expect(count).toBeGreaterThan(3);
  });

  it('behind a call of the host holds what that may have given', () => {
    const places = new PlaceFinder(INDIRECT, () => undefined).find(2, Array(100).keys()).places;
    const [offset, place] = [...places].find(([, { call }]) => call !== undefined)!;
    const tree = treeOf(leave(INDIRECT, { export: 'asks', args: [1] }, 0n));
    at(tree, '.stack?.positions[].offset', 'leaf').value = offset;
    const { items } = at(tree, '.objects.heads', 'list');
    items.push(undefinedObject());
    const slot = place.call!.base >> 1;
    const holding = (id: number) => {
      at(tree, '.stack?.references', 'words').values = [...new Array(slot).fill(0), id];
      return written(tree);
    };
    expect(putBack(INDIRECT, holding(0)).execution?.advance()).toBe('done');
    expect(() => putBack(INDIRECT, holding(items.length))).toThrow('not of the type of its place');
  });

  it('holds in a local what that is of, also while an operand stands for it that has been converted', () => {
    const module = decode(
      assemble(`(module
        (type $s (struct (field i32)))
        (func $spin (loop))
        (func $in (param $s (ref $s)) (result i32)
          (extern.convert_any (local.get $s))
          (call $spin)
          (drop)
          (struct.get $s 0 (local.get $s)))
        (func (export "run") (result i32) (call $in (struct.new $s (i32.const 5)))))`),
    );
    const stood = new Set<number>();
    for (const left of places(module, { export: 'run', args: [] })) {
      const tree = treeOf(left);
      const references = at(tree, '.stack?.references', 'words');
      const count = at(tree, '.stack?.positions', 'list').items.length;
      if (references.values.length === 0) continue;
      const { items } = at(tree, '.objects.heads', 'list');
      items.push(undefinedObject());
      references.values = references.values.map((id) => id && items.length);
      expect(() => putBack(module, written(tree))).toThrow('not of the type of its place');
      stood.add(count);
    }
    // In the function, and in the one that it calls.
    expect(stood).toEqual(new Set([2, 3]));
  });

  it('behind calls of a function of the guest’s looks for each function once', () => {
    const left = leave(GUEST, { export: 'deep', args: [300] }, 11_000n);
    const looked = vi.spyOn(left.core.code.entries, 'forEach');
    expect(at(treeOf(left), '.stack?.positions', 'list').items.length).toBeGreaterThan(60);
    expect(looked).toHaveBeenCalledOnce();
  });

  it('holds no nulls behind its last reference', () => {
    let nulls = 0;
    for (const left of places(GUEST, { export: 'objects', args: [3] })) {
      const { values } = at(treeOf(left), '.stack?.references', 'words');
      expect(values.at(-1)).not.toBe(0);
      nulls += values.filter((id) => id === 0).length;
    }
    expect(nulls).toBeGreaterThan(3);
  });

  it('with null references to return is put back, and writes none of them', async () => {
    const module = decode(
      compile(`(module
        (import "env" "host" (func $host (param externref externref) (result externref externref)))
        (func (export "run") (result externref externref) (return_call $host (ref.null extern) (ref.null extern))))`),
    );
    for (const [results, ids] of [
      [[null, null], []],
      [['a text', null], [1]],
      [
        [null, 'a text'],
        [0, 1],
      ],
    ]) {
      const instance = instantiate(
        module,
        imports(() => Promise.resolve(results)),
      );
      const execution = begin(instance, { export: 'run', args: [] });
      expect(execution.advance()).toBe('waiting');
      await execution.settled;
      const left = { instance, execution, core: coreOf(instance) };
      expect(at(treeOf(left), '.stack?.positions', 'list').items).toEqual([]);
      expect(at(treeOf(left), '.stack?.references', 'words').values).toEqual(ids);
      const back = putBack(module, bytesOf(left));
      expect(keptOf(back.execution)).toEqual(keptOf(execution));
      expect(back.execution?.advance()).toBe('done');
      expect(back.execution?.results).toEqual(results);
    }
  });

  it('in a large function is put back within the time there is', () => {
    const module = decode(
      assemble(
        `(module (func (export "run") (loop $again (br_if $again (i32.const 0))) ${'nop '.repeat(2 * STEP_BYTES)}))`,
      ),
    );
    const bytes = bytesOf(leave(module, { export: 'run', args: [] }, 0n));
    const instance = instantiate(module);
    const { patron } = coreOf(instance);
    const look = vi.spyOn(patron, 'look').mockImplementation(() => {
      throw new Error('it is late');
    });
    expect(() => instance.install?.(new WireReader(bytes))).toThrow('it is late');
    look.mockRestore();
    expect(instance.install?.(new WireReader(bytes))?.advance()).toBe('done');
  });

  it('deeply is put back into a stack that has grown', () => {
    const call = { export: 'deep', args: [300] };
    const left = leave(GUEST, call, 11_000n);
    const bytes = bytesOf(left);
    expect(at(treeOf(left), '.stack?.positions', 'list').items.length).toBeGreaterThan(60);
    const back = putBack(GUEST, bytes);
    left.execution?.advance();
    back.execution?.advance();
    expect(ended(back)).toEqual(ended(left));
  });
});

describe('a guest of two modules left anywhere', () => {
  /** Goes to and fro between them. In one of them functions call others in their place. */
  const MODULES = [
    `(module
      (import "main" "down" (func $down (param i32) (result i32)))
      (func (export "over") (param $n i32) (result i32)
        (loop $again (br_if $again (i32.eqz (local.get $n))))
        (i32.add (i32.const 100) (call $down (i32.sub (local.get $n) (i32.const 1))))))`,
    `(module
      (type $unlike (func))
      (rec (type $node (struct (field i32) (field (ref null $node)))))
      (import "library" "over" (func $over (param i32) (result i32)))
      (global $root (mut (ref null $node)) (ref.null $node))
      (func $in-place (param $n i32) (result i32)
        (global.set $root (struct.new $node (local.get $n) (global.get $root)))
        (if (result i32) (i32.le_s (local.get $n) (i32.const 0))
          (then (i32.const 7))
          (else (i32.add (i32.const 1) (call $over (local.get $n))))))
      (func $down (export "down") (param $n i32) (result i32) (return_call $in-place (local.get $n)))
      (func (export "run") (param $n i32) (result i32)
        (i32.add (call $down (local.get $n)) (struct.get $node 0 (global.get $root)))))`,
  ].map((text) => decode(compile(text)));

  function make() {
    const [library, main] = MODULES as [WasmModule, WasmModule];
    const graph = new LinkedGraph(
      [
        { name: 'library', module: library },
        { name: 'main', module: main },
      ],
      false,
    );
    const instance = interpreter.instantiate(main, { limits: LIMITS, imports: imports(), graph });
    return { instance, execution: undefined, core: coreOf(instance) };
  }

  it('is put back as it was', () => {
    const left = make();
    const execution = begin(left.instance, { export: 'run', args: [3] });
    let count = 0;
    while (execution.advance(1n) === 'paused') {
      const bytes = bytesOf({ ...left, execution });
      const { instance, core } = make();
      const back = instance.install?.(new WireReader(bytes));
      expect(keptOf(back)).toEqual(keptOf(execution));
      expect(Buffer.compare(bytesOf({ instance, core, execution: back }), bytes)).toBe(0);
      back?.advance();
      expect(back?.results).toEqual([310]);
      count++;
    }
    expect(execution.results).toEqual([310]);
    expect(count).toBeGreaterThan(10);
  });

  it('is in no snapshot where it has gone to a module that it is not linked with', async () => {
    const store = new Store(LIMITS.stackBytes);
    const find = linker(imports(() => Promise.resolve(null)));
    const own = instantiateIn(store, INDIRECT, find, LIMITS);
    own.tables[0]!.elements[0] = instantiateIn(store, INDIRECT, find, LIMITS).function(3);
    const instance = new InterpreterInstance({ instances: [own], finders: [] });
    const execution = begin(instance, { export: 'run', args: [1] });
    expect(execution.advance()).toBe('waiting');
    await execution.settled;
    const capture = () => instance.capture(execution, 'write');
    expect(capture).toThrow(SnapshotError);
    expect(capture).toThrow('the call has gone to an instance that it is not linked with');
    expect(execution.advance()).toBe('done');
    expect(execution.results).toEqual([2]);
  });
});

describe('a forged stack', () => {
  const [LEAF, TWIN, LONG, MIDDLE, RUN, OTHER] = [0, 1, 2, 3, 4, 5] as const;
  let finder: PlaceFinder;
  beforeAll(() => {
    finder = new PlaceFinder(PLAIN, () => undefined);
  });

  /** The offset of the first place of a body that is as asked for. */
  function offset(body: number, fits: (place: FramePlace) => boolean): number {
    const found = [...finder.find(body, Array(200).keys()).places].sort(([a], [b]) => a - b);
    return found.find(([at, place]) => at > 0 && fits(place))?.[0] ?? -1;
  }
  const calling = (callee: number) => (place: FramePlace) => place.call?.callee === callee + 1;
  const isLoop = ({ call, isCheckpoint }: FramePlace) => isCheckpoint && call === undefined;

  type Frame = readonly [body: number, offset: number];
  const genuine = (): Frame[] => [
    [RUN, offset(RUN, calling(MIDDLE))],
    [MIDDLE, offset(MIDDLE, calling(LEAF))],
    [LEAF, offset(LEAF, isLoop)],
  ];

  const weight = (frames: readonly Frame[]) =>
    frames.reduce(
      (sum, [body]) =>
        sum +
        (body < PLAIN.bodies.length
          ? frameWeight(typeOfFunction(PLAIN, PLAIN.importedFunctions + body), PLAIN.bodies.at(body))
          : 0),
      0,
    );

  interface Forged {
    entered?: number;
    frames?: Frame[];
    fingerprints?: (readonly [body: number, fingerprint: number])[];
    words?: number;
    references?: number[];
  }

  /** A value of the host's, which is no function, is the one object. */
  function forge({ entered = 1 + RUN, frames = genuine(), ...rest }: Forged, module = PLAIN): Uint8Array {
    const bodies = [...new Set(frames.map(([body]) => body))];
    const {
      fingerprints = bodies.map((body) => [body, body < 6 ? finder.find(body, []).fingerprint : 0] as const),
      words = frames.length === 0 ? 4 : 2 * Math.ceil(weight(frames) / 8),
      references = [],
    } = rest;
    const tree = treeOf(leave(module, { export: 'run', args: [3] }, 0n));
    at(tree, '.objects.heads', 'list').items = [undefinedObject()];
    at(tree, '.stack?.entered', 'leaf').value = entered;
    at(tree, '.stack?.positions', 'list').items = frames.map(([body, offset]) =>
      record({ body: leaf('u32', body), offset: leaf('u32', offset) }),
    );
    at(tree, '.stack?.fingerprints', 'list').items = fingerprints.map(([body, fingerprint]) =>
      record({ body: leaf('u32', body), fingerprint: leaf('u32', fingerprint) }),
    );
    at(tree, '.stack?.registers', 'words').values = Array.from({ length: words }, (_, i) => i);
    at(tree, '.stack?.references', 'words').values = references;
    return written(tree);
  }

  const genuineWeight = () => weight(genuine());
  const slots = () => Math.ceil(genuineWeight() / 8);
  const described = (...bodies: number[]) => bodies.map((body) => [body, finder.find(body, []).fingerprint] as const);
  const refused = (forged: Forged, message: string | RegExp, limits = {}, module = PLAIN, what = '') => {
    const bytes = forge(forged, module);
    const put = () => putBack(module, bytes, limits);
    expect(put, what).toThrow(message);
    expect(put, what).toThrow(SnapshotError);
  };
  /** The slot of the only reference: an argument of `middle`. */
  const slot = () => (finder.find(RUN, [genuine()[0]![1]]).places.values().next().value!.call!.base >> 1) + 1;
  const holding = (inSlot: number, elsewhere: number) => {
    const held = slot();
    return Array.from({ length: slots() }, (_, i) => (i === held ? inSlot : elsewhere));
  };

  it('is taken where a guest could have it', () => {
    const cases: (readonly [what: string, Forged, results?: unknown[]])[] = [
      ['that is genuine', {}],
      ['with anything where numbers are', { references: holding(0, 1) }],
      [
        'of a function that stands behind its call of the host',
        { frames: [...genuine().slice(0, 2), [LEAF, offset(LEAF, calling(-1))]] },
        [182, null],
      ],
      [
        'that stands at a loop below no frame',
        { frames: [...genuine().slice(0, 1), [MIDDLE, offset(MIDDLE, isLoop)]] },
      ],
      ['that has only to return', { frames: [] }, [0, null]],
      ['that has only to return, with anything beside a number', { frames: [], references: [1] }, [0, null]],
    ];
    for (const [what, forged, results] of cases) {
      const { execution } = putBack(PLAIN, forge(forged));
      expect(execution?.advance(), what).toBe('done');
      if (results !== undefined) expect(execution?.results, what).toEqual(results);
    }
  });

  const NOT_LEFT = 'the guest stands where it cannot be left';
  const NO_CALL = 'a return address is not behind a call';
  const NOT_CALLED = 'a function on its stack is not the one that was called';
  const NOT_DESCRIBED = 'functions on its stack are not described, or others are';
  const NO_FIT = 'its registers do not fit its stack';

  it('is refused for whatever no guest could have', () => {
    const cases: (readonly [what: string, Forged, message: string])[] = [
      [
        'a return address at a loop',
        { frames: [genuine()[0]!, [MIDDLE, offset(MIDDLE, isLoop)], genuine()[2]!] },
        NO_CALL,
      ],
      ['a return address at an entry', { frames: [genuine()[0]!, [MIDDLE, 0], genuine()[2]!] }, NO_CALL],
      [
        'a return address behind any instruction',
        { frames: [genuine()[0]!, [MIDDLE, genuine()[1]![1] + 1], genuine()[2]!] },
        NO_CALL,
      ],
      ['a return address beyond the code', { frames: [genuine()[0]!, [MIDDLE, 9_999], genuine()[2]!] }, NO_CALL],
      ['an end behind a call of the guest’s own', { frames: genuine().slice(0, 2) }, NOT_LEFT],
      ['an end at any instruction', { frames: [...genuine().slice(0, 2), [LEAF, 1]] }, NOT_LEFT],
      ['a frame of another function', { frames: [...genuine().slice(0, 2), [TWIN, 0]] }, NOT_CALLED],
      [
        'a frame of another function, with other results',
        { frames: [...genuine().slice(0, 2), [LONG, 0]] },
        NOT_CALLED,
      ],
      ['a first frame of another function', { entered: 1 + OTHER }, NOT_CALLED],
      ['a call of the host’s', { entered: 0 }, 'it names no function that could have been called'],
      ['a call of no function', { entered: 8 }, 'it names no function that could have been called'],
      [
        'a frame of no function',
        { frames: [[8, 0]], words: 4, fingerprints: [[8, 0]] },
        'names a function that the module does not have',
      ],
      ['too many registers', { words: 2 * slots() + 2 }, NO_FIT],
      ['too few registers', { words: 2 * slots() - 2 }, NO_FIT],
      ['too many references', { references: new Array(slots() + 1).fill(0) }, NO_FIT],
      ['results without registers', { frames: [], words: 2 }, NO_FIT],
      ['a reference to no object', { references: [2] }, 'a reference has no object'],
      ['a reference to less than nothing', { references: [-1] }, 'a reference has no object'],
      ['an argument of another type', { references: holding(1, 0) }, 'not of the type of its place'],
      ['a result of another type', { frames: [], references: [0, 1] }, 'not of the type of its place'],
      ['a function that is not described', { fingerprints: described(RUN, MIDDLE) }, NOT_DESCRIBED],
      [
        'another function that is described',
        { fingerprints: described(RUN, MIDDLE, OTHER) },
        'by another version of wasm-sandbox',
      ],
      ['a function that is described twice', { fingerprints: described(RUN, MIDDLE, MIDDLE) }, NOT_DESCRIBED],
      [
        'more functions than frames',
        { fingerprints: described(RUN, MIDDLE, LEAF, OTHER) },
        'there are too many functions on the stack',
      ],
      [
        'one function too many',
        { frames: [...genuine().slice(0, 2), [MIDDLE, 0]], fingerprints: described(RUN, MIDDLE, LEAF) },
        NOT_DESCRIBED,
      ],
      [
        'a function that is described once more',
        { frames: [...genuine(), genuine()[2]!], fingerprints: described(RUN, MIDDLE, LEAF, LEAF) },
        NOT_DESCRIBED,
      ],
      ['other code', { fingerprints: [...described(RUN, MIDDLE), [LEAF, 1]] }, 'by another version of wasm-sandbox'],
    ];
    for (const [what, forged, message] of cases) refused(forged, message, {}, PLAIN, what);
  });

  it('is refused where a function returns less than what was called, or more', () => {
    // The last calls in place, so that any other that gives the same may stand there.
    const module = decode(
      assemble(`(module
        (func $less (result i32) (loop) (i32.const 1))
        (func $called (result i32 i32) (loop) (i32.const 1) (i32.const 2))
        (func $more (result i32 i32 i32) (loop) (i32.const 1) (i32.const 2) (i32.const 3))
        (func (export "run") (result i32) (i32.add (call $called)))
        (func (result i32) (return_call $less)))`),
    );
    const [LESS, CALLED, MORE] = [0, 1, 2] as const;
    const standing = leave(module, { export: 'run', args: [] }, 1n);
    const put = (body: number) => {
      const tree = treeOf(standing);
      const { items } = at(tree, '.stack?.positions', 'list');
      expect(items.length).toBe(2);
      const { fingerprint } = new PlaceFinder(module, () => undefined).find(body, []);
      items[1] = record({ body: leaf('u32', body), offset: leaf('u32', 0) });
      at(tree, '.stack?.fingerprints', 'list').items[1] = record({
        body: leaf('u32', body),
        fingerprint: leaf('u32', fingerprint),
      });
      const weight = [3, body].reduce(
        (sum, each) => sum + frameWeight(typeOfFunction(module, each), module.bodies.at(each)),
        0,
      );
      at(tree, '.stack?.registers', 'words').values = new Array(2 * Math.ceil(weight / 8)).fill(0);
      return putBack(module, written(tree));
    };
    expect(put(CALLED).execution?.advance()).toBe('done');
    for (const body of [LESS, MORE]) expect(() => put(body)).toThrow('a function on its stack returns other results');
  });

  it('that has only to return is written as it was', () => {
    const back = putBack(PLAIN, forge({ frames: [] }));
    const stack = at(treeOf(back), '.stack?.positions', 'list');
    expect(stack.items).toEqual([]);
    const tree = treeOf(back);
    at(tree, '.stack?.registers', 'words').values = [41, 0, 0, 0];
    const again = putBack(PLAIN, bytesOf(putBack(PLAIN, written(tree))));
    expect(again.execution?.advance()).toBe('done');
    expect(again.execution?.results).toEqual([41, null]);
  });

  it('without references is written without any', () => {
    const left = leave(PLAIN, { export: 'run', args: [3] }, 0n);
    expect(left.execution).toBeDefined();
    expect(at(treeOf(left), '.stack?.references', 'words').values).toEqual([]);
  });

  it('is of the call that was left', () => {
    expect(putBack(PLAIN, forge({}), {}, 'run').execution).toBeDefined();
    expect(() => putBack(PLAIN, forge({}), {}, 'other')).toThrow('its stack is of another call');
  });

  it('that is too heavy is refused, by the number of its frames and by what they weigh', () => {
    putBack(PLAIN, forge({}), { stackBytes: genuineWeight() });
    const limit = `the stack in the snapshot weighs ${genuineWeight()} bytes, the limit is ${genuineWeight() - 1}`;
    refused({}, limit, { stackBytes: genuineWeight() - 1 });
    const frames = 3 * STACK_WEIGHT.frame;
    refused({}, `weighs ${frames} bytes, the limit is ${frames - 1}`, { stackBytes: frames - 1 });
    refused({}, `weighs ${genuineWeight()} bytes, the limit is ${frames}`, { stackBytes: frames });
  });

  it('of a module with calls in place may have another function there, which returns the same', () => {
    for (const forged of [
      { frames: [...genuine().slice(0, 2), [TWIN, 0] as const] },
      { frames: genuine().slice(0, 2) },
      { entered: 1 + OTHER },
    ]) {
      expect(putBack(IN_PLACE, forge(forged, IN_PLACE)).execution?.advance()).toBe('done');
    }
    const frames = [...genuine().slice(0, 2), [LONG, 0] as const];
    refused({ frames }, 'a function on its stack returns other results', {}, IN_PLACE);
    refused({ frames: [genuine()[0]!, [MIDDLE, offset(MIDDLE, isLoop)], genuine()[2]!] }, NO_CALL, {}, IN_PLACE);
  });
});
