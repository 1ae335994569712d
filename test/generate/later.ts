/**
 * What generated bodies may use beyond release 2.0 without vectors, feature by feature. The instructions are written
 * by their bytes, so that they can be generated, and tried on other engines, before this one has them.
 */

import type { BodyGenerator, Surroundings, WeightedActions } from './body.ts';
import type { Choices } from './choices.ts';
import type { ByteWriter, Instruction, TypeIndex } from './encode.ts';
import { EXNREF, FunctionReference, type Signature, type Type } from './types.ts';

/** Named as the features of the official suite are. */
export const GENERATED_FEATURES = [
  'tail-calls',
  'multi-memory',
  'exceptions',
  'legacy-exceptions',
  'function-references',
  'threads',
] as const;
export type GeneratedFeature = (typeof GENERATED_FEATURES)[number];

const CODE = {
  try: 0x06,
  catch: 0x07,
  throw: 0x08,
  rethrow: 0x09,
  throw_ref: 0x0a,
  return_call: 0x12,
  return_call_indirect: 0x13,
  call_ref: 0x14,
  return_call_ref: 0x15,
  delegate: 0x18,
  catch_all: 0x19,
  try_table: 0x1f,
  'ref.as_non_null': 0xd4,
  br_on_null: 0xd5,
  br_on_non_null: 0xd6,
} as const;

/** An instruction that indices follow, those of types as signatures. */
function plain(name: keyof typeof CODE, ...operands: readonly (number | Signature)[]): Instruction {
  return {
    write: (w: ByteWriter, use: TypeIndex) => {
      w.u8(CODE[name]);
      for (const operand of operands) w.unsigned(typeof operand === 'number' ? operand : use(operand));
    },
  };
}

interface Clause {
  /** Undefined: any exception. */
  readonly tag: number | undefined;
  readonly withReference: boolean;
  readonly label: number;
}

function tryTable(type: Signature, clauses: readonly Clause[]): Instruction {
  return {
    write: (w, use) => {
      w.u8(CODE.try_table).signed(use(type));
      w.vector(clauses, ({ tag, withReference, label }) => {
        w.u8((tag === undefined ? 2 : 0) + (withReference ? 1 : 0));
        if (tag !== undefined) w.unsigned(tag);
        w.unsigned(label);
      });
    },
  };
}

/** Types of operands, results of blocks and locals that only the features have. */
export function laterTypes({ features, functions }: Pick<Surroundings, 'features' | 'functions'>): Type[] {
  return [
    ...(features.includes('exceptions') ? [EXNREF, EXNREF] : []),
    ...(features.includes('function-references')
      ? functions.slice(0, 3).flatMap((type) => [FunctionReference.of(type, true), FunctionReference.of(type, false)])
      : []),
  ] as Type[];
}

/** Whether what follows an instruction that never returns would be the rest of the function, mostly. */
function wouldEndFunction(body: BodyGenerator, choices: Choices): boolean {
  return body.frames.length === 1 && !choices.once(6);
}

function tailCall(body: BodyGenerator, choices: Choices): void {
  const { functions, features } = body.around;
  const { results } = (body.frames[0] as (typeof body.frames)[number]).type;
  const alike = functions.flatMap((type, i) => (type.results.join() === results.join() ? [i] : []));
  const callee = alike[choices.below(alike.length)];
  if (callee === undefined || wouldEndFunction(body, choices)) {
    body.call(choices);
    return;
  }
  const type = functions[callee] as Signature;
  const form = choices.below(features.includes('function-references') ? 4 : 3);
  const indirect =
    form === 1
      ? body.pushIndirect(
          alike.map((i) => functions[i] as Signature),
          choices,
        )
      : undefined;
  if (indirect !== undefined) body.emit(plain('return_call_indirect', indirect.type, indirect.table));
  else {
    body.need(type.params, choices);
    if (form === 3) {
      body.synthesise(FunctionReference.of(type, true), choices);
      body.emit(plain('return_call_ref', type));
    } else body.emit(plain('return_call', callee));
  }
  body.becomeUnreachable();
}

/** `try_table`, and round it a block for each of its clauses that no label outside suits. */
function openTry(body: BodyGenerator, choices: Choices): void {
  const { tags } = body.around;
  const targets = Array.from({ length: choices.pick([1, 1, 2, 3, 0]) }, () => {
    const tag = tags.length > 0 && !choices.once(3) ? choices.below(tags.length) : undefined;
    const withReference = choices.once(2);
    const carried = [...(tag === undefined ? [] : (tags[tag] as readonly Type[])), ...(withReference ? [EXNREF] : [])];
    const suited = body.frames.flatMap((_, i) =>
      body.labelTypes(body.frames.length - 1 - i).join() === carried.join() ? [i] : [],
    );
    if (suited.length > 0 && !choices.once(3)) return { tag, withReference, frame: choices.pick(suited) };
    const type = { params: [], results: carried as Type[] };
    body.emit(['block', type]);
    body.enter('block', type);
    return { tag, withReference, frame: body.frames.length - 1 };
  });
  const innermost = body.frames.length - 1;
  const { available } = body;
  const taken = Math.min(available.length, choices.pick([0, 1, 0, 2]));
  const type = { params: available.slice(available.length - taken), results: body.anyResults(choices) };
  body.emit(
    tryTable(
      type,
      targets.map(({ tag, withReference, frame }) => ({ tag, withReference, label: innermost - frame })),
    ),
  );
  body.enter('try', type);
}

