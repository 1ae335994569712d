// Whole inputs and outputs for plug-ins of wasm-sandbox: the imports of the module wasm_sandbox_plugin, beside those of
// extism:host/env, which move 8 bytes a call. docs/extism.md is the reference.
#ifndef WASM_SANDBOX_PLUGIN_H
#define WASM_SANDBOX_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WASM_SANDBOX_PLUGIN_IMPORT(name) \
  __attribute__((import_module("wasm_sandbox_plugin"), import_name(#name)))

// Copies the input from an offset on, as much of it as there is room for. Returns how many bytes that were.
WASM_SANDBOX_PLUGIN_IMPORT(input_read)
int32_t wasm_sandbox_plugin_input_read(size_t offset, void *to, size_t room);

// Makes a copy of these bytes the output. Returns 0, or -1 where the memory limit has no room for it.
WASM_SANDBOX_PLUGIN_IMPORT(output_write)
int32_t wasm_sandbox_plugin_output_write(const void *bytes, size_t length);

#ifdef __cplusplus
}
#endif

#endif
