/** A pool and a scheduler with the tenants that come to them: several, or one alone. */

import assert from 'node:assert/strict';
import { type Lease, SandboxPool, Scheduler, WasmSandbox } from '../../../src/index.ts';
import { settle } from '../help.ts';
import { type Embedder, optionsFor } from './guest.ts';
import { type Ground, MOST_TENANTS, type Turn } from './history.ts';
import { Tenant } from './tenant.ts';

export class World {
  readonly scheduler: Scheduler;
  readonly tenants = new Map<number, Tenant>();
  /** What standard input comes in, again and again. */
  readonly piece: Buffer = Buffer.alloc(16);
  private readonly pool: SandboxPool;
  /** Leases that were waited for before there was room for them. */
  private readonly ordered: Promise<Lease>[] = [];
  /** What was not as it must be. */
  private fault: unknown;
  /** Whether the next guest cannot be started. */
  private isSpoilt = false;

  private constructor(pool: SandboxPool, scheduler: Scheduler) {
    this.pool = pool;
    this.scheduler = scheduler;
  }

  static async create(ground: Ground, max: number): Promise<World> {
    // The guests of the pool's minimum start before there is a world.
    let world: World | undefined;
    const embedder: Embedder = {
      begin: () => {
        world?.begin();
      },
      host: (caller, tenant, what, much) =>
        world?.tenant(tenant % MOST_TENANTS).host(caller, what, much, tenant >= MOST_TENANTS),
      object: (tenant, much) => world?.tenant(tenant).object(much),
      see: (tenant, object) => world?.tenant(tenant).see(object),
      input: (wanted) => world?.tenants.get(wanted % MOST_TENANTS)?.input(Math.floor(wanted / MOST_TENANTS)),
      report: (bytes) => {
        // Nothing else that may be written looks like that.
        const isReport = bytes[2] === 0xa5 && bytes[3] === 0x5a;
        return isReport ? world?.tenant(bytes[0] ?? -1).report(bytes) : undefined;
      },
    };
    const options = optionsFor(ground, embedder);
    const { source, ...rest } = options;
    const builder = WasmSandbox.builder().source(source).securityPolicy(options.securityPolicy!);
    const made = {
      options,
      builder: Object.entries(rest).reduce((made, [name, value]) => {
        const set = (made as unknown as Record<string, ((value: unknown) => unknown) | undefined>)[name];
        assert(set !== undefined, `the builder has no ${name}`);
        set.call(made, value);
        return made;
      }, builder),
      function: () => WasmSandbox.create(options),
    };
    const pool = await SandboxPool.create({
      sandbox: made[ground.made],
      min: Math.min(ground.min, max),
      max,
      ...(ground.healthCheck && { healthCheck: checkHealth }),
    });
    world = new World(pool, new Scheduler({ slice: ground.slice }));
    return world;
  }

  tenant(number: number): Tenant {
    const tenant = this.tenants.get(number);
    assert(tenant !== undefined, `there is no tenant ${number}`);
    return tenant;
  }

  private begin(): void {
    this.tryAll();
    if (!this.isSpoilt) return;
    this.isSpoilt = false;
    throw new Error('not now');
  }

  async take({ tenants, action }: Turn): Promise<void> {
    if (action.do === 'pump') return this.pump(tenants);
    const [number] = tenants as [number];
    const tenant = this.tenants.get(number) ?? (await this.welcome(number));
    if (tenant.hasLeft && !tenant.isGone) await tenant.goes();
    this.tryAll();
    if (action.do === 'leave') {
      const { queued, fails, hurries, disposes } = action;
      // Nobody is to be given what fails.
      const isAlone = !queued && !hurries && !disposes;
      this.isSpoilt = fails && isAlone;
      if (queued) this.order();
      tenant.leave(disposes);
      if (!hurries) await tenant.goes();
      this.isSpoilt = false;
    } else await tenant.take(action);
    this.tryAll();
    if (this.fault !== undefined) throw this.fault;
  }

  private async welcome(number: number): Promise<Tenant> {
    const lease = await (this.ordered.shift() ?? this.pool.acquire());
    const tenant = new Tenant(number, lease, this);
    this.tenants.set(number, tenant);
    return tenant;
  }

  /** Waits for a lease, unless it would be given at once. */
  private order(): void {
    const { leased, max } = this.pool.getStats();
    if (leased < max) return;
    const lease = this.pool.acquire();
    lease.catch(() => undefined);
    this.ordered.push(lease);
  }

  /** Everything that can run does, until all is done, waits or is out of budget. */
  private async pump(numbers: readonly number[]): Promise<void> {
    for (const tenant of this.tenants.values()) if (tenant.hasLeft && !tenant.isGone) await tenant.goes();
    const present = numbers.flatMap((number) => this.tenants.get(number) ?? []);
    const ends = present.map((tenant) => tenant.beforePump());
    for (let isIdle = false; !isIdle; await settle()) {
      isIdle = true;
      while (this.scheduler.step() !== undefined) isIdle = false;
    }
    this.tryAll();
    for (const end of ends) await end();
  }

  /** Whoever has kept something tries what can be done with it. Called at every turn, and within host functions. */
  tryAll(): void {
    this.piece.fill('.');
    this.check(() => {
      for (const tenant of this.tenants.values()) tenant.tryKept();
    });
  }

  /** Within host functions too, where what is thrown would be the guest's. */
  check(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.fault ??= error;
    }
  }

  /** Ends all that has not ended, and lets everything come that was waited for. */
  async close(): Promise<void> {
    for (const lease of this.ordered.splice(0)) await (await lease).release();
    await this.pool.drain({ signal: AbortSignal.abort() });
    for (const tenant of this.tenants.values()) {
      if (!tenant.isGone) await tenant.goes();
    }
    for (const tenant of this.tenants.values()) await tenant.ends();
    this.tryAll();
    // One may be on its way still, to make up for another that could not be used again.
    while (this.pool.getStats().size > 0) await settle();
    if (this.fault !== undefined) throw this.fault;
    const { created, destroyed, size, leased, waiting } = this.pool.getStats();
    assert.deepEqual([created - destroyed, size, leased, waiting], [0, 0, 0, 0]);
  }
}

/** Looks at a sandbox that has come back, and leaves something there itself. */
async function checkHealth(sandbox: WasmSandbox): Promise<boolean> {
  // It may wait for its host still, or have no gas.
  await sandbox.call('fill', [0, 0xee, 5_000]).catch(() => undefined);
  return true;
}
