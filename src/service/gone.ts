/** When the client of a request has gone away, on servers of Node's kind. */

/** As much of a `ServerResponse` as is used. */
export interface NodeResponse {
  /** Whether all of it has been handed on. */
  readonly writableFinished: boolean;
  readonly destroyed: boolean;
  once(event: 'close', listener: () => void): unknown;
}

/** Aborted when the connection ends before the response does. */
export function signalOf(response: NodeResponse): AbortSignal {
  const gone = new AbortController();
  const end = () => {
    if (!response.writableFinished) gone.abort(new Error('the client went away'));
  };
  if (response.destroyed) end();
  else response.once('close', end);
  return gone.signal;
}
