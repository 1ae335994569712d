// How many primes there are up to a number, by trial division: what it takes grows faster than what is asked for.
#include <stdint.h>

__attribute__((export_name("primes"))) int32_t primes(int32_t last) {
  int32_t found = 0;
  for (int32_t n = 2; n <= last; n++) {
    int32_t d = 2;
    while (d <= n / d && n % d) d++;
    found += d > n / d;
  }
  return found;
}
