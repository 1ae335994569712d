/** A function that goes on for another, instantiated for one guest. */

import type { LeftFrame, LeftValue } from '../../wasm/left.ts';
import type { ValType } from '../../wasm/types.ts';
import type { RawFunction } from '../host.ts';
import { METER_EXPORTS, memoryExport, type Operation, segmentKey } from '../layout.ts';
import type { LeavePoint } from '../leave/points.ts';
import { type SlotPlace, slotPlaces } from '../leave/slots.ts';
import { type FunctionNumbers, Values } from '../leave/values.ts';
import type { MeteredInstance } from '../metered-instance.ts';
import { type Continuation, EXPORTS, IMPORTS, valueName } from './continuation.ts';

export class Continued {
  /** Goes on, and puts the results where {@link results} finds them, or is left. */
  readonly run: RawFunction;
  private readonly continuation: Continuation;
  private readonly body: number;
  private readonly values: Values;
  private readonly left: Values;

  /**
   * @param body that it goes on for
   * @param onLeft told of the number of the point where its frame has been left
   */
  constructor(
    guest: MeteredInstance,
    functions: FunctionNumbers,
    body: number,
    continuation: Continuation,
    onLeft: (point: number) => void,
  ) {
    const { code, exportPrefix, name } = continuation;
    guest.parts.set(name, (frame) => {
      const offset = continuation.find(frame);
      return offset === undefined ? undefined : { body, offset };
    });
    const imports = importsOf(guest, continuation, onLeft);
    const { exports } = new guest.store.host.Instance(code, imports);
    this.run = exports[EXPORTS.run] as RawFunction;
    this.body = body;
    this.continuation = continuation;
    this.values = new Values((kind, place) => exports[valueName(kind, place)] as WebAssembly.Global, functions);
    this.left = new Values(
      (kind, place) => exports[`${exportPrefix}${METER_EXPORTS.slot}${kind} ${place}`] as WebAssembly.Global,
      functions,
    );
  }

  /** What its frame holds: locals, operands, results of a call. */
  load(values: readonly LeftValue[]): void {
    this.continuation.places.values.forEach((place, i) => {
      this.values.set(place, values[i] as LeftValue);
    });
  }

  results(): readonly LeftValue[] {
    return this.continuation.places.results.map((place) => this.values.get(place));
  }

  /** As a frame of the function that it goes on for. */
  frame(point: number): LeftFrame {
    const { points, locals } = this.continuation.points;
    return frameAt(this.body, points[point] as LeavePoint, locals, this.left);
  }
}

/** Where frames save what they hold at a point. */
const placesAt = new WeakMap<LeavePoint, readonly SlotPlace[]>();

/** What a frame has saved at a point. */
export function frameAt(body: number, point: LeavePoint, types: readonly ValType[], values: Values): LeftFrame {
  const { kind, offset, locals, operands } = point;
  let places = placesAt.get(point);
  if (places === undefined) {
    places = slotPlaces([...locals.map((local) => types[local] as ValType), ...operands]);
    placesAt.set(point, places);
  }
  const saved = places.map((place: SlotPlace) => values.get(place));
  return {
    body,
    kind,
    offset,
    locals: locals.map((local, i) => [local, saved[i] as LeftValue] as const),
    operands: saved.slice(locals.length),
  };
}

function importsOf(
  guest: MeteredInstance,
  { importName, named, operations }: Continuation,
  onLeft: (point: number) => void,
): WebAssembly.Imports {
  const { module, calling } = guest.metered;
  const called = guest.meterExport(METER_EXPORTS.called) as WebAssembly.Table | undefined;
  const own: Record<string, unknown> = Object.create(null);
  for (const original of named.functions) {
    own[IMPORTS.function + original] = called?.get((calling?.called ?? []).indexOf(original));
  }
  operations.forEach((key, i) => {
    own[key] = guest.meterExport(METER_EXPORTS.operation + segmentKey(named.operations[i] as Operation));
  });
  if (named.refers) own[IMPORTS.references] = guest.meterExport(METER_EXPORTS.functions);
  for (const original of named.globals) {
    own[IMPORTS.global + original] = guest.meterExport(METER_EXPORTS.global + original);
  }
  module.tables.forEach((_, i) => {
    own[IMPORTS.table + i] = guest.meterExport(METER_EXPORTS.table + i);
  });
  module.memories.forEach((_, i) => {
    own[IMPORTS.memory + i] = guest.meterExport(memoryExport(i));
  });
  const meter = {
    ...guest.meterImports(),
    gas: guest.meterExport(METER_EXPORTS.gas),
    element: guest.meterExport(METER_EXPORTS.element),
    left: (_body: number, point: number) => onLeft(point),
  };
  return { [IMPORTS.module]: own, [importName]: meter } as WebAssembly.Imports;
}
