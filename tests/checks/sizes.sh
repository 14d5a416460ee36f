#!/bin/bash
# Fails on a source file over the hard stop of the house style: 400 lines; kernels, tests and
# benchmarks 800; an architecture 300.
set -euo pipefail
cd "$(dirname "$0")/../.."
git ls-files '*.cpp' '*.h' '*.cu' '*.cuh' '*.inc' | grep -v '^tests/data/' | while read -r file; do
  case $file in
    kernels/* | tests/* | bench/* | *_table*.inc | *tables*.inc) most=800 ;;
    models/arch/*) most=300 ;;
    *) most=400 ;;
  esac
  lines=$(wc -l <"$file")
  if [ "$lines" -gt $most ]; then echo "$file has $lines lines, at most $most"; fi
  if ! head -n 1 "$file" | grep -q 'SPDX-License-Identifier'; then echo "$file has no SPDX line"; fi
done | { ! grep .; }
