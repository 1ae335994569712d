/** One tenant: what it does with its sandbox, what it keeps, and all that it sees. */

import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import {
  type Caller,
  type Execution,
  GuestExit,
  type Lease,
  type Task,
  type WasmSandbox,
  WasmSandboxError,
} from '../../../src/index.ts';
import { type Deferred, deferred, settle } from '../help.ts';
import { PER_BYTE } from './guest.ts';
import { type Action, type Call, MOST_TENANTS } from './history.ts';
import { Kept } from './kept.ts';
import { PROBE } from './probe.ts';
import { digest, eventual, outcome, showExecution, showSandbox, text } from './show.ts';
import type { World } from './world.ts';

/** Exports that are given the tenant's number before their own arguments. */
const NUMBERED: ReadonlySet<string> = new Set(['host', 'hosts', 'hold', 'growObjects', 'look', 'report']);
/** Of each kind. */
const MOST_KEPT = 4;

/** Something that goes on beside what the tenant does. */
interface Pending {
  readonly label: string;
  outcome: string | undefined;
}

export class Tenant {
  /** Line by line, all that it has seen. */
  readonly trace: string[] = [];
  /** Whether it has given its sandbox back, and whether that has been reset. */
  hasLeft = false;
  isGone = false;
  private readonly number: number;
  private readonly world: World;
  private readonly lease: Lease;
  private readonly sandbox: WasmSandbox;
  private readonly kept: Kept[] = [];
  /** Promises of its host functions that have not come. */
  private readonly gates: Deferred<void>[] = [];
  private pending: Pending[] = [];
  private readonly executions: Execution[] = [];
  private readonly tasks: Task[] = [];
  private readonly forks: WasmSandbox[] = [];
  private readonly controllers: AbortController[] = [];
  private readonly releases: Promise<unknown>[] = [];
  /** Audit events seen. */
  private seen = 0;
  /** Whether calls go on where the pool has no say: in a fork, or in an instance that its own host function has left. */
  private hasSplit = false;
  /** What executions that have ended are to say for ever. */
  private readonly endings = new Map<Execution, string>();
  /** Whether it is inside of a host function that tries things itself. */
  private isTrying = false;

  constructor(number: number, lease: Lease, world: World) {
    this.number = number;
    this.lease = lease;
    this.sandbox = lease.sandbox;
    this.world = world;
    this.look('arrived');
  }

  private write(line: string): void {
    this.trace.push(line);
  }

  private look(label: string): void {
    this.write(`${label}\n    ${showSandbox(this.sandbox, this.seen)}`);
    this.seen = Number(outcome(() => this.sandbox.auditEvents().length)) || 0;
    const name = `tenant ${this.number}`;
    const tenant = this.world.scheduler.tenant(name);
    if (tenant === undefined) return;
    const gasUsed = this.tasks.reduce((sum, task) => sum + task.gasUsed, 0n);
    assert.equal(tenant.gasUsed, gasUsed, `the budget of ${name} is not what its tasks have used`);
    this.write(`    scheduled: ${text(this.tasks.map(({ state, gasUsed }) => [state, gasUsed]))} ${text(tenant)}`);
  }

  /** Takes note of what has ended since. */
  private async settled(label: string): Promise<void> {
    await settle();
    for (const { label, outcome } of this.pending) if (outcome !== undefined) this.write(`  ${label}: ${outcome}`);
    this.pending = this.pending.filter(({ outcome }) => outcome === undefined);
    this.look(label);
  }

  private track(label: string, run: () => Promise<unknown>): void {
    const pending: Pending = { label, outcome: undefined };
    this.pending.push(pending);
    void eventual(run).then((outcome) => {
      pending.outcome = outcome;
    });
  }

  async take(action: Exclude<Action, { do: 'leave' }>): Promise<void> {
    const label = text(action);
    switch (action.do) {
      case 'call':
        this.track(label, () => this.call(this.argumentsOf(action.call), action.how));
        break;
      case 'probe':
        await this.runAll(PROBE);
        break;
      case 'program':
        this.track(label, () => this.sandbox.run());
        break;
      case 'answer':
        this.answer(action.fails);
        break;
      case 'abort':
        for (const controller of this.controllers) controller.abort();
        break;
      case 'start':
        this.start(action.call, action.gas);
        break;
      case 'step':
        this.onExecution(label, action.which, (execution) => execution.step(action.gas));
        break;
      case 'run':
        this.onExecution(label, action.which, (execution) => this.track(label, () => execution.run()));
        break;
      case 'cancel':
        this.onExecution(label, action.which, (execution) => execution.cancel());
        break;
      case 'pause':
        this.onExecution(label, action.which, (execution) => this.track(label, () => execution.pause()));
        break;
      case 'schedule':
        this.schedule(action.call, action.weight);
        break;
      case 'grant':
        this.world.scheduler.grant(`tenant ${this.number}`, action.gas);
        break;
      case 'fork':
        await this.fork(action.call);
        break;
      case 'snapshot':
        this.write(await eventual(async () => digest(await this.sandbox.snapshot({ compress: false }))));
        break;
      case 'recording':
        this.write(await eventual(async () => digest(await this.sandbox.recording())));
        break;
      case 'reset':
        this.write(await eventual(() => this.sandbox.reset()));
        break;
      case 'dispose':
        this.write(outcome(() => this.sandbox.dispose()));
        break;
      case 'late':
        await this.late(action.what, action.which);
        break;
    }
    await this.settled(label);
  }

