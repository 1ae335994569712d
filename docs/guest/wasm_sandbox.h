// Plug-ins for wasm-sandbox in C11 and C++17, without a library: input, output, errors, text, and .npy files.
// docs/guests.md is the guide, docs/extism.md the reference of what is imported.
//
// Nothing here allocates: memory is the caller's. With WASM_SANDBOX_PORTABLE defined, only functions that every host of
// Extism's has are imported; they move 8 bytes a call, and cost accordingly.
#ifndef WASM_SANDBOX_H
#define WASM_SANDBOX_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WASM_SANDBOX_EXPORT(name) __attribute__((export_name(#name)))
#define WASM_SANDBOX_IMPORT(module, name) __attribute__((import_module(module), import_name(#name)))
#define WASM_SANDBOX_ENV(name) WASM_SANDBOX_IMPORT("extism:host/env", name)

WASM_SANDBOX_ENV(alloc) uint64_t wasm_sandbox_env_alloc(uint64_t length);
WASM_SANDBOX_ENV(store_u8) void wasm_sandbox_env_store_u8(uint64_t address, uint32_t byte);
WASM_SANDBOX_ENV(store_u64) void wasm_sandbox_env_store_u64(uint64_t address, uint64_t word);
WASM_SANDBOX_ENV(input_length) uint64_t wasm_sandbox_env_input_length(void);
WASM_SANDBOX_ENV(input_load_u8) uint32_t wasm_sandbox_env_input_load_u8(uint64_t offset);
WASM_SANDBOX_ENV(input_load_u64) uint64_t wasm_sandbox_env_input_load_u64(uint64_t offset);
WASM_SANDBOX_ENV(output_set) void wasm_sandbox_env_output_set(uint64_t address, uint64_t length);
WASM_SANDBOX_ENV(error_set) void wasm_sandbox_env_error_set(uint64_t address);

// Copies the input from an offset on, as much of it as there is room for. Returns how many bytes that were.
WASM_SANDBOX_IMPORT("wasm_sandbox_plugin", input_read)
int32_t wasm_sandbox_plugin_input_read(size_t offset, void *to, size_t room);

// Makes a copy of these bytes the output. Returns 0, or -1 where the memory limit has no room for it.
WASM_SANDBOX_IMPORT("wasm_sandbox_plugin", output_write)
int32_t wasm_sandbox_plugin_output_write(const void *bytes, size_t length);

// ---- Input, output, errors

// A block of the host's with a copy of these bytes. Returns its address, or 0 where there is no room for it.
static inline uint64_t wasm_sandbox_block(const void *bytes, size_t length) {
  uint64_t address = wasm_sandbox_env_alloc(length);
  if (address == 0) return 0;
  const uint8_t *from = (const uint8_t *)bytes;
  size_t at = 0;
  for (; length - at >= 8; at += 8) {
    uint64_t word;
    __builtin_memcpy(&word, from + at, 8);
    wasm_sandbox_env_store_u64(address + at, word);
  }
  for (; at < length; at++) wasm_sandbox_env_store_u8(address + at, from[at]);
  return address;
}

// Makes these bytes, which are UTF-8, the error of the call. Returns 1: the status for the function to end with.
static inline int32_t wasm_sandbox_fail_with(const char *message, size_t length) {
  wasm_sandbox_env_error_set(wasm_sandbox_block(message, length));
  return 1;
}

// The same with a message that ends with a NUL.
static inline int32_t wasm_sandbox_fail(const char *message) {
  size_t length = 0;
  while (message[length]) length++;
  return wasm_sandbox_fail_with(message, length);
}

// Copies the input as far as there is room for it. Returns its whole length.
static inline size_t wasm_sandbox_input(void *to, size_t room) {
  size_t length = (size_t)wasm_sandbox_env_input_length();
#ifdef WASM_SANDBOX_PORTABLE
  uint8_t *bytes = (uint8_t *)to;
  size_t end = length < room ? length : room;
  size_t at = 0;
  for (; end - at >= 8; at += 8) {
    uint64_t word = wasm_sandbox_env_input_load_u64(at);
    __builtin_memcpy(bytes + at, &word, 8);
  }
  for (; at < end; at++) bytes[at] = (uint8_t)wasm_sandbox_env_input_load_u8(at);
#else
  wasm_sandbox_plugin_input_read(0, to, room);
#endif
  return length;
}

// Makes a copy of these bytes the output. Returns 0, or, where the memory limit has no room for it, the status of the error
// that it sets.
static inline int32_t wasm_sandbox_output(const void *bytes, size_t length) {
#ifdef WASM_SANDBOX_PORTABLE
  uint64_t address = wasm_sandbox_block(bytes, length);
  if (address != 0) wasm_sandbox_env_output_set(address, length);
  int done = address != 0;
#else
  int done = wasm_sandbox_plugin_output_write(bytes, length) == 0;
#endif
  return done ? 0 : wasm_sandbox_fail("the output has no room");
}

