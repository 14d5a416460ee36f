#!/bin/bash
# Elsewhere than on x86-64 the generic variant builds: the library is compiled for 64-bit Arm.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
failed=0
while read -r file; do
  aarch64-linux-gnu-g++ -std=c++20 -O1 -Wall -Wextra -Werror -ffp-contract=off -isystem "$out/include" \
    -isystem /usr/include/hdf5/serial \
    '-DTERN_VERSION="test"' -c "$file" -o "$out/object.o" || failed=1
done < <(git ls-files 'kernels/*.cpp' 'engine/*.cpp' 'hub/*.cpp' 'models/*.cpp' |
         grep -vE 'kernels/[a-z0-9_]+/avx|hub/formats/json\.cpp')
# json.cpp needs simdjson's header, which is the same on every architecture.
mkdir -p "$out/include" && cp /usr/include/simdjson.h "$out/include/"
aarch64-linux-gnu-g++ -std=c++20 -O1 -isystem "$out/include" -c hub/formats/json.cpp -o "$out/object.o" || failed=1
exit $failed
