// Shows a file: of those that its policy grants.
#include <stdio.h>

int main(int argc, char **argv) {
  FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
  if (file == NULL) {
    perror(argc == 2 ? argv[1] : "a path is wanted");
    return 1;
  }
  for (int c; (c = getc(file)) != EOF;) putchar(c);
  return 0;
}