// ---- Numbers, which may lie anywhere

static inline double wasm_sandbox_load_f64(const void *from) {
  double number;
  __builtin_memcpy(&number, from, 8);
  return number;
}

static inline void wasm_sandbox_store_f64(void *to, double number) { __builtin_memcpy(to, &number, 8); }

// ---- Text to read: bytes and their number, without a NUL at the end

typedef struct {
  const char *at;
  size_t length;
} wasm_sandbox_text;

static inline int wasm_sandbox_text_equals(wasm_sandbox_text text, const char *other) {
  for (size_t i = 0; i < text.length; i++, other++)
    if (!*other || text.at[i] != *other) return 0;
  return !*other;
}

static inline int wasm_sandbox_text_is_utf8(wasm_sandbox_text text) {
  const uint8_t *byte = (const uint8_t *)text.at;
  const uint8_t *end = byte + text.length;
  while (byte < end) {
    uint8_t lead = *byte++;
    if (lead < 0x80) continue;
    int more = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    if (lead < 0xc2 || lead > 0xf4 || end - byte < more) return 0;
    // What the first of them may be: no longer form than is needed, no half of a pair, nothing beyond U+10FFFF.
    uint8_t least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (*byte < least || *byte > most) return 0;
    for (byte++; --more; byte++)
      if ((*byte & 0xc0) != 0x80) return 0;
  }
  return 1;
}

// Cuts off what stands before the first of these bytes, which goes too, or all where there is none.
static inline wasm_sandbox_text wasm_sandbox_text_cut(wasm_sandbox_text *rest, char before) {
  wasm_sandbox_text cut = {rest->at, 0};
  while (cut.length < rest->length && cut.at[cut.length] != before) cut.length++;
  size_t gone = cut.length < rest->length ? cut.length + 1 : cut.length;
  rest->at += gone;
  rest->length -= gone;
  return cut;
}

// Reads a text of 1 to `most` decimal digits, of which 19 fit. Returns whether it is one.
static inline int wasm_sandbox_text_number(wasm_sandbox_text text, size_t most, uint64_t *number) {
  *number = 0;
  for (size_t i = 0; i < text.length; i++) {
    if (text.at[i] < '0' || text.at[i] > '9') return 0;
    *number = 10 * *number + (uint64_t)(text.at[i] - '0');
  }
  return text.length >= 1 && text.length <= most;
}

// ---- Text to write

// Where it is written to, how much room that has, and how long the text is; what is beyond the room is counted alone.
typedef struct {
  char *to;
  size_t room;
  size_t length;
} wasm_sandbox_writer;

static inline void wasm_sandbox_write_text(wasm_sandbox_writer *writer, wasm_sandbox_text text) {
  for (size_t i = 0; i < text.length; i++, writer->length++)
    if (writer->length < writer->room) writer->to[writer->length] = text.at[i];
}

// What ends with a NUL.
static inline void wasm_sandbox_write(wasm_sandbox_writer *writer, const char *string) {
  wasm_sandbox_text text = {string, 0};
  while (string[text.length]) text.length++;
  wasm_sandbox_write_text(writer, text);
}

static inline void wasm_sandbox_write_number(wasm_sandbox_writer *writer, uint64_t number) {
  char digits[20];
  wasm_sandbox_text text = {digits + sizeof digits, 0};
  do {
    digits[sizeof digits - ++text.length] = (char)('0' + number % 10);
    text.at--;
  } while (number /= 10);
  wasm_sandbox_write_text(writer, text);
}

// Makes what was written the output, as wasm_sandbox_output does; what had no room is an error.
static inline int32_t wasm_sandbox_output_written(const wasm_sandbox_writer *writer) {
  if (writer->length > writer->room) return wasm_sandbox_fail("the output has no room");
  return wasm_sandbox_output(writer->to, writer->length);
}

// Makes what was written the error, as far as there was room for it.
static inline int32_t wasm_sandbox_fail_written(const wasm_sandbox_writer *writer) {
  return wasm_sandbox_fail_with(writer->to, writer->length < writer->room ? writer->length : writer->room);
}

// ---- Arrays of several dimensions, as .npy files of version 1 (docs/values.md), one behind the other

#define WASM_SANDBOX_NPY_DIMENSIONS 8

// Bytes that there must be room for before the elements.
#define WASM_SANDBOX_NPY_HEAD 256

