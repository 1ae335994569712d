/** What the HTTP functions give a guest when they fail. docs/http.md explains each; the guest's header has the same. */

export const HTTP_ERROR = {
  /** The policy does not allow it. */
  denied: -1,
  /** A method, URL, header name or value that is none. */
  invalid: -2,
  /** No open request has this handle. */
  handle: -3,
  /** Not possible in the state the request is in. */
  state: -4,
  /** A pointer reaches outside of the memory. */
  fault: -5,
  /** A limit of the policy, or of this interface. */
  limit: -6,
  timeout: -7,
  /** No address, no connection, no secure connection, or a connection that broke. */
  unreachable: -8,
  /** A response that is not HTTP, or a redirect to nowhere. */
  protocol: -9,
  /** No such header. */
  absent: -10,
} as const;

export type HttpErrorCode = (typeof HTTP_ERROR)[keyof typeof HTTP_ERROR];
