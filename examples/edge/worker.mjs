// A worker that runs other people's WebAssembly a piece at a time: a request brings a module and what to call in it, or
// goes on with a job of before. What is not finished when the request has had its share is kept as a snapshot, and the
// next request goes on with it, here or on another machine, to the same result and gas.
//
//   POST /jobs?function=run&args=1,2   with the module as its body begins a job
//   POST /jobs/ID                      goes on with it
//
// Both name their tenant in the header x-tenant, and are answered with lines of JSON: what the guest wrote, as it writes
// it, and in the end how things stand. The same file runs on workerd (with a Durable Object TENANTS of the class Tenant),
// Deno, Bun and Node; where there are no Durable Objects, tenants are kept in memory.
import { Capability, MiB, SecurityPolicy, WasmSandbox, WasmSandboxError } from 'wasm-sandbox';

/** Units of gas that a request has: some 50 ms. Clocks stand still while a worker computes, gas does not. */
const SHARE = 4_000_000n;
/** Units after which other requests have their turn. */
const TURN = 500_000n;
/** What a tenant's jobs may use together. */
const BUDGET = 2_000_000_000n;
/** Bytes of a module, and of what is stored under one key. */
const MAX_MODULE = 4 * MiB;
const PIECE = 100_000;

/** Nothing but output: no clock, no randomness, no files, no network. */
const securityPolicy = SecurityPolicy.builder(SecurityPolicy.strict()).allow(Capability.stdio({})).build();

class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

/** Everything of one tenant: its jobs, and what they have used. */
export class Tenant {
  #storage;
  /** Units that its jobs have used, once it has been read. */
  #spent;
  /** Jobs that a request is busy with. */
  #busy = new Set();

  constructor({ storage }) {
    this.#storage = storage;
  }

  async fetch(request) {
    try {
      if (request.method !== 'POST') throw new Refusal(405, 'POST a module to /jobs, or nothing to /jobs/ID');
      const { pathname, searchParams } = new URL(request.url);
      const [, folder, id] = pathname.split('/');
      if (folder !== 'jobs') throw new Refusal(404, 'there are jobs here, and nothing else');
      this.#spent ??= BigInt((await this.#storage.get('spent')) ?? 0);
      if (this.#spent >= BUDGET) throw new Refusal(429, `the tenant has used its ${BUDGET} units of gas`);
      const job = id ? await this.#take(id) : await this.#begin(searchParams, request);
      const { readable, writable } = new TransformStream();
      this.#answer(job, writable.getWriter());
      return new Response(readable, { headers: { 'content-type': 'application/x-ndjson' } });
    } catch (error) {
      const status = error instanceof Refusal ? error.status : 500;
      return Response.json({ error: error.message }, { status });
    }
  }

  async #begin(params, request) {
    const module = new Uint8Array(await request.arrayBuffer());
    if (module.length > MAX_MODULE) throw new Refusal(413, `a module may have ${MAX_MODULE} bytes`);
    const args = (params.get('args') ?? '').split(',').filter((text) => text !== '');
    if (!args.every((text) => /^-?\d{1,9}$/.test(text))) throw new Refusal(400, 'args are whole numbers');
    return { id: crypto.randomUUID(), name: params.get('function') ?? 'run', args: args.map(Number), module };
  }

  /** Runs a share of the job, and says so while it does. Never rejects. */
  async #answer(job, writer) {
    const say = (line) => writer.write(new TextEncoder().encode(`${JSON.stringify(line)}\n`)).catch(() => undefined);
    const decoder = new TextDecoder();
    const options = {
      source: job.module,
      engine: 'interpreter',
      securityPolicy,
      gasLimit: BUDGET,
      memoryLimit: 16 * MiB,
      onStdout: (bytes) => say({ stdout: decoder.decode(bytes, { stream: true }) }),
    };
    try {
      const isNew = job.snapshot === undefined;
      const sandbox = isNew ? await WasmSandbox.create(options) : await WasmSandbox.restore(job.snapshot, options);
      const before = isNew ? 0n : sandbox.getResourceStats().gasUsed;
      const execution = isNew ? sandbox.start(job.name, job.args) : sandbox.execution;
      const gasUsed = () => sandbox.getResourceStats().gasUsed;
      let state = execution.step(TURN);
      while (state === 'paused' && gasUsed() - before < SHARE) {
        await turn();
        state = execution.step(TURN);
      }
      this.#spent += gasUsed() - before;
      await this.#storage.put('spent', String(this.#spent));
      if (state === 'paused') await this.#save(job, await sandbox.snapshot());
      else if (!isNew) await this.#forget(job.id);
      const result = state === 'done' ? String(await execution.run()) : undefined;
      if (state === 'failed') await execution.run();
      await say({ job: job.id, state, result, stats: sandbox.getResourceStats() });
    } catch (error) {
      const data = error instanceof WasmSandboxError ? error.toJSON() : { message: 'the worker failed' };
      await say({ job: job.id, state: 'failed', error: data });
    } finally {
      this.#busy.delete(job.id);
      await writer.close().catch(() => undefined);
    }
  }

  /** One request at a time has a job. */
  async #take(id) {
    if (this.#busy.has(id)) throw new Refusal(409, 'another request is busy with this job');
    this.#busy.add(id);
    try {
      return await this.#load(id);
    } catch (error) {
      this.#busy.delete(id);
      throw error;
    }
  }

  async #load(id) {
    const job = await this.#storage.get(`job/${id}`);
    if (job === undefined) throw new Refusal(404, 'there is no such job: it has ended, or never was');
    return { ...job, module: await this.#read(`module/${id}`), snapshot: await this.#read(`snapshot/${id}`) };
  }

  async #save({ id, name, args, module, snapshot: before }, snapshot) {
    if (before === undefined) await this.#write(`module/${id}`, module);
    await this.#write(`snapshot/${id}`, snapshot);
    await this.#storage.put(`job/${id}`, { id, name, args });
  }

  async #forget(id) {
    await this.#storage.delete(`job/${id}`);
    for (const key of [`module/${id}`, `snapshot/${id}`]) await this.#write(key, new Uint8Array(0));
  }

  async #read(key) {
    const pieces = [];
    for (let i = 0; ; i++) {
      const piece = await this.#storage.get(`${key}/${i}`);
      if (piece === undefined) break;
      pieces.push(piece);
    }
    return new Uint8Array(await new Blob(pieces).arrayBuffer());
  }

  /** In pieces, and without those of a longer value before. */
  async #write(key, bytes) {
    let i = 0;
    for (; i * PIECE < bytes.length; i++)
      await this.#storage.put(`${key}/${i}`, bytes.slice(i * PIECE, (i + 1) * PIECE));
    while (await this.#storage.delete(`${key}/${i}`)) i++;
  }
}

/** What stands for a Durable Object's storage where there is none. */
function memoryStorage() {
  const values = new Map();
  return {
    get: async (key) => values.get(key),
    put: async (key, value) => void values.set(key, value),
    delete: async (key) => values.delete(key),
  };
}

const tenants = new Map();

function tenantOf(name, env) {
  if (env?.TENANTS) return env.TENANTS.get(env.TENANTS.idFromName(name));
  if (!tenants.has(name)) tenants.set(name, new Tenant({ storage: memoryStorage() }));
  return tenants.get(name);
}

export default {
  async fetch(request, env) {
    const name = request.headers.get('x-tenant') ?? '';
    if (!/^[a-z\d-]{1,32}$/.test(name)) return Response.json({ error: 'x-tenant must name a tenant' }, { status: 403 });
    return tenantOf(name, env).fetch(request);
  },
};
