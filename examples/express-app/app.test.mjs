/** The page as somebody uses it who has nothing but a browser. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createApp } from './app.mjs';

const CHROMIUM = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const PLUGIN = fileURLToPath(new URL('./plugins/text.wasm', import.meta.url));

const executablePath = CHROMIUM.find((path) => path !== undefined && existsSync(path));
const playwright = await import('playwright-core').catch(() => undefined);
const missing = [executablePath === undefined && 'Chromium', playwright === undefined && 'playwright-core'].filter(
  Boolean,
);

async function listen(t) {
  const { app, close } = await createApp();
  const server = app.listen(0, 'localhost');
  await once(server, 'listening');
  t.after(async () => {
    server.closeAllConnections();
    server.close();
    await close();
  });
  return `http://localhost:${server.address().port}`;
}

test('starts, and has a form for plug-ins', async (t) => {
  const response = await fetch(await listen(t));
  assert.equal(response.status, 200);
  assert.match(await response.text(), /<input type="file" name="plugin"/);
});

for (const colorScheme of ['light', 'dark']) {
  const skip = missing.length > 0 && `without ${missing.join(' and ')}`;
  test(`a plug-in is uploaded and run in Chromium, ${colorScheme}`, { skip }, async (t) => {
    const origin = await listen(t);
    const browser = await playwright.chromium.launch({ executablePath, args: ['--no-sandbox'] });
    t.after(() => browser.close());
    const page = await browser.newPage({ colorScheme, viewport: { width: 900, height: 900 } });
    const complaints = [];
    page.on('pageerror', ({ message }) => complaints.push(message));
    page.on('console', (message) => complaints.push(message.text()));
    const picture = async (name) => {
      const folder = process.env.PICTURES;
      if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}-${colorScheme}.png` });
    };
    const run = async (name, input) => {
      await page.getByLabel('Function').selectOption(name);
      await page.getByLabel('Input').fill(input);
      await page.getByRole('button', { name: 'Run' }).click();
      await page.getByRole('region', { name: 'Audit' }).waitFor();
      await picture(name);
      return page.getByRole('main').innerText();
    };

    await page.goto(origin);
    await picture('home');
    await page.getByLabel('A plug-in').setInputFiles(PLUGIN);
    await page.getByRole('button', { name: 'Upload' }).click();
    await page.waitForURL(/plugins\/[\w-]+$/);

    const shouted = await run('shout', 'hello\nthere');
    assert.match(shouted, /HELLO\nTHERE/);
    assert.match(shouted, /[\d,]+ of 20,000,000/);
    assert.match(shouted, /extism:host\/env\.input_length/);
    assert.equal(await page.getByLabel('Input').inputValue(), 'hello\nthere');

    await run('bold', '<img src=x onerror=alert(1)>');
    assert.equal(await page.locator('#output').innerText(), '<b><img src=x onerror=alert(1)></b>');
    assert.equal(await page.locator('img').count(), 0);
    // Of the page itself nothing has been blocked.
    assert.deepEqual(complaints, []);

    assert.match(await run('peek', ''), /wasi_snapshot_preview1\.path_open/);
    assert.match(await run('spin', ''), /used up the gas/);
    // Chromium tells of the status of each of these.
    assert.ok(
      complaints.every((text) => /status of 422/.test(text)),
      complaints.join('\n'),
    );

    await page.goto(origin);
    await page
      .getByLabel('A plug-in')
      .setInputFiles({ name: 'x.wasm', mimeType: '', buffer: Buffer.from('no module') });
    await page.getByRole('button', { name: 'Upload' }).click();
    await page.getByText('The file is no plug-in that can be run').waitFor();
    await picture('refused');
  });
}