  private argumentsOf({ name, args }: Call): [string, number[]] {
    // The length that is asked for tells the host whose it is, wherever standard input has been moved to.
    if (name === 'input') return this.argumentsOf({ name: 'read', args: [0, ...args] });
    if (name === 'read') return [name, [args[0] ?? 0, this.number + MOST_TENANTS * (args[1] ?? 0)]];
    return [name, NUMBERED.has(name) ? [this.number, ...args] : [...args]];
  }

  private call([name, args]: [string, number[]], how: (Action & { do: 'call' })['how']): Promise<unknown> {
    const { sandbox } = this;
    switch (how) {
      case 'plain':
        return sandbox.call(name, args);
      case 'audited':
        return sandbox.callWithAudit(name, args);
      case 'batch':
        return sandbox.callBatch([{ name, args }, { name: 'globals' }], { onFailure: 'collect' });
      case 'signal': {
        const controller = new AbortController();
        this.controllers.push(controller);
        return sandbox.call(name, args, { signal: controller.signal });
      }
    }
  }

  private async runAll(calls: readonly Call[]): Promise<void> {
    for (const call of calls) {
      const [name, args] = this.argumentsOf(call);
      this.write(`  ${name}(${args}): ${await eventual(() => this.sandbox.call(name, args))}`);
    }
  }

  private answer(fails: boolean): void {
    const gate = this.gates.shift();
    if (fails) gate?.reject(new Error('rejected late'));
    else gate?.resolve();
  }

  private begun(call: Call): Execution | undefined {
    const [name, args] = this.argumentsOf(call);
    let begun: Execution | undefined;
    const failure = outcome(() => {
      begun = this.sandbox.start(name, args);
    });
    if (begun === undefined) this.write(failure);
    else this.executions.push(begun);
    return begun;
  }

  private start(call: Call, gas: number): void {
    const begun = this.begun(call);
    // Some are never begun.
    if (begun !== undefined && gas > 0) this.write(outcome(() => begun.step(gas)));
  }

  /** One at a time: which of several goes first may depend on other tenants. */
  private schedule(call: Call, weight: number): void {
    if (this.tasks.some(({ state }) => state !== 'ended')) return;
    const begun = this.begun(call);
    if (begun === undefined) return;
    // The scheduler's alone.
    this.executions.pop();
    const task = this.world.scheduler.add(begun, { tenant: `tenant ${this.number}`, weight });
    this.tasks.push(task);
    this.track(`task ${this.tasks.length}`, () => task.result);
  }

  private onExecution(label: string, which: number, run: (execution: Execution) => unknown): void {
    const execution = this.executions[which % this.executions.length];
    if (execution === undefined) return;
    this.write(`${label}: ${outcome(() => run(execution))} ${showExecution(execution)}`);
  }

  private async fork(call: Call): Promise<void> {
    if (this.forks.length >= MOST_KEPT) return;
    this.write(await eventual(async () => void this.forks.push(await this.sandbox.fork())));
    const fork = this.forks.at(-1);
    if (fork !== undefined) await this.useFork(fork, call);
  }

  private async useFork(fork: WasmSandbox, call: Call): Promise<void> {
    const { execution } = fork;
    if (execution !== undefined) {
      this.hasSplit = true;
      this.write(outcome(() => [execution.step(500), showExecution(execution)]));
    }
    const [name, args] = this.argumentsOf(call);
    if (name === 'host' || name === 'hosts') args[0] = this.number + MOST_TENANTS;
    this.track(`forked ${name}`, () => fork.call(name, args));
    await settle();
    this.write(showSandbox(fork, 0));
  }

