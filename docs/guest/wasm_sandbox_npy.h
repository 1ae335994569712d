// Arrays of several dimensions in NumPy's format (.npy, version 1), as wasm-sandbox/ndarray passes them: one file behind the
// other. Needs no library. docs/values.md is the reference.
#ifndef WASM_SANDBOX_NPY_H
#define WASM_SANDBOX_NPY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WASM_SANDBOX_NPY_DIMENSIONS 8

typedef struct {
  // Where the elements are, row by row.
  const void *data;
  // The kind of elements and their bytes, as 'f' and 8.
  char kind;
  int bytes;
  int dimensions;
  size_t shape[WASM_SANDBOX_NPY_DIMENSIONS];
} wasm_sandbox_npy;

static inline const char *wasm_sandbox_npy_find(const char *text, const char *end, const char *wanted) {
  for (; text < end; text++) {
    const char *at = text;
    const char *c = wanted;
    while (*c && at < end && *at == *c) at++, c++;
    if (!*c) return at;
  }
  return NULL;
}

// Reads the array that the bytes begin with, whose elements stay where they are. Returns the bytes it takes, or 0 where it is
// none that this reads: little-endian, row by row, of up to 8 dimensions.
static inline size_t wasm_sandbox_npy_read(const uint8_t *bytes, size_t size, wasm_sandbox_npy *array) {
  if (size < 10 || bytes[0] != 0x93 || bytes[1] != 'N' || bytes[6] != 1) return 0;
  size_t start = 10 + bytes[8] + 256 * (size_t)bytes[9];
  if (start > size) return 0;
  const char *text = (const char *)bytes + 10;
  const char *end = (const char *)bytes + start;
  const char *descr = wasm_sandbox_npy_find(text, end, "'descr': '");
  const char *shape = wasm_sandbox_npy_find(text, end, "'shape': (");
  if (!descr || !shape || end - descr < 3 || !wasm_sandbox_npy_find(text, end, "False") || *descr == '>') return 0;
  array->kind = descr[1];
  array->bytes = descr[2] - '0';
  if (array->bytes < 1 || array->bytes > 8) return 0;
  array->dimensions = 0;
  size_t room = (size - start) / (size_t)array->bytes;
  size_t count = 1;
  while (shape < end && *shape != ')') {
    if (*shape < '0' || *shape > '9') {
      shape++;
      continue;
    }
    size_t length = 0;
    for (; shape < end && *shape >= '0' && *shape <= '9'; shape++) {
      if (length > SIZE_MAX / 16) return 0;
      length = 10 * length + (size_t)(*shape - '0');
    }
    if (array->dimensions == WASM_SANDBOX_NPY_DIMENSIONS) return 0;
    array->shape[array->dimensions++] = length;
    if (length != 0 && count > room / length) return 0;
    count *= length;
  }
  array->data = bytes + start;
  return start + count * (size_t)array->bytes;
}

// Writes what stands before the elements, to a place with room for 256 bytes. Returns how many bytes that were.
static inline size_t wasm_sandbox_npy_begin(uint8_t *to, char kind, int bytes, int dimensions, const size_t *shape) {
  static const char HEAD[] = "\x93NUMPY\x01\x00\x00\x00{'descr': '<";
  size_t at = 0;
  for (; at < sizeof HEAD - 1; at++) to[at] = (uint8_t)HEAD[at];
  to[at++] = (uint8_t)kind;
  to[at++] = (uint8_t)('0' + bytes);
  for (const char *c = "', 'fortran_order': False, 'shape': ("; *c; c++) to[at++] = (uint8_t)*c;
  for (int axis = 0; axis < dimensions; axis++) {
    char digits[20];
    int count = 0;
    size_t rest = shape[axis];
    do digits[count++] = (char)('0' + rest % 10);
    while (rest /= 10);
    while (count) to[at++] = (uint8_t)digits[--count];
    to[at++] = ',';
  }
  for (const char *c = "), }"; *c; c++) to[at++] = (uint8_t)*c;
  while ((at + 1) % 64) to[at++] = ' ';
  to[at++] = '\n';
  to[8] = (uint8_t)((at - 10) & 255);
  to[9] = (uint8_t)((at - 10) >> 8);
  return at;
}

#ifdef __cplusplus
}
#endif

#endif
