/** A static page that runs a program beside it, without freezing, and stops it when asked. */

import { GasBudget, WasmSandbox } from 'wasm-sandbox';

/** What of a page is needed. */
export interface Page {
  readonly output: { textContent: string | null };
  readonly stop: Pick<EventTarget, 'addEventListener'>;
}

/** @param source a path is one from the page */
export async function start(source: string | Uint8Array, args: readonly string[], page: Page): Promise<void> {
  const controller = new AbortController();
  const { signal } = controller;
  page.stop.addEventListener('click', () => controller.abort());
  try {
    const options = { source, args, signal, yieldEvery: 10, gasBudget: new GasBudget(5e9) };
    const { stdout } = await (await WasmSandbox.create(options)).run({ signal });
    page.output.textContent = stdout;
  } catch (error) {
    page.output.textContent = error instanceof Error ? error.message : 'failed';
  }
}
