/** Makes a policy real for one component: WASI preview 2, and the gate for the embedder's own functions. */

import { HostError, UsageError, WasmSandboxError } from '../wasm/errors.ts';
import { exitStatus, type WasmValue } from '../wasm/host.ts';
import { isOf } from '../wasm/is-of.ts';
import { messageOf, quote } from '../wasm/quote.ts';
import { isThenable } from '../wasm/thenable.ts';
import type { AuditLog } from './audit.ts';
import { Gate } from './gate.ts';
import type { HostOptions } from './host-options.ts';
import type { Policy } from './in-force.ts';
import { NetworkState } from './net/requests.ts';
import { Program } from './wasi/program.ts';
import { type ComponentGuests, Preview2Host, refuseToWait, told, type WitInterface } from './wasi2/host.ts';
import { hasPayload } from './wasi2/resources.ts';

export { WAITING } from './wasi2/interfaces.ts';
export { hasPayload } from './wasi2/resources.ts';

/** What a component can reach. */
export class ComponentHost {
  private readonly gate: Gate;
  private readonly program: Program;
  private readonly preview2: Preview2Host;
  private readonly network: NetworkState;
  private readonly guests: ComponentGuests;

  /**
   * @throws UsageError where the runtime does not have what the policy grants, and for wrong options
   */
  constructor(policy: Policy, options: HostOptions, guests: ComponentGuests) {
    this.gate = new Gate(policy);
    this.program = new Program(policy, options);
    this.network = new NetworkState(policy, options.httpClient, options.timeLeft);
    const { program, gate, network } = this;
    this.preview2 = new Preview2Host({ program, gate, network, ...guests });
    this.guests = guests;
  }

  /** An interface of WASI's; undefined where it has none, or does not offer it. @param name without a version */
  find(name: string): WitInterface | undefined {
    return this.preview2.find(name);
  }

  /** A function of the embedder's behind the gate, which knows it where the policy grants it. */
  guard(module: string, name: string, call: (...args: unknown[]) => unknown): (...args: unknown[]) => unknown {
    const label = `${module}.${name}`;
    const refused = (): never => {
      throw new UsageError(`${label} is not granted`);
    };
    const body = (_context: unknown, args: readonly WasmValue[]): WasmValue => call(...args);
    const guarded = this.gate.guard(label, { kind: 'hostFunction', module, name }, body, refused);
    return (...args) => {
      const { caller, mayWait, onFailure } = this.guests;
      const value = told(
        () => guarded(caller(), args),
        (error) => {
          const failure = failureOf(label, error);
          onFailure?.(failure);
          throw failure;
        },
      );
      return isThenable(value) && !mayWait ? refuseToWait(label, value) : value;
    };
  }

  output(stream: 'stdout' | 'stderr'): Uint8Array {
    return this.program.output(stream);
  }

  files(): ReadonlyMap<string, Uint8Array> {
    return this.program.files();
  }

  get audit(): AuditLog {
    return this.gate.audit;
  }

  get violations(): AuditLog {
    return this.gate.violations;
  }

  /** Lets go of what is open outside; the records stay. */
  close(): void {
    this.gate.close();
    this.program.close();
    this.network.reset();
  }
}

/** What carries a payload is the error of a `result`; what ends guests passes as it is. */
function failureOf(label: string, error: unknown): unknown {
  if (hasPayload(error) || isOf(error, WasmSandboxError) || exitStatus(error) !== undefined) return error;
  return new HostError(`host function ${quote(label)} failed: ${messageOf(error)}`, { cause: error });
}
