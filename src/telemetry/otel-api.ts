/** Figures and spans for OpenTelemetry. */

import {
  type Context,
  context,
  type MeterProvider,
  metrics,
  SpanStatusCode,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import type { PoolStats } from '../pool/stats.ts';
import { HISTOGRAMS, type HistogramName, POOL, REQUESTS } from './figures.ts';
import { type Attributes, type Metrics, type Span, type Spans, Telemetry } from './telemetry.ts';

/** Where figures and spans go. */
export interface TelemetryOptions {
  /** The global one unless given. */
  readonly tracerProvider?: TracerProvider | undefined;
  /** The global one unless given. */
  readonly meterProvider?: MeterProvider | undefined;
}

const SCOPE = 'wasm-sandbox';

/** Spans and metrics of sandboxes and pools, by the scope `wasm-sandbox`. */
export function createTelemetry(options: TelemetryOptions = {}): Telemetry {
  const { tracerProvider = trace.getTracerProvider(), meterProvider = metrics.getMeterProvider() } = options;
  return new Telemetry(otelMetrics(meterProvider), otelSpans(tracerProvider));
}

function otelMetrics(provider: MeterProvider): Metrics {
  const meter = provider.getMeter(SCOPE);
  const histograms = Object.fromEntries(
    Object.entries(HISTOGRAMS).map(([key, { name, unit, description, buckets }]) => [
      key,
      meter.createHistogram(name, { unit, description, advice: { explicitBucketBoundaries: [...buckets] } }),
    ]),
  ) as Record<HistogramName, ReturnType<typeof meter.createHistogram>>;
  const { name, ...about } = REQUESTS;
  const requests = meter.createCounter(name, about);
  const pools = Object.entries(POOL).map(([key, { name, unit, description, kind }]) => ({
    key: key as keyof PoolStats,
    instrument: meter[kind === 'gauge' ? 'createObservableGauge' : 'createObservableCounter'](name, {
      unit,
      description,
    }),
  }));
  return {
    check: () => undefined,
    record: (figure, value, labels) => histograms[figure].record(value, labels),
    countRequest: (labels) => requests.add(1, labels),
    observePool(read, labels) {
      const observe: Parameters<typeof meter.addBatchObservableCallback>[0] = (result) => {
        const stats = read();
        for (const { key, instrument } of pools) result.observe(instrument, stats[key], labels);
      };
      const instruments = pools.map(({ instrument }) => instrument);
      meter.addBatchObservableCallback(observe, instruments);
      return () => meter.removeBatchObservableCallback(observe, instruments);
    },
  };
}

/** A span and what is passed on to those below it. */
interface OtelSpan extends Span {
  readonly context: Context;
}

function otelSpans(provider: TracerProvider): Spans {
  const tracer = provider.getTracer(SCOPE);
  return {
    begin(name, attributes, parent): OtelSpan {
      const around = (parent as OtelSpan | undefined)?.context ?? context.active();
      const span = tracer.startSpan(name, { attributes: { ...attributes } }, around);
      const below = trace.setSpan(around, span);
      return {
        context: below,
        within: (work) => context.with(below, work),
        end(more: Attributes, failure) {
          span.setAttributes(more);
          if (failure !== undefined) {
            const { type, kind } = failure;
            if (kind !== undefined) span.setAttribute('wasm.error.kind', kind);
            span.setStatus({ code: SpanStatusCode.ERROR, message: kind === undefined ? type : `${type}: ${kind}` });
          }
          span.end();
        },
      };
    },
    note: (name, attributes) => trace.getActiveSpan()?.addEvent(name, attributes),
  };
}

export type { Attributes, Telemetry, WatchedSandbox } from './telemetry.ts';
