#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No archive given may define a weak or unique symbol: the linker keeps one copy of such a symbol
# for the whole program, and if that is the copy compiled with AVX-512, an older CPU dies of it.
# usage: no_weak_symbols.sh libkernels_avx2.a …
status=0
for archive in "$@"; do
  symbols=$(nm -C --defined-only "$archive") || exit 2
  weak=$(printf '%s\n' "$symbols" | grep -E '^[0-9a-f]* *[WVu] ')
  if [ -n "$weak" ]; then
    printf '%s defines weak symbols:\n%s\n' "$archive" "$weak"
    status=1
  fi
done
exit $status