  /** What is tried once the sandbox is another's. */
  private async late(what: (Action & { do: 'late' })['what'], which: number): Promise<void> {
    switch (what) {
      case 'answer':
      case 'reject':
        return this.answer(what === 'reject');
      case 'executions':
        for (const execution of this.executions) {
          const before: string = execution.state;
          this.write(outcome(() => (which % 2 === 0 ? execution.step(1_000) : execution.cancel())));
          this.write(showExecution(execution));
          assert(before !== 'ready' || execution.error !== undefined, 'an execution has begun behind its lease');
        }
        return;
      case 'sandbox':
        for (const [name, use] of Object.entries(USES))
          this.write(`${name}: ${await eventual(() => use(this.sandbox))}`);
        return;
      case 'forks':
        for (const fork of this.forks) await this.useFork(fork, { name: 'fill', args: [0, 0xff, 9_000] });
        return;
      case 'abort':
        for (const controller of this.controllers) controller.abort();
        return;
      case 'release':
        this.write(await eventual(() => this.lease.release()));
        return;
      case 'grant':
        this.world.scheduler.grant(`tenant ${this.number}`, 50_000);
    }
  }

  // What its guest asks of the host.

  /** @param isForked whether it is a fork that asks, which is the tenant's own for as long as it likes */
  host(caller: Caller, what: number, much: number, isForked: boolean): unknown {
    this.world.tryAll();
    const kept = new Kept(caller, isForked);
    if (this.kept.length < MOST_KEPT) this.kept.push(kept);
    const end = (): void => {
      kept.isServing = false;
    };
    let answer: unknown;
    try {
      answer = this.act(caller, what, much);
    } catch (error) {
      end();
      throw error;
    }
    if (!(answer instanceof Promise)) {
      end();
      return answer;
    }
    // Until whoever waits for it has had it.
    void answer
      .catch(() => undefined)
      .then(() => turn())
      .then(end);
    return answer;
  }

  private act(caller: Caller, what: number, much: number): unknown {
    switch (what) {
      case 1:
        return this.later(caller, much);
      case 2:
        this.charge(caller, much);
        return 2;
      case 3:
        this.write(`  memory: ${digest(caller.memory?.view(0, caller.memory.byteLength) ?? new Uint8Array(0))}`);
        return 3;
      case 4:
        throw new Error('failed on purpose');
      case 5:
        return this.later(caller, much).then(() => {
          throw new Error('failed late');
        });
      case 6:
        caller.memory?.view(much, 16)?.fill(0x77);
        return 6;
      case 7:
        this.track('nested call', () => this.sandbox.call('store', [12_000, much]));
        return 7;
      case 8:
        return Promise.resolve(much);
      case 9:
        // A call within the call, left half-way.
        this.start({ name: 'spin', args: [much] }, 200);
        return 9;
      case 10:
        this.hasSplit = true;
        this.release();
        return 10;
      case 11:
        this.hasSplit = true;
        this.sandbox.dispose();
        return 11;
      case 12:
        this.hasSplit = true;
        this.track('reset within', () => this.sandbox.reset());
        return 12;
      case 13:
        for (const execution of [...this.executions, ...this.tasks.map((task) => task.execution)]) execution.cancel();
        for (const controller of this.controllers) controller.abort();
        return 13;
      case 14:
        throw new GuestExit(much);
      case 15:
        this.track('nested wait', () => this.sandbox.call('host', [this.number, 1, much]));
        return 15;
      default:
        return much;
    }
  }

  /** What is not refused is charged, to the unit. */
  private charge(caller: Caller, bytes: number): void {
    const before = outcome(() => caller.gasUsed());
    caller.chargeBytes(bytes);
    this.write(`  charged from ${before} to ${caller.gasUsed()}`);
    const expected = text(caller.gasUsed() - BigInt(Math.ceil(bytes * PER_BYTE)));
    this.world.check(() => assert.equal(before, expected, 'a charge is not what it was'));
  }

  private async wait(): Promise<void> {
    const gate = deferred();
    this.gates.push(gate);
    await gate.promise;
    this.world.tryAll();
  }

  /** Comes back late, perhaps when the sandbox is another's, and goes on as if it were not. */
  private async later(caller: Caller, much: number): Promise<number> {
    const { memory } = caller;
    const view = memory?.view(8_192, 8);
    await this.wait();
    this.write(`  late memory: ${outcome(() => [caller.memory?.byteLength, memory?.byteLength])}`);
    this.write(`  late view: ${outcome(() => memory?.view(8_192, 8))}`);
    this.write(`  late charge: ${outcome(() => this.charge(caller, much))}`);
    this.write(`  late gas: ${outcome(() => caller.gasUsed())}`);
    memory?.view(8_200, 8)?.fill(0x55);
    view?.fill(0x66);
    return much;
  }

