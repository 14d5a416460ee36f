// SPDX-License-Identifier: Apache-2.0
// gemm_block on a decoder's layers (Llama 135M, 1B, 7B), weights from memory: as many copies of the
// matrix as fill kPool take turns, more than any L3. Counters of README.md; `ceiling` is of
// vpdpbusd for a8 where the variant has it. `quantize`: time of quantize_rows / time of the
// product.
#include "../../kernels/gemm_block/gemm_block.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "measure.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace {

using namespace tern;
using kernels::BlockActivation;
using kernels::BlockFormat;
using kernels::GemmBlockTable;
using kernels::Isa;

constexpr size_t kPool = size_t{128} << 20;

// 64-byte aligned; huge pages where the system grants them.
char* pool() {
  static char* const p = [] {
    char* bytes = static_cast<char*>(std::aligned_alloc(size_t{2} << 20, kPool));
#if defined(__linux__)
    if (!std::getenv("TERN_BENCH_SMALL_PAGES")) madvise(bytes, kPool, MADV_HUGEPAGE);
#endif
    std::memset(bytes, 0, kPool);
    return bytes;
  }();
  return p;
}

double ceiling_of(const GemmBlockTable& table) {
  if (table.activation == BlockActivation::a16) return bench::multiply_add_rate(table.isa);
  return bench::byte_multiply_add_rate(table.isa);
}

// Packed copies of one random matrix, back to back in the pool. Their number.
size_t fill_pool(const GemmBlockTable& table, BlockFormat format, long n, long k) {
  std::mt19937_64 rng(1);
  const size_t row = kernels::block_row_bytes(format, k);
  std::vector<uint64_t> blocks(static_cast<size_t>(n) * row / 8 + 1);
  for (uint64_t& b : blocks) b = rng() & 0x3fff3fff3fff3fffu;  // scales are finite f16
  const size_t bytes = table.packed_bytes(format, n, k);
  kernels::BlockPack p{};
  p.format = format;
  p.w = blocks.data();
  p.row_bytes = static_cast<int64_t>(row);
  p.n = n;
  p.k = k;
  p.out = pool();
  p.panel_end = (n + table.panel - 1) / table.panel;
  table.pack(p);
  const size_t copies = kPool / bytes;
  for (size_t i = 1; i < copies; i++) std::memcpy(pool() + i * bytes, pool(), bytes);
  return copies;
}

void run(benchmark::State& state, const GemmBlockTable& table, BlockFormat format, long m, long n,
         long k) {
  const size_t bytes = table.packed_bytes(format, n, k), copies = fill_pool(table, format, n, k);
  std::vector<float> x(static_cast<size_t>(m * k)), y(static_cast<size_t>(m * n));
  std::mt19937 rng(2);
  for (float& f : x) f = std::uniform_real_distribution<float>(-1, 1)(rng);
  const int64_t row = static_cast<int64_t>(table.row_bytes(k));
  std::vector<char> rows(static_cast<size_t>(m * row));
  const kernels::BlockRows prepare{x.data(), kernels::Format::f32, k, m, k, rows.data(), row};
  bench::Contestant quantize([&] { table.quantize_rows(prepare); });
  size_t turn = 0;
  bench::Contestant kernel([&] {
    turn = (turn + 1) % copies;
    table.run({format,
               m,
               n,
               k,
               rows.data(),
               row,
               pool() + turn * bytes,
               {y.data(), kernels::Format::f32, n}});
  });
  const size_t span = std::max(bytes, size_t{2} << 20) / 256 * 256;  // read in one go
  double ceiling = 0;
  std::vector<double> reading, running;
  for (auto _ : state) {
    running.push_back(kernel.window());
    state.SetIterationTime(running.back());
    ceiling = std::max(ceiling, ceiling_of(table));
    quantize.window();
    // Half a pool away from what the kernel has just left in L3.
    const size_t far = (turn * bytes + kPool / 2) % (kPool - span) / 64 * 64;
    reading.push_back(bench::read_seconds(pool() + far, span) * static_cast<double>(bytes) /
                      static_cast<double>(span));
  }
  const double rate = 2.0 * static_cast<double>(m * n * k) / kernel.best();
  state.counters["GFLOP/s"] = rate / 1e9;
  state.counters["GB/s"] = static_cast<double>(bytes) / kernel.best() / 1e9;
  if (ceiling > 0) state.counters["ceiling"] = rate / ceiling;
  if (bench::median(reading) > 0)
    state.counters["reading"] = bench::median(reading) / bench::median(running);
  state.counters["quantize"] = quantize.best() / kernel.best();
}

struct Layer {
  long n, k;
};

void add(const GemmBlockTable& table, BlockFormat format, long m, Layer layer) {
  const std::string name = std::string(table.name) + "/w:" + kernels::block_info(format).name +
                           "/m:" + std::to_string(m) + "/n:" + std::to_string(layer.n) +
                           "/k:" + std::to_string(layer.k);
  benchmark::RegisterBenchmark(name.c_str(), run, std::cref(table), format, m, layer.n, layer.k)
      ->UseManualTime()
      ->Iterations(bench::windows(m > 64 ? 10 : 40));
}

// The best variant of a8 on every layer, all others on one.
const bool kRegistered = [] {
  constexpr Layer kLayers[] = {{576, 576},   {1536, 576},  {576, 1536},  {49152, 576}, {2048, 2048},
                               {5632, 2048}, {2048, 5632}, {4096, 4096}, {11008, 4096}};
  for (BlockActivation activation : {BlockActivation::a8, BlockActivation::a16}) {
    const auto variants = kernels::gemm_block_variants(activation);
    for (const GemmBlockTable* table : variants) {
      if (!kernels::runs_at(*table, kernels::hardware_isa())) continue;
      const bool best =
          table == &variants.best(kernels::hardware_isa()) && activation == BlockActivation::a8;
      for (int f = 0; f < kernels::kBlockFormats; f++) {
        for (const Layer& layer : kLayers) {
          if (!best && (layer.n != 2048 || layer.k != 2048)) continue;
          for (long m : {1, 2, 3, 4, 8, 64, 512}) {
            if (table->isa == Isa::generic && m > 1) continue;  // seconds per call
            add(*table, static_cast<BlockFormat>(f), m, layer);
          }
        }
      }
    }
  }
  return true;
}();

}  // namespace
