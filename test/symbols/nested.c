// Divides by what it is given, three calls deep.
static __attribute__((noinline)) int inner(int n) {
  return 100 / n;
}

static __attribute__((noinline)) int middle(int n) {
  int twice = inner(n) * 2;
  return twice + 1;
}

__attribute__((export_name("run"))) int run(int n) {
  return middle(n - 1) +
         middle(n);
}
