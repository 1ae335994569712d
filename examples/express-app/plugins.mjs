/** The plug-ins that were uploaded: modules of a service, under the same limits, without any grant. */

import { randomUUID } from 'node:crypto';
import { SandboxService } from 'wasm-sandbox/service';

/** Of one call. */
export const GAS_LIMIT = 20_000_000;
/** Plug-ins that are kept; the one that was uploaded first makes room. */
const PLUGINS = 20;
/** Audit events of a call that are shown. */
const EVENTS = 100;

const OPTIONS = {
  // All come later.
  modules: {},
  limits: { gas: GAS_LIMIT, memory: '16MiB', time: '30s' },
  pool: { max: 2, maxWaiting: 20 },
  // Whatever is uploaded is called as a plug-in, also where it imports nothing.
  plugin: {},
};

export class Plugins {
  #byId = new Map();

  constructor(service) {
    this.service = service;
  }

  static async create() {
    return new Plugins(await SandboxService.create(OPTIONS));
  }

  list() {
    return [...this.#byId.values()];
  }

  get(id) {
    return this.#byId.get(id);
  }

  /** Decodes, validates and instantiates the module, so that one that cannot run is refused here. */
  async add(name, bytes) {
    const id = randomUUID();
    const module = this.service.add(id, bytes);
    try {
      const exports = await module.use((sandbox) => sandbox.exports);
      const isCallable = ({ kind, params }) => kind === 'function' && (params ?? []).length === 0;
      const functions = exports.filter(isCallable).map((each) => each.name);
      const plugin = { id, name, size: bytes.length, functions };
      this.#byId.set(id, plugin);
      if (this.#byId.size > PLUGINS) this.#remove(this.list()[0]);
      return plugin;
    } catch (error) {
      await this.service.remove(id);
      throw error;
    }
  }

  /**
   * Calls a function in a fresh sandbox: what came of it, and what it has asked for and used either way.
   * @param calls the service's, or a request's
   */
  async run(calls, { id }, name, input) {
    let audit;
    const onAudit = (given) => {
      audit = { gasUsed: given.stats.gasUsed, events: given.events.slice(0, EVENTS) };
    };
    try {
      const output = await calls.plugin(id, name, input, { as: 'bytes', onAudit });
      return { ...audit, output };
    } catch (error) {
      // It has not run at all.
      if (audit === undefined) throw error;
      return { ...audit, error };
    }
  }

  close() {
    return this.service.close();
  }

  #remove({ id }) {
    this.#byId.delete(id);
    // Calls that are under way go on to their end.
    void this.service.remove(id);
  }
}
