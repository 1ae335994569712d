/** A guest's requests: what it collects before sending, and what comes back. */

import { SnapshotError } from '../../wasm/errors.ts';
import type { WireReader, WireWriter } from '../../wasm/wire.ts';
import type { Capability, NetworkCapability } from '../capability.ts';
import type { Decision, NetworkRequest } from '../decide.ts';
import type { Policy } from '../in-force.ts';
import type { Saved } from '../saved.ts';
import { type HttpClient, type HttpResponse, loadClient } from './client.ts';
import type { Header } from './headers.ts';
import type { NetworkLimits } from './limits.ts';

/** What a wait gives when the request's time is over, or the request was closed meanwhile. */
export type Interruption = 'timeout' | 'closed';

const NOTHING = new Uint8Array(0);

/** `collecting` until it is sent, `answered` while its body may be read, `over` after that and after a failure. */
type Phase = 'collecting' | 'sending' | 'answered' | 'over';

export class OutgoingRequest {
  /** As the guest asked for it. */
  readonly asked: NetworkRequest;
  readonly url: URL;
  readonly method: string;
  readonly headers: Header[] = [];
  limits: NetworkLimits;
  phase: Phase = 'collecting';
  response: HttpResponse | undefined;
  /** Received and not yet read by the guest. */
  pending: Uint8Array = NOTHING;
  /** Bytes of the response's body. */
  received = 0;
  /** Whether the body has been received to its end. */
  hasEnded = false;
  /** Whether its time was over before it was. */
  isLate = false;
  private buffer: Uint8Array = NOTHING;
  private written = 0;
  private readonly controller = new AbortController();
  private readonly interrupted: Promise<Interruption>;
  private interrupt!: (why: Interruption) => void;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private sentAt = 0;

  constructor(asked: NetworkRequest, url: URL, method: string, limits: NetworkLimits) {
    this.asked = asked;
    this.url = url;
    this.method = method;
    this.limits = limits;
    this.interrupted = new Promise((resolve) => {
      this.interrupt = resolve;
    });
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Undefined where nothing was written. */
  get body(): Uint8Array | undefined {
    return this.written === 0 ? undefined : this.buffer.subarray(0, this.written);
  }

  /** Bytes that may still be written. */
  get room(): number {
    return this.limits.maxRequestBytes - this.written;
  }

  /** Adds a copy to the body. At most {@link room} bytes. */
  write(bytes: Uint8Array): void {
    const size = this.written + bytes.length;
    if (size > this.buffer.length) {
      const grown = new Uint8Array(Math.max(size, Math.min(2 * this.buffer.length, this.limits.maxRequestBytes)));
      grown.set(this.buffer.subarray(0, this.written));
      this.buffer = grown;
    }
    this.buffer.set(bytes, this.written);
    this.written = size;
  }

  /**
   * Lets the request's time begin, or narrows it.
   * @param callLeft milliseconds that the guest's call still has
   */
  limitTime(callLeft: number): void {
    const now = performance.now();
    if (this.timer === undefined) this.sentAt = now;
    else clearTimeout(this.timer);
    const left = Math.min(this.limits.timeout - (now - this.sentAt), callLeft);
    this.timer = setTimeout(() => this.end('timeout'), Math.max(0, left));
  }

  /** The promise's value, or why nobody waits for it any longer. */
  async within<T>(promise: Promise<T>): Promise<T | Interruption> {
    try {
      return await Promise.race([promise, this.interrupted]);
    } catch (error) {
      // The client rejects when the signal ends it, perhaps before the race is decided.
      if (this.signal.aborted) return this.interrupted;
      throw error;
    }
  }

  /** The body is complete. */
  finish(): void {
    this.hasEnded = true;
    this.end();
  }

  /** Ends whatever is under way; nothing more is received. */
  end(why: Interruption = 'closed'): void {
    clearTimeout(this.timer);
    if (this.phase !== 'over') this.isLate = why === 'timeout';
    this.phase = 'over';
    this.interrupt(why);
    this.controller.abort();
    this.response?.cancel();
    this.pending = NOTHING;
  }
}

export class NetworkState implements Saved {
  readonly policy: Policy;
  /** Milliseconds that the guest's call still has. */
  readonly timeLeft: () => number;
  private readonly given: HttpClient | undefined;
  private loading: Promise<HttpClient> | undefined;
  private readonly requests = new Map<number, OutgoingRequest>();
  /** Handles are not used again, so that a stale one is never another request. */
  private lastHandle = 0;

  /** @param client the runtime's own unless given */
  constructor(policy: Policy, client?: HttpClient, timeLeft = () => Number.POSITIVE_INFINITY) {
    this.policy = policy;
    this.timeLeft = timeLeft;
    this.given = client;
  }

  get open(): number {
    return this.requests.size;
  }

  /** Requests opened since the last reset. */
  get begun(): number {
    return this.lastHandle;
  }

  client(): Promise<HttpClient> {
    this.loading ??= this.given === undefined ? loadClient() : Promise.resolve(this.given);
    return this.loading;
  }

  /** Returns the handle. */
  add(request: OutgoingRequest): number {
    this.requests.set(++this.lastHandle, request);
    return this.lastHandle;
  }

  get(handle: number): OutgoingRequest | undefined {
    return this.requests.get(handle);
  }

  close(handle: number): boolean {
    this.requests.get(handle)?.end();
    return this.requests.delete(handle);
  }

  /** @throws SnapshotError where a request is open */
  save(to: WireWriter): void {
    if (this.open > 0) {
      throw new SnapshotError(
        `the guest has ${this.open} HTTP requests open, which no snapshot can hold: let it close them first`,
      );
    }
    to.number(this.lastHandle);
  }

  load(from: WireReader): void {
    this.lastHandle = from.integer(2 ** 31, 'the number of requests');
  }

  /** Closes every request; handles begin anew. */
  reset(): void {
    for (const request of this.requests.values()) request.end();
    this.requests.clear();
    this.lastHandle = 0;
  }
}

/** The grant by which a network request was allowed. */
export function grantOf(
  policy: { readonly capabilities: readonly Capability[] },
  decision: Decision,
): NetworkCapability {
  return policy.capabilities[Number(decision.rule.split('#')[1])] as NetworkCapability;
}
