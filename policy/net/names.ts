/** What guests call the HTTP functions. */

export const HTTP_MODULE = 'wasm_sandbox_http';
