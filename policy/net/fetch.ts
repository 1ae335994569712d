/** Requests by way of the runtime's `fetch`. It resolves names itself, so addresses can be neither checked nor pinned. */

import type { HttpClient, HttpFailure, HttpRequest, HttpResponse } from './client.ts';
import type { Header } from './headers.ts';

export const fetchClient: HttpClient = { send };

async function send(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse | HttpFailure> {
  const { method, url, headers, body } = request;
  const response = await fetch(url, {
    method,
    headers: headers.map(([name, value]): [string, string] => [name, value]),
    ...(body && { body: body as Uint8Array<ArrayBuffer> }),
    redirect: 'manual',
    cache: 'no-store',
    credentials: 'omit',
    referrerPolicy: 'no-referrer',
    signal,
  });
  // A browser does not show where a redirect leads, so it cannot be decided.
  if (response.type === 'opaqueredirect') return 'protocol';
  const reader = response.body?.getReader();
  return {
    status: response.status,
    headers: [...response.headers].map(([name, value]): Header => [name.toLowerCase(), value]),
    async read() {
      for (;;) {
        const piece = await reader?.read();
        if (piece === undefined || piece.done) return undefined;
        if (piece.value.length > 0) return piece.value;
      }
    },
    cancel() {
      reader?.cancel().catch(() => undefined);
    },
  };
}
