/** A span for each run of a guest, by a tracer of OpenTelemetry's. */

import { WasmSandboxError } from '../../wasm/errors.ts';
import { messageOf } from '../../wasm/quote.ts';
import { JobReleased } from '../durable/errors.ts';

/** What attributes of spans can be here. */
export type SpanAttributes = Record<string, string | number>;

/** What is used of a span of `@opentelemetry/api`. */
export interface JobSpan {
  /** Adds to what it says. */
  setAttributes(attributes: SpanAttributes): unknown;
  /** Notes what happened just now. */
  addEvent(name: string, attributes?: SpanAttributes): unknown;
  /** Says how it ended; 2 is an error. */
  setStatus(status: { code: number; message?: string }): unknown;
  /** Ends it now. */
  end(): void;
}

/** What is used of a tracer of `@opentelemetry/api`: `trace.getTracer('…')`. */
export interface JobTracer {
  /** Runs with a span that is the active one meanwhile. */
  startActiveSpan<T>(name: string, options: { attributes: SpanAttributes }, run: (span: JobSpan) => T): T;
}

/** `SpanStatusCode.ERROR`. */
const ERROR = 2;

/** Runs with a span that is the active one meanwhile; without a tracer, with none. */
export function traced<T>(
  tracer: JobTracer | undefined,
  name: string,
  attributes: SpanAttributes,
  run: (span: JobSpan | undefined) => Promise<T>,
): Promise<T> {
  if (tracer === undefined) return run(undefined);
  return tracer.startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await run(span);
    } catch (error) {
      if (error instanceof JobReleased) {
        span.addEvent('released');
        throw error;
      }
      span.setAttributes({ 'error.type': error instanceof WasmSandboxError ? error.code : '_OTHER' });
      span.setStatus({ code: ERROR, message: messageOf(error) });
      throw error;
    } finally {
      span.end();
    }
  });
}