/** `try`. Its arms come when it is to be closed, or before. */
function openLegacyTry(body: BodyGenerator, choices: Choices): void {
  const { available } = body;
  const taken = Math.min(available.length, choices.pick([0, 1, 0, 2]));
  const type = { params: available.slice(available.length - taken), results: body.anyResults(choices) };
  body.emit({ write: (w, use) => w.u8(CODE.try).signed(use(type)) });
  body.enter('do', type);
}

/** Begins an arm of a `try` that catches; returns whether one may stand here. */
export function beginCatch(body: BodyGenerator, choices: Choices): boolean {
  const { kind } = body.frame;
  if (kind !== 'do' && kind !== 'catch') return false;
  const { tags } = body.around;
  const tag = tags.length > 0 && !choices.once(3) ? choices.below(tags.length) : undefined;
  if (tag === undefined) body.nextArm('catch_all', plain('catch_all'), [], choices);
  else body.nextArm('catch', plain('catch', tag), tags[tag] as readonly Type[], choices);
  return true;
}

/** What ends the `try` that has just been left, as it was before any arm. */
export function endOfTry(body: BodyGenerator, choices: Choices): Instruction {
  return choices.once(2) ? plain('delegate', choices.below(body.frames.length)) : 'end';
}

/** Throws again what some `catch` around has caught. */
function rethrowCaught(body: BodyGenerator, choices: Choices): void {
  const isCatch = (kind: string | undefined) => kind === 'catch' || kind === 'catch_all';
  const labels = body.frames.flatMap((_, i) => (isCatch(body.frames.at(-1 - i)?.kind) ? [i] : []));
  if (labels.length === 0) {
    if (!beginCatch(body, choices)) openLegacyTry(body, choices);
    return;
  }
  const isConditional = choices.once(2);
  if (isConditional) body.openIf(choices);
  body.emit(plain('rethrow', choices.pick(labels) + (isConditional ? 1 : 0)));
  body.becomeUnreachable();
  if (isConditional) body.close(choices);
}

function throwLegacy(body: BodyGenerator, choices: Choices): void {
  if (body.around.tags.length > 0) throwTag(body, choices);
  else rethrowCaught(body, choices);
}

function throwTag(body: BodyGenerator, choices: Choices): void {
  const { tags } = body.around;
  if (tags.length === 0) {
    rethrow(body, choices);
    return;
  }
  const tag = choices.below(tags.length);
  const isConditional = wouldEndFunction(body, choices) || choices.once(2);
  if (isConditional) body.openIf(choices);
  body.need(tags[tag] as readonly Type[], choices);
  body.emit(plain('throw', tag));
  body.becomeUnreachable();
  if (isConditional) body.close(choices);
}

/** Throws a reference that is there; seldom a null. */
function rethrow(body: BodyGenerator, choices: Choices): void {
  const isThere = body.available.at(-1) === EXNREF || body.locals.includes(EXNREF);
  if ((!isThere && !choices.once(8)) || body.frames.length === 1) {
    openTry(body, choices);
    return;
  }
  body.need([EXNREF], choices);
  body.emit(plain('throw_ref'));
  body.becomeUnreachable();
}

function callReference(body: BodyGenerator, choices: Choices): void {
  const type = choices.pick(body.around.functions);
  body.need(type.params, choices);
  body.synthesise(FunctionReference.of(type, !choices.once(3)), choices);
  body.emit(plain('call_ref', type));
  body.apply([...type.params, FunctionReference.of(type, true)], type.results);
}

function anyReference(body: BodyGenerator, choices: Choices): FunctionReference {
  const top = body.available.at(-1);
  return top instanceof FunctionReference ? top : FunctionReference.of(choices.pick(body.around.functions), true);
}

/** Branches on null or not, makes sure, or forgets what is known of a reference. */
function testReference(body: BodyGenerator, choices: Choices): void {
  const reference = anyReference(body, choices);
  const sure = FunctionReference.of(reference.to, false);
  switch (choices.below(4)) {
    case 0: {
      const label = choices.below(body.frames.length);
      const types = body.labelTypes(label);
      body.need([...types, reference], choices);
      body.emit(plain('br_on_null', label));
      body.apply([...types, reference], [...types, sure]);
      return;
    }
    case 1: {
      const labels = body.frames.flatMap((_, label) => (body.labelTypes(label).at(-1) === sure ? [label] : []));
      if (labels.length === 0) {
        const type = { params: [], results: [sure] };
        body.emit(['block', type]);
        body.enter('block', type);
      }
      const label = labels.length === 0 ? 0 : choices.pick(labels);
      const types = body.labelTypes(label).slice(0, -1);
      body.need([...types, reference], choices);
      body.emit(plain('br_on_non_null', label));
      body.apply([...types, reference], types);
      return;
    }
    case 2:
      body.weaken();
      return;
    default:
      body.need([reference], choices);
      body.emit(plain('ref.as_non_null'));
      body.apply([reference], [sure]);
      return;
  }
}

/** What steps may do besides, and how often. */
export const LATER_ACTIONS: Readonly<Record<GeneratedFeature, WeightedActions>> = {
  'tail-calls': [[6, tailCall]],
  'multi-memory': [],
  exceptions: [
    [8, openTry],
    [8, throwTag],
    [3, rethrow],
  ],
  'legacy-exceptions': [
    [10, openLegacyTry],
    [8, throwLegacy],
    [5, beginCatch],
    [4, rethrowCaught],
  ],
  'function-references': [
    [7, callReference],
    [6, testReference],
  ],
  threads: [[16, (body, choices) => body.atomic(choices)]],
};
