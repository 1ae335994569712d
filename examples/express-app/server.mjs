import { createApp } from './app.mjs';

const { app, close } = await createApp();
const port = Number(process.env.PORT ?? 3000);
const server = app.listen(port, 'localhost', () => console.log(`http://localhost:${server.address().port}`));

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    server.close();
    void close();
  });
}
