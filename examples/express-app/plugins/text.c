// A plug-in of four functions, one of which asks for what it is not given. docs/guests.md is the guide to writing them.
#include "../../../docs/guest/wasm_sandbox.h"

static uint8_t in[1 << 16], out[1 << 17];

__attribute__((import_module("wasi_snapshot_preview1"), import_name("path_open"))) int32_t path_open(
    int32_t folder, int32_t lookup, const char *path, size_t length, int32_t flags, int64_t rights, int64_t inheriting,
    int32_t options, int32_t *opened);

// The input in capitals, as far as it is ASCII.
WASM_SANDBOX_EXPORT(shout) int32_t shout(void) {
  size_t size = wasm_sandbox_input(in, sizeof in);
  if (size > sizeof in) return wasm_sandbox_fail("the input is longer than 64 KiB");
  for (size_t i = 0; i < size; i++) out[i] = in[i] >= 'a' && in[i] <= 'z' ? in[i] - 32 : in[i];
  return wasm_sandbox_output(out, size);
}

// The input in bold letters of HTML, which whoever shows it must not believe.
WASM_SANDBOX_EXPORT(bold) int32_t bold(void) {
  wasm_sandbox_text text = {(const char *)in, wasm_sandbox_input(in, sizeof in)};
  if (text.length > sizeof in) return wasm_sandbox_fail("the input is longer than 64 KiB");
  wasm_sandbox_writer writer = {(char *)out, sizeof out, 0};
  wasm_sandbox_write(&writer, "<b>");
  wasm_sandbox_write_text(&writer, text);
  wasm_sandbox_write(&writer, "</b>");
  return wasm_sandbox_output_written(&writer);
}

// Asks for a file of the host's.
WASM_SANDBOX_EXPORT(peek) int32_t peek(void) {
  int32_t opened;
  if (path_open(3, 0, "etc/passwd", 10, 0, 2, 0, 0, &opened) != 0)
    return wasm_sandbox_fail("etc/passwd cannot be opened");
  return wasm_sandbox_output("etc/passwd was opened", 21);
}

// Never ends.
WASM_SANDBOX_EXPORT(spin) int32_t spin(void) {
  for (volatile uint32_t turns = 0;; turns++) continue;
}