typedef struct {
  // Where the elements are, row by row.
  const void *data;
  // The kind of elements and their bytes, as 'f' and 8.
  char kind;
  int bytes;
  int dimensions;
  size_t shape[WASM_SANDBOX_NPY_DIMENSIONS];
} wasm_sandbox_npy;

// What stands behind the first place where these characters are; of length 0 where they are not.
static inline wasm_sandbox_text wasm_sandbox_npy_behind(wasm_sandbox_text text, const char *wanted) {
  for (; text.length; text.at++, text.length--) {
    size_t same = 0;
    while (wanted[same] && same < text.length && text.at[same] == wanted[same]) same++;
    if (wanted[same]) continue;
    text.at += same;
    text.length -= same;
    break;
  }
  return text;
}

// Reads the array that the bytes begin with, whose elements stay where they are. Returns the bytes it takes, or 0 where it is
// none that this reads: little-endian, row by row, with elements of 1 to 8 bytes and up to 8 dimensions below 1,000,000,000.
static inline size_t wasm_sandbox_npy_read(const void *from, size_t size, wasm_sandbox_npy *array) {
  static const char MAGIC[] = "\x93NUMPY\x01";
  const uint8_t *bytes = (const uint8_t *)from;
  if (size < 10) return 0;
  for (int i = 0; i < 7; i++)
    if (bytes[i] != (uint8_t)MAGIC[i]) return 0;
  wasm_sandbox_text head = {(const char *)bytes + 10, bytes[8] + 256 * (size_t)bytes[9]};
  size_t start = 10 + head.length;
  if (start > size) return 0;

  wasm_sandbox_text type = wasm_sandbox_npy_behind(head, "'descr': '");
  if (type.length < 4 || (type.at[0] != '<' && type.at[0] != '|') || type.at[3] != '\'') return 0;
  array->kind = type.at[1];
  array->bytes = type.at[2] - '0';
  char letter = array->kind | 32;
  if (letter < 'a' || letter > 'z' || array->bytes < 1 || array->bytes > 8) return 0;
  if (!wasm_sandbox_npy_behind(head, "'fortran_order': False").length) return 0;

  wasm_sandbox_text rest = wasm_sandbox_npy_behind(head, "'shape': (");
  wasm_sandbox_text shape = wasm_sandbox_text_cut(&rest, ')');
  if (!rest.length) return 0;
  size_t room = (size - start) / (size_t)array->bytes;
  size_t count = 1;
  array->dimensions = 0;
  while (shape.length) {
    if (array->dimensions && *shape.at == ' ') shape.at++, shape.length--;
    if (!shape.length) break;
    wasm_sandbox_text digits = wasm_sandbox_text_cut(&shape, ',');
    uint64_t length;
    if (array->dimensions == WASM_SANDBOX_NPY_DIMENSIONS || !wasm_sandbox_text_number(digits, 9, &length)) return 0;
    array->shape[array->dimensions++] = (size_t)length;
    // Too many stay too many, unless there is a length of 0.
    count = length == 0 ? 0 : count > room / length ? room + 1 : count * (size_t)length;
  }
  if (count > room) return 0;
  array->data = bytes + start;
  return start + count * (size_t)array->bytes;
}

// Writes what stands before the elements, to a place with room for WASM_SANDBOX_NPY_HEAD bytes. Returns how many bytes that
// were, which is a multiple of 64.
static inline size_t wasm_sandbox_npy_begin(void *to, char kind, int bytes, int dimensions, const size_t *shape) {
  wasm_sandbox_text magic = {"\x93NUMPY\x01\0\0\0", 10};
  const char descr[] = {bytes == 1 ? '|' : '<', kind, (char)('0' + bytes), '\0'};
  wasm_sandbox_writer head = {(char *)to, WASM_SANDBOX_NPY_HEAD, 0};
  wasm_sandbox_write_text(&head, magic);
  wasm_sandbox_write(&head, "{'descr': '");
  wasm_sandbox_write(&head, descr);
  wasm_sandbox_write(&head, "', 'fortran_order': False, 'shape': (");
  for (int axis = 0; axis < dimensions; axis++) {
    wasm_sandbox_write_number(&head, shape[axis]);
    wasm_sandbox_write(&head, axis + 1 < dimensions ? ", " : axis == 0 ? "," : "");
  }
  wasm_sandbox_write(&head, "), }");
  while ((head.length + 1) % 64) wasm_sandbox_write(&head, " ");
  wasm_sandbox_write(&head, "\n");
  head.to[8] = (char)((head.length - 10) & 255);
  head.to[9] = (char)((head.length - 10) >> 8);
  return head.length;
}

#ifdef __cplusplus
}
#endif

#endif
