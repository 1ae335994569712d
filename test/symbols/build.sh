#!/bin/sh
# Makes the modules of symbols.test.ts from nested.c: Debian 12's clang 14 and lld.
set -eu
cd "$(dirname "$0")"
for version in 4 5; do
  clang --target=wasm32 -ffreestanding -O1 -gdwarf-$version -ffile-compilation-dir=. -c nested.c -o nested.o
  wasm-ld --no-entry nested.o -o nested-$version.wasm
done
rm nested.o
