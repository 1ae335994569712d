/** How a processor tells a queue what became of a job: by errors whose name the queue acts upon. */

import { type ErrorData, WasmSandboxError } from '../../wasm/errors.ts';
import { messageOf } from '../../wasm/quote.ts';
import { faultOf } from '../durable/faults.ts';

/**
 * What a job has failed with. Queues carry nothing of an error but its message and what JSON can have, so all the rest is
 * data here: `WasmSandboxError.from(failure.data)` is the error itself.
 */
export class JobFailure extends Error {
  /** `UnrecoverableError`, where no retry would help: queues then make none. */
  override readonly name: string;
  /** Undefined for errors that are not this library's. */
  readonly data: ErrorData | undefined;

  constructor(error: unknown, isFinal: boolean) {
    super(messageOf(error) || 'the job has failed, and nothing was said', { cause: error });
    this.data = error instanceof WasmSandboxError ? (JSON.parse(JSON.stringify(error)) as ErrorData) : undefined;
    this.name = isFinal ? 'UnrecoverableError' : 'JobFailure';
  }

  /** Retries are for what another try may mend. What was cancelled is not tried again. */
  static of(error: unknown, wasCancelled: boolean): JobFailure {
    return new JobFailure(error, wasCancelled || faultOf(error) !== 'host');
  }
}

/** The job was given back to its queue, and is neither done nor failed. */
export class HandedBack extends Error {
  override readonly name = 'WaitingError';
}
