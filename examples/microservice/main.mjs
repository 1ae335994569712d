import prometheus from 'prom-client';
import { closeOnSignal, createServer } from './server.mjs';

const register = new prometheus.Registry();
prometheus.collectDefaultMetrics({ register });

const app = await createServer({ logger: true, register });
const closed = closeOnSignal(app, process);
await app.listen({ host: process.env.HOST ?? '127.0.0.1', port: Number(process.env.PORT ?? 3000) });
await closed;
