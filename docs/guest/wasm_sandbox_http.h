// HTTP for guests of wasm-sandbox: the imports of the module wasm_sandbox_http. docs/http.md is the reference.
//
// Every function returns a number of at least 0, or one of the errors below. Texts are passed with their length and
// need no NUL at the end. Functions that wait suspend the guest.
#ifndef WASM_SANDBOX_HTTP_H
#define WASM_SANDBOX_HTTP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum wasm_sandbox_http_error {
  WASM_SANDBOX_HTTP_DENIED = -1,       // The policy does not allow it.
  WASM_SANDBOX_HTTP_INVALID = -2,      // A method, URL, header name or value that is none.
  WASM_SANDBOX_HTTP_HANDLE = -3,       // No open request has this handle.
  WASM_SANDBOX_HTTP_STATE = -4,        // Not possible in the state the request is in.
  WASM_SANDBOX_HTTP_FAULT = -5,        // A pointer reaches outside of the memory.
  WASM_SANDBOX_HTTP_LIMIT = -6,        // A limit of the policy, or of this interface.
  WASM_SANDBOX_HTTP_TIMEOUT = -7,      // The request took too long.
  WASM_SANDBOX_HTTP_UNREACHABLE = -8,  // No address, no connection, or one that broke.
  WASM_SANDBOX_HTTP_PROTOCOL = -9,     // A response that is not HTTP, or a redirect to nowhere.
  WASM_SANDBOX_HTTP_ABSENT = -10,      // No such header.
};

#define WASM_SANDBOX_HTTP_IMPORT(name) __attribute__((import_module("wasm_sandbox_http"), import_name(#name)))

// Begins a request. Returns its handle.
WASM_SANDBOX_HTTP_IMPORT(request_open)
int32_t wasm_sandbox_http_request_open(const char *method, size_t method_length, const char *url, size_t url_length);

// Adds a header. Returns 0.
WASM_SANDBOX_HTTP_IMPORT(request_header)
int32_t wasm_sandbox_http_request_header(int32_t request, const char *name, size_t name_length, const char *value,
                                         size_t value_length);

// Adds bytes to the body. Returns 0.
WASM_SANDBOX_HTTP_IMPORT(request_write)
int32_t wasm_sandbox_http_request_write(int32_t request, const void *bytes, size_t length);

// Sends the request and waits for the head of the response. Returns its status.
WASM_SANDBOX_HTTP_IMPORT(request_send)
int32_t wasm_sandbox_http_request_send(int32_t request);

// Copies a header's value, as far as there is room for it. Returns its whole length.
WASM_SANDBOX_HTTP_IMPORT(response_header)
int32_t wasm_sandbox_http_response_header(int32_t request, const char *name, size_t name_length, char *value,
                                          size_t room);

// Copies the header at an index from 0, as "name: value". Returns its whole length; ABSENT after the last.
WASM_SANDBOX_HTTP_IMPORT(response_header_at)
int32_t wasm_sandbox_http_response_header_at(int32_t request, uint32_t index, char *header, size_t room);

// Waits for bytes of the body and copies them. Returns how many, at most `room`; 0 at the end.
WASM_SANDBOX_HTTP_IMPORT(response_read)
int32_t wasm_sandbox_http_response_read(int32_t request, void *bytes, size_t room);

// Ends the request and gives its handle back. Returns 0.
WASM_SANDBOX_HTTP_IMPORT(request_close)
int32_t wasm_sandbox_http_request_close(int32_t request);

#ifdef __cplusplus
}
#endif

#endif
