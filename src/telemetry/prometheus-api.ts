/** The same figures for Prometheus, by prom-client. */

import { UsageError } from '../../wasm/errors.ts';
import { describe, quote } from '../../wasm/quote.ts';
import { list, text } from '../checks/check.ts';
import { checkNamed } from '../checks/named.ts';
import type { PoolStats } from '../pool/stats.ts';
import { type Figure, HISTOGRAMS, type HistogramName, POOL, POOL_LABELS, REQUESTS } from './figures.ts';
import { type Attributes, type Metrics, type Spans, Telemetry } from './telemetry.ts';

/** As much of the package `prom-client` as is used: pass what `import * as client from 'prom-client'` gives. */
export interface PrometheusClient {
  readonly Histogram: new (configuration: never) => unknown;
  readonly Gauge: new (configuration: never) => unknown;
  readonly Counter: new (configuration: never) => unknown;
}

/** How figures are registered. */
export interface PrometheusOptions {
  /** Where; prom-client's own unless given. */
  readonly register?: object | undefined;
  /** Names of attributes of your own that `wrap` and `load` are given; prom-client wants them beforehand. */
  readonly labelNames?: readonly string[] | undefined;
}

interface Histogram {
  observe(labels: object, value: number): void;
}

interface Counter {
  inc(labels: object, value?: number): void;
  reset(): void;
}

interface Gauge {
  set(labels: object, value: number): void;
  reset(): void;
}

const TRACES_NOTHING: Spans = {
  begin: () => ({ within: (work) => work(), end: () => undefined }),
  note: () => undefined,
};

/**
 * The figures of `wasm-sandbox/otel` in a registry of prom-client, named as Prometheus names them:
 * `wasm_sandbox_call_duration_seconds`.
 * @throws UsageError; what prom-client throws, such as for a registry that has them already
 */
export function createPrometheus(client: PrometheusClient, options: PrometheusOptions = {}): Telemetry {
  for (const name of ['Histogram', 'Gauge', 'Counter'] as const) {
    if (typeof client?.[name] !== 'function') {
      throw new UsageError(`the module prom-client was expected, which has a ${name}, not ${describe(client)}`);
    }
  }
  const { register, labelNames = [] } = checkNamed<PrometheusOptions>('createPrometheus', options, {
    register: (value) => value as object,
    labelNames: (value) => list('labelNames', value).map((name) => text('the name of a label', name)),
  });
  const registers = register === undefined ? {} : { registers: [register] };
  return new Telemetry(prometheusMetrics(client, registers, labelNames), TRACES_NOTHING);
}

function prometheusMetrics(client: PrometheusClient, registers: object, own: readonly string[]): Metrics {
  const make = <M>(Kind: new (configuration: never) => unknown, configuration: object): M =>
    new Kind({ ...configuration, ...registers } as never) as M;
  const described = ({ name, unit, description, labels }: Figure, more: readonly string[], total = false) => ({
    name: prometheusName(name, unit, total),
    help: description,
    labelNames: [...labels, ...more].map(labelName),
  });
  const histograms = Object.fromEntries(
    Object.entries(HISTOGRAMS).map(([key, { buckets, ...figure }]) => [
      key,
      make<Histogram>(client.Histogram, { ...described(figure, own), buckets: [...buckets] }),
    ]),
  ) as Record<HistogramName, Histogram>;
  const requests = make<Counter>(client.Counter, described(REQUESTS, [], true));
  const pools = new Map<object, readonly [read: () => PoolStats, labels: object]>();
  for (const [key, { kind, ...figure }] of Object.entries(POOL)) {
    const about = described({ ...figure, labels: POOL_LABELS }, [], kind === 'counter');
    const put = kind === 'counter' ? 'inc' : 'set';
    make(kind === 'counter' ? client.Counter : client.Gauge, {
      ...about,
      collect(this: Counter & Gauge) {
        this.reset();
        for (const [read, labels] of pools.values()) this[put](labels, read()[key as keyof PoolStats]);
      },
    });
  }
  return {
    check(attributes) {
      const other = Object.keys(attributes).find((name) => !own.includes(name));
      if (other !== undefined) throw new UsageError(`the attribute ${quote(other)} is not among the labelNames`);
    },
    record: (figure, value, labels) => histograms[figure].observe(labelled(labels), value),
    countRequest: (labels) => requests.inc(labelled(labels)),
    observePool(read, labels) {
      const observed = {};
      pools.set(observed, [read, labelled(labels)]);
      return () => pools.delete(observed);
    },
  };
}

/** What units are called in names; what is counted is in the name already. */
const UNITS: Readonly<Record<string, string>> = { s: '_seconds', By: '_bytes' };

function prometheusName(name: string, unit: string, isTotal: boolean): string {
  return `${labelName(name)}${UNITS[unit] ?? ''}${isTotal ? '_total' : ''}`;
}

const labelName = (name: string) => name.replaceAll('.', '_');

const labelled = (labels: Attributes) =>
  Object.fromEntries(Object.entries(labels).map(([name, value]) => [labelName(name), String(value)]));

export type { Attributes, Telemetry, WatchedSandbox } from './telemetry.ts';
