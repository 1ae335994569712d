import { createApp } from './app.mjs';

/** Keys and what they may use: as JSON, {"ada":1000000000}. */
const tenants = JSON.parse(process.env.TENANTS ?? '{"demo":100000000}');

const app = await createApp({ tenants });
app.enableShutdownHooks(['SIGTERM', 'SIGINT']);
await app.listen(Number(process.env.PORT ?? 3000), process.env.HOST ?? '127.0.0.1');
console.log(`at ${await app.getUrl()}`);
