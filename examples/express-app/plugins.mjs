/** The plug-ins that were uploaded: each with a pool, under the same limits, without any grant. */

import { randomUUID } from 'node:crypto';
import { SandboxPool, SecurityPolicy } from 'wasm-sandbox';
import { CompiledPlugin, Plugin } from 'wasm-sandbox/extism';

/** Of one call. */
export const GAS_LIMIT = 20_000_000;
export const MEMORY_LIMIT = 16 * 1024 * 1024;
/** Plug-ins that are kept; the one that was uploaded first makes room. */
const PLUGINS = 20;
/** Audit events that are kept of a call, and shown. */
const EVENTS = 100;

const OPTIONS = {
  securityPolicy: SecurityPolicy.builder().enableAuditLogging({ maxEvents: EVENTS }).build(),
  gasLimit: GAS_LIMIT,
  memoryLimit: MEMORY_LIMIT,
  cpuTimeout: 30_000,
  // Others are answered while a guest runs.
  yieldEvery: 2,
};

export class Plugins {
  #byId = new Map();

  list() {
    return [...this.#byId.values()];
  }

  get(id) {
    return this.#byId.get(id);
  }

  /** Decodes, validates and instantiates the module, so that one that cannot run is refused here. */
  async add(name, bytes) {
    const compiled = await CompiledPlugin.create(bytes, OPTIONS);
    const pool = await SandboxPool.create({
      sandbox: compiled.sandbox,
      ...{ min: 0, max: 2, maxWaiting: 20, acquireTimeout: 10_000 },
    });
    try {
      const exports = await pool.use((sandbox) => sandbox.exports);
      const isCallable = ({ kind, params }) => kind === 'function' && (params ?? []).length === 0;
      const functions = exports.filter(isCallable).map((each) => each.name);
      const plugin = { id: randomUUID(), name, size: bytes.length, functions, compiled, pool };
      this.#byId.set(plugin.id, plugin);
      if (this.#byId.size > PLUGINS) void this.#remove(this.list()[0]);
      return plugin;
    } catch (error) {
      await pool.drain();
      throw error;
    }
  }

  /** Calls a function in a fresh sandbox: what came of it, and what it has asked for and used either way. */
  run(plugin, name, input, signal) {
    const call = async (sandbox) => {
      const outcome = {};
      try {
        const instance = await Plugin.in(sandbox, plugin.compiled);
        outcome.output = await instance.call(name, input, { as: 'bytes', signal });
      } catch (error) {
        outcome.error = error;
      }
      const { gasUsed } = sandbox.getResourceStats();
      return { ...outcome, gasUsed, events: sandbox.auditEvents() };
    };
    return plugin.pool.use(call, { signal });
  }

  async close() {
    await Promise.all(this.list().map((plugin) => this.#remove(plugin)));
  }

  async #remove(plugin) {
    this.#byId.delete(plugin.id);
    await plugin.pool.drain();
  }
}
