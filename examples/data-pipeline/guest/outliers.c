// A WASI command that looks for outliers in a series: numbers, one a line, on standard input. It writes an array of
// float64, a row for each, as a .npy file: the median of the window around it, and how many deviations it is off that.
//
//   outliers WINDOW      an odd number of values, 3 to 255
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../../docs/guest/wasm_sandbox.h"

#define MOST_VALUES 100000
#define MOST_WINDOW 255

static double values[MOST_VALUES];
static uint8_t out[16 * MOST_VALUES + 256] __attribute__((aligned(64)));

static int fail(const char *message) {
  fprintf(stderr, "outliers: %s\n", message);
  return 1;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *of, size_t count) {
  qsort(of, count, sizeof *of, ascending);
  return count % 2 ? of[count / 2] : (of[count / 2 - 1] + of[count / 2]) / 2;
}

int main(int argc, char **argv) {
  size_t window = argc == 2 ? (size_t)strtoul(argv[1], NULL, 10) : 0;
  if (window < 3 || window > MOST_WINDOW || window % 2 == 0) return fail("the window must be an odd number of 3 to 255");
  size_t count = 0;
  char line[64];
  while (fgets(line, sizeof line, stdin)) {
    char *end;
    double value = strtod(line, &end);
    int ends = *end == '\n' || (*end == 0 && feof(stdin));
    if (end == line || !ends || !isfinite(value)) return fail("a line is no number");
    if (count == MOST_VALUES) return fail("more than 100000 values");
    values[count++] = value;
  }
  size_t shape[2] = {count, 2};
  size_t start = wasm_sandbox_npy_begin(out, 'f', 8, 2, shape);
  double *rows = (double *)(out + start);
  for (size_t i = 0; i < count; i++) {
    double near[MOST_WINDOW];
    size_t first = i < window / 2 ? 0 : i - window / 2, end = i + window / 2 + 1 < count ? i + window / 2 + 1 : count;
    size_t size = end - first;
    for (size_t k = 0; k < size; k++) near[k] = values[first + k];
    double middle = median(near, size);
    for (size_t k = 0; k < size; k++) near[k] = fabs(values[first + k] - middle);
    // 1.4826: that of a normal distribution is its standard deviation.
    double deviation = 1.4826 * median(near, size);
    rows[2 * i] = middle;
    double off = values[i] - middle;
    rows[2 * i + 1] = off == 0 ? 0 : off / deviation;
  }
  size_t size = start + 16 * count;
  return fwrite(out, 1, size, stdout) == size ? 0 : fail("standard output takes no more");
}
