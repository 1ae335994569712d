// HTTP for guests of wasm-sandbox in AssemblyScript: the imports of the module wasm_sandbox_http, and `fetch`, which
// makes a whole request of them. docs/http.md is the reference.

@external("wasm_sandbox_http", "request_open")
declare function requestOpen(method: usize, methodLength: i32, url: usize, urlLength: i32): i32;
@external("wasm_sandbox_http", "request_header")
declare function requestHeader(request: i32, name: usize, nameLength: i32, value: usize, valueLength: i32): i32;
@external("wasm_sandbox_http", "request_write")
declare function requestWrite(request: i32, bytes: usize, length: i32): i32;
@external("wasm_sandbox_http", "request_send")
declare function requestSend(request: i32): i32;
@external("wasm_sandbox_http", "response_header")
declare function responseHeader(request: i32, name: usize, nameLength: i32, value: usize, room: i32): i32;
@external("wasm_sandbox_http", "response_read")
declare function responseRead(request: i32, bytes: usize, room: i32): i32;
@external("wasm_sandbox_http", "request_close")
declare function requestClose(request: i32): i32;

/** What every function below gives when it fails. */
export namespace HttpError {
  export const Denied: i32 = -1;
  export const Invalid: i32 = -2;
  export const Handle: i32 = -3;
  export const State: i32 = -4;
  export const Fault: i32 = -5;
  export const Limit: i32 = -6;
  export const Timeout: i32 = -7;
  export const Unreachable: i32 = -8;
  export const Protocol: i32 = -9;
  export const Absent: i32 = -10;
}

const ROOM: i32 = 16384;

/** A request. Each method gives 0 or more, or an error. */
export class HttpRequest {
  /** Below 0 where the request could not be begun. */
  readonly handle: i32;

  constructor(method: string, url: string) {
    const methodBytes = String.UTF8.encode(method);
    const urlBytes = String.UTF8.encode(url);
    this.handle = requestOpen(
      changetype<usize>(methodBytes),
      methodBytes.byteLength,
      changetype<usize>(urlBytes),
      urlBytes.byteLength,
    );
  }

  header(name: string, value: string): i32 {
    const nameBytes = String.UTF8.encode(name);
    const valueBytes = String.UTF8.encode(value);
    return requestHeader(
      this.handle,
      changetype<usize>(nameBytes),
      nameBytes.byteLength,
      changetype<usize>(valueBytes),
      valueBytes.byteLength,
    );
  }

  write(body: Uint8Array): i32 {
    return requestWrite(this.handle, body.dataStart, body.length);
  }

  /** Waits for the response; gives its status. */
  send(): i32 {
    return requestSend(this.handle);
  }

  /** The value of a response's header; null where there is none. */
  responseHeader(name: string): string | null {
    const nameBytes = String.UTF8.encode(name);
    const value = new ArrayBuffer(ROOM);
    const length = responseHeader(
      this.handle,
      changetype<usize>(nameBytes),
      nameBytes.byteLength,
      changetype<usize>(value),
      ROOM,
    );
    return length < 0 ? null : String.UTF8.decode(value.slice(0, min(length, ROOM)));
  }

  /** Waits for bytes of the body; gives how many were written to the buffer, 0 at the end. */
  read(buffer: Uint8Array): i32 {
    return responseRead(this.handle, buffer.dataStart, buffer.length);
  }

  close(): i32 {
    return requestClose(this.handle);
  }
}

/** The outcome of a request: its status and body, or an error in place of the status. */
export class HttpOutcome {
  constructor(
    readonly status: i32,
    readonly body: string,
  ) {}
}

/** Makes a request from beginning to end. */
export function fetch(url: string, method: string = "GET", body: Uint8Array | null = null): HttpOutcome {
  const request = new HttpRequest(method, url);
  if (request.handle < 0) return new HttpOutcome(request.handle, "");
  let status = body === null ? 0 : request.write(body);
  if (status >= 0) status = request.send();
  let answer = new Uint8Array(0);
  if (status >= 0) {
    const piece = new Uint8Array(ROOM);
    let got: i32;
    while ((got = request.read(piece)) > 0) {
      const longer = new Uint8Array(answer.length + got);
      longer.set(answer);
      longer.set(piece.subarray(0, got), answer.length);
      answer = longer;
    }
    if (got < 0) status = got;
  }
  request.close();
  return new HttpOutcome(status, String.UTF8.decodeUnsafe(answer.dataStart, answer.length));
}
