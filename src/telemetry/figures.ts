/** What is measured: names, units and buckets, once for all that takes them. Names follow OpenTelemetry's conventions. */

import type { PoolStats } from '../pool/stats.ts';

/** What a figure is told apart by. Nothing of it is chosen by a guest. */
export const LABELS = {
  engine: 'wasm.engine',
  error: 'error.type',
  hostFunction: 'wasm.host.function',
  request: 'wasm.request.kind',
  allowed: 'wasm.request.allowed',
  pool: 'wasm.pool.name',
} as const;

export type Label = (typeof LABELS)[keyof typeof LABELS];

export interface Figure {
  readonly name: string;
  /** As UCUM writes it; in braces what is counted. */
  readonly unit: string;
  readonly description: string;
  readonly labels: readonly Label[];
}

export interface HistogramFigure extends Figure {
  /** Upper bounds. */
  readonly buckets: readonly number[];
}

const SECONDS = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];
const GAS = [1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11];
const BYTES = [16, 18, 20, 22, 24, 26, 28, 30].map((power) => 2 ** power);

const { engine, error, hostFunction, request, allowed, pool } = LABELS;

/** Recorded once for each load, call and host call. */
export const HISTOGRAMS = {
  loadDuration: {
    name: 'wasm.sandbox.load.duration',
    unit: 's',
    description: 'Time to make a sandbox ready',
    labels: [engine, error],
    buckets: SECONDS,
  },
  callGas: {
    name: 'wasm.sandbox.call.gas',
    unit: '{gas}',
    description: 'Gas that a call has used, with all that was called within it',
    labels: [engine, error],
    buckets: GAS,
  },
  callDuration: {
    name: 'wasm.sandbox.call.duration',
    unit: 's',
    description: 'Time that a call has taken, with what it has waited for',
    labels: [engine, error],
    buckets: SECONDS,
  },
  callMemory: {
    name: 'wasm.sandbox.call.memory',
    unit: 'By',
    description: 'The most memory that the guest has had, up to the end of a call',
    labels: [engine, error],
    buckets: BYTES,
  },
  hostCallDuration: {
    name: 'wasm.sandbox.host_call.duration',
    unit: 's',
    description: 'Time that a function of the host has taken, with what it has waited for',
    labels: [hostFunction, error],
    buckets: SECONDS,
  },
} satisfies Record<string, HistogramFigure>;

export type HistogramName = keyof typeof HISTOGRAMS;

/** Counted as the audit tells of them. */
export const REQUESTS: Figure = {
  name: 'wasm.sandbox.requests',
  unit: '{request}',
  description: 'What guests have asked the policy for',
  labels: [hostFunction, request, allowed],
};

type PoolFigure = Omit<Figure, 'labels'> & { readonly kind: 'gauge' | 'counter' };

const sandboxes = (name: string, description: string): PoolFigure => ({
  name: `wasm.pool.${name}`,
  unit: '{sandbox}',
  description,
  kind: 'gauge',
});
const callers = (name: string, description: string): PoolFigure => ({
  ...sandboxes(name, description),
  unit: '{caller}',
});
const counted = (figure: PoolFigure): PoolFigure => ({ ...figure, kind: 'counter' });

/** Read from a pool whenever somebody collects: all of its figures, under their own names. */
export const POOL: Readonly<Record<keyof PoolStats, PoolFigure>> = {
  min: sandboxes('min', 'Sandboxes that the pool keeps'),
  max: sandboxes('max', 'Sandboxes that the pool may have'),
  size: sandboxes('size', 'Sandboxes that there are'),
  idle: sandboxes('idle', 'Sandboxes that are ready, and lent to nobody'),
  leased: sandboxes('leased', 'Sandboxes that are lent'),
  starting: sandboxes('starting', 'Sandboxes that are being made'),
  resetting: sandboxes('resetting', 'Sandboxes that have come back and are not ready yet'),
  waiting: callers('waiting', 'Callers that wait'),
  peakLeased: sandboxes('leased.peak', 'The most sandboxes that were lent at a time'),
  peakWaiting: callers('waiting.peak', 'The most callers that waited'),
  acquired: counted(sandboxes('acquired', 'Leases given')),
  released: counted(sandboxes('released', 'Leases given back')),
  created: counted(sandboxes('created', 'Sandboxes made')),
  destroyed: counted(sandboxes('destroyed', 'Sandboxes disposed of')),
  failedStarts: counted(sandboxes('starts.failed', 'Sandboxes that could not be made')),
  failedResets: counted(sandboxes('resets.failed', 'Sandboxes that could not be reset')),
  unhealthy: counted(sandboxes('unhealthy', 'Sandboxes that failed the health check')),
  leaked: counted(sandboxes('leaked', 'Leases that were never given back')),
  refused: counted(callers('refused', 'Callers that were turned away')),
  timedOut: counted(callers('timed_out', 'Callers whose time was over')),
  aborted: counted(callers('aborted', 'Callers whose signal was aborted')),
};

export const POOL_LABELS: readonly Label[] = [pool];

/** Metrics libraries drop bigints, or throw; above 2⁵³ units the last ones are rounded. */
export const toNumber = (value: bigint | number): number => Number(value);
