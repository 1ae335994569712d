// How many primes there are below a number, one division after another: something to wait for.
#include <stdio.h>
#include <stdlib.h>

static int is_prime(unsigned n) {
  for (unsigned i = 2; i * i <= n; i++)
    if (n % i == 0) return 0;
  return n >= 2;
}

int main(int argc, char **argv) {
  unsigned below = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
  if (below == 0 || below > 10000000) {
    fputs("a number up to 10000000 is wanted\n", stderr);
    return 2;
  }
  unsigned primes = 0;
  for (unsigned n = 0; n < below; n++) primes += is_prime(n);
  printf("%u primes below %u\n", primes, below);
  return 0;
}