  object(much: number): unknown {
    const whose = this.number;
    return much % 2 === 0 ? `a text of ${whose}` : { whose };
  }

  see(object: unknown): void {
    this.write(`  sees ${text(object)}`);
  }

  input(how: number): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    if (how === 2) throw new Error('no input');
    const { piece } = this.world;
    const fill = (): Buffer => {
      piece.write(`${this.number} has a piece`.padEnd(piece.length));
      return piece;
    };
    return how === 1 ? this.wait().then(fill) : fill();
  }

  report(bytes: Uint8Array): void | Promise<void> {
    this.write(`  reported ${digest(bytes)}`);
    if (bytes[1] === 2) throw new Error('no report');
    return bytes[1] === 1 ? this.wait() : undefined;
  }

  // How it goes.

  private release(): void {
    const released = this.lease.release();
    this.releases.push(released.catch((error: unknown) => this.write(text({ failed: error }))));
  }

  leave(disposes: boolean): void {
    if (disposes) this.sandbox.dispose();
    this.release();
    this.hasLeft = true;
  }

  /** Waits for the reset, and looks at what that has made of everything the tenant has. */
  async goes(): Promise<void> {
    this.hasLeft = true;
    await Promise.all(this.releases);
    await this.settled('gone');
    for (const execution of this.all()) this.write(showExecution(execution));
    for (const kept of this.kept) if (!this.hasSplit && !kept.isForked) kept.mark();
    this.isGone = true;
  }

  /** Lets all come that has not. */
  async ends(): Promise<void> {
    // What comes may wait again.
    for (let turns = 0; this.gates.length > 0 && turns < 10; turns++) {
      for (const gate of this.gates.splice(0)) gate.resolve();
      await this.settled('answered');
    }
    for (const execution of this.all()) this.write(showExecution(execution));
    for (const fork of this.forks) fork.dispose();
    await this.settled('ended');
  }

  private all(): Execution[] {
    return [...this.executions, ...this.tasks.map((task) => task.execution)];
  }

  /** Tries what can be tried with whatever is of calls that have ended. */
  tryKept(): void {
    if (this.isTrying) return;
    this.isTrying = true;
    const isOver = this.isGone && !this.hasSplit;
    for (const kept of this.kept) if (!kept.isServing || (isOver && !kept.isForked)) kept.expectNothing();
    if (this.isGone) for (const execution of this.all()) this.tryExecution(execution);
    this.isTrying = false;
  }

  private tryExecution(execution: Execution): void {
    if (execution.state !== 'done' && execution.state !== 'failed') {
      assert(execution.state === 'ready' || this.hasSplit, 'an execution has outlived its lease');
      return;
    }
    execution.cancel();
    execution.step(1_000);
    const found = showExecution(execution);
    const before = this.endings.get(execution) ?? found;
    this.endings.set(execution, before);
    assert.equal(found, before, 'an execution that has ended says something else');
  }

  /** @returns what is to be done behind it */
  beforePump(): () => Promise<void> {
    const gasOf = (): bigint => this.tasks.reduce((sum, task) => sum + task.gasUsed, 0n);
    const countOf = (): bigint | undefined => {
      try {
        return this.sandbox.getResourceStats().gasUsed;
      } catch (error) {
        if (error instanceof WasmSandboxError) return undefined;
        throw error;
      }
    };
    const [gas, count] = [gasOf(), countOf()];
    return async () => {
      const now = countOf();
      if (count !== undefined && now !== undefined && !this.hasSplit) {
        assert.equal(gasOf() - gas, now - count, 'tasks have not used what their sandbox has');
      }
      await this.settled('scheduled');
    };
  }
}

/** All that can be done with a sandbox. */
const USES: Readonly<Record<string, (sandbox: WasmSandbox) => Promise<unknown>>> = {
  call: (sandbox) => sandbox.call('fill', [0, 0xff, 9_000]),
  run: (sandbox) => sandbox.run(),
  start: async (sandbox) => sandbox.start('globals'),
  audited: (sandbox) => sandbox.callWithAudit('globals'),
  batch: (sandbox) => sandbox.callBatch([{ name: 'globals' }]),
  snapshot: (sandbox) => sandbox.snapshot(),
  fork: (sandbox) => sandbox.fork(),
  recording: (sandbox) => sandbox.recording(),
  reset: (sandbox) => sandbox.reset(),
  look: async (sandbox) => showSandbox(sandbox, 0),
  dispose: async (sandbox) => sandbox.dispose(),
};
