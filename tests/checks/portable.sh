#!/bin/bash
# Elsewhere than on x86-64 the generic variant builds: the library is compiled for 64-bit Arm.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
# json.cpp needs simdjson's header, which is the same on every architecture.
mkdir "$out/include" && cp /usr/include/simdjson.h "$out/include/"
compile() {
  aarch64-linux-gnu-g++ -std=c++20 -O1 -Wall -Wextra -Werror -ffp-contract=off -isystem "$1/include" \
    -isystem /usr/include/hdf5/serial '-DTERN_VERSION="test"' -c "$2" -o "$1/${2//\//_}.o"
}
export -f compile
git ls-files 'kernels/*.cpp' 'engine/*.cpp' 'hub/*.cpp' 'models/*.cpp' | grep -vE 'kernels/[a-z0-9_]+/avx' |
  xargs -P "$(nproc)" -I {} bash -c 'compile "$@"' _ "$out" {}
