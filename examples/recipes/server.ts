/** An HTTP server that runs tenants' calls within monthly budgets of gas, and ends them when their clients go away. */

import { createServer, type IncomingMessage, type Server } from 'node:http';
import { GasBudget, GasExhausted, PoolUnavailable, RuntimeError, SandboxPool, UsageError } from 'wasm-sandbox';

/** What is left of every tenant's month, as JSON keeps it over a restart. */
export type Ledger = Record<string, ReturnType<GasBudget['toJSON']>>;

export interface Service {
  readonly server: Server;
  readonly budgets: ReadonlyMap<string, GasBudget>;
  close(): Promise<void>;
}

export async function serve(source: Uint8Array, ledger: Ledger): Promise<Service> {
  const budgets = new Map(Object.entries(ledger).map(([tenant, state]) => [tenant, GasBudget.from(state)]));
  const pool = await SandboxPool.create({ sandbox: { source, yieldEvery: 5 }, min: 2, max: 8, acquireTimeout: 1_000 });

  async function answer(request: IncomingMessage, signal: AbortSignal): Promise<[status: number, body: string]> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const gasBudget = budgets.get(String(request.headers['x-tenant']));
    if (gasBudget === undefined) return [401, 'no such tenant'];
    const args = searchParams.getAll('arg').map(Number);
    const options = { signal, timeout: 5_000, gasLimit: 50_000_000 };
    const result = await pool.use((sandbox) => sandbox.call(pathname.slice(1), args, options), { gasBudget, signal });
    return [200, String(result)];
  }

  const server = createServer((request, response) => {
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    answer(request, gone.signal)
      .catch((error: unknown): [number, string] => [statusOf(error), error instanceof Error ? error.message : 'failed'])
      .then(([status, body]) => response.writeHead(status).end(`${body}\n`));
  });
  const close = () => {
    server.close();
    return pool.drain();
  };
  return { server, budgets, close };
}

function statusOf(error: unknown): number {
  if (error instanceof GasExhausted) return error.scope === 'budget' ? 402 : 422;
  if (error instanceof PoolUnavailable) return 503;
  if (error instanceof UsageError) return 400;
  return error instanceof RuntimeError ? 422 : 500;
}
