// SPDX-License-Identifier: Apache-2.0
// How fast this machine reads memory, on request, so that a script can interleave it with what
// reads weights: says "ready", then answers each line, a number of bytes, with the seconds that all
// threads together need to read so many, from large pages and far more of them than caches hold.
// 0 where reading is not measured (ceilings.h). Usage: bench_read [threads]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "../../engine/base/huge_pages.h"
#include "../../engine/threads.h"
#include "../kernels/ceilings.h"

namespace {

constexpr size_t kPiece = size_t{1} << 20, kPieces = 512;

double read(tern::ThreadPool& pool, const std::byte* memory, size_t bytes) {
  if (tern::bench::read_seconds(memory, kPiece) == 0) return 0;
  const size_t pieces = (bytes + kPiece - 1) / kPiece;
  std::chrono::duration<double> whole{};
  // The first time brings back what the system took away while this process was idle.
  for (int i = 0; i < 2; ++i) {
    const auto start = std::chrono::steady_clock::now();
    pool.parallel_for(static_cast<int64_t>(pieces), [&](int64_t piece, int) {
      const size_t at = static_cast<size_t>(piece) % kPieces * kPiece;
      tern::bench::read_seconds(memory + at, kPiece);
    });
    whole = std::chrono::steady_clock::now() - start;
  }
  return whole.count() * static_cast<double>(bytes) / static_cast<double>(pieces * kPiece);
}

}  // namespace

int main(int argc, char** argv) {
  tern::ThreadPool pool(argc > 1 ? std::atoi(argv[1]) : 1);
  const std::vector<std::byte, tern::HugePages<std::byte>> memory(kPieces * kPiece, std::byte{1});
  std::puts("ready");
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    std::printf("%.9f\n", read(pool, memory.data(), std::strtoull(line.c_str(), nullptr, 10)));
    std::fflush(stdout);
  }
  return 0;
}
