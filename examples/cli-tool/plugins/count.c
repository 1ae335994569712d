// Lines, words and bytes of what it reads.
#include <ctype.h>
#include <stdio.h>

int main(void) {
  long lines = 0, words = 0, bytes = 0;
  int in_word = 0;
  for (int c; (c = getchar()) != EOF; bytes++) {
    lines += c == '\n';
    words += !isspace(c) && !in_word;
    in_word = !isspace(c);
  }
  printf("%ld lines, %ld words, %ld bytes\n", lines, words, bytes);
  return 0;
}
