// SPDX-License-Identifier: Apache-2.0
// Every gemm variant this CPU can run on the matrices of MiniLM-L6 and BERT-base. Counters:
//   GFLOP/s   best window of this kernel
//   ceiling   that, as a fraction of the multiply-add rate of the variant's level
//   reading   time to only read the packed weights / time of the kernel: the limit when m is small
//   onednn, eigen   their time / this time: above 1 this kernel is faster
// Kernel, ceilings and baselines take turns in short windows and the best of each counts, so that
// a busy machine disturbs all alike.
#include "../../kernels/gemm/gemm.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "baselines.h"
#include "ceilings.h"

namespace {

using namespace tern;
using kernels::Format;
using kernels::GemmTable;

// 64-byte aligned, filled with uniform values in [-1, 1] of the format.
class Matrix {
 public:
  Matrix(size_t bytes, Format format, unsigned seed)
      : bytes_(static_cast<char*>(std::aligned_alloc(64, (bytes + 255) / 256 * 256)), std::free) {
    std::mt19937 rng(seed);
    std::uniform_real_distribution<float> uniform(-1, 1);
    const size_t element = format == Format::f32 ? 4 : 2;
    for (size_t i = 0; i + element <= bytes; i += element) {
      const uint32_t bits = std::bit_cast<uint32_t>(uniform(rng));
      if (format == Format::f32) *reinterpret_cast<uint32_t*>(bytes_.get() + i) = bits;
      if (format != Format::f32) {
        *reinterpret_cast<uint16_t*>(bytes_.get() + i) = static_cast<uint16_t>(bits >> 16);
      }
    }
  }
  char* get() const { return bytes_.get(); }

 private:
  std::unique_ptr<char, void (*)(void*)> bytes_;
};

// The best time of one call, taken in windows of at least 100 µs.
class Contestant {
 public:
  explicit Contestant(std::function<void()> call) : call_(std::move(call)) {
    if (!call_) return;
    while (repeats_ < 1 << 16 && window() * static_cast<double>(repeats_) < 1e-4) repeats_ *= 2;
  }
  double window() {
    if (!call_) return 0;
    const double start = bench::thread_seconds();
    for (long i = 0; i < repeats_; i++) call_();
    const double once = (bench::thread_seconds() - start) / static_cast<double>(repeats_);
    best_ = std::min(best_, once);
    return once;
  }
  bool present() const { return static_cast<bool>(call_); }
  double best() const { return best_; }

 private:
  std::function<void()> call_;
  long repeats_ = 1;
  double best_ = 1e9;
};

void run(benchmark::State& state, const GemmTable& table, long m, long n, long k) {
  const size_t element = table.a_format == Format::f32 ? 4 : 2;
  const size_t packed = table.packed_bytes(n, k) / 256 * 256;
  const Matrix x(static_cast<size_t>(m * k) * element, table.a_format, 1);
  const Matrix w(static_cast<size_t>(n * k) * element, table.a_format, 2);
  const Matrix b(table.packed_bytes(n, k), Format::f32, 3);
  const Matrix y(static_cast<size_t>(m * n) * 4, Format::f32, 4);
  table.pack({w.get(), nullptr, table.b_format, k, n, k, b.get(), 0, (n + table.panel - 1) / table.panel});
  const kernels::GemmArgs args{m, n, k, x.get(), k, b.get(), {y.get(), Format::f32, n}};
  const bench::Product product{
      m, n, k, table.a_format, x.get(), w.get(), reinterpret_cast<float*>(y.get())};
  Contestant kernel([&] { table.run(args); });
  Contestant onednn(bench::onednn_product(product)), eigen(bench::eigen_product(product));
  double ceiling = 0, reading = 1e9;
  for (auto _ : state) {
    state.SetIterationTime(kernel.window());
    ceiling = std::max(ceiling, bench::multiply_add_rate(table.isa));
    onednn.window();
    reading = std::min(reading, bench::read_seconds(b.get(), packed));
    eigen.window();
  }
  const double rate = 2.0 * static_cast<double>(m * n * k) / kernel.best();
  state.counters["GFLOP/s"] = rate / 1e9;
  if (ceiling > 0) state.counters["ceiling"] = rate / ceiling;
  if (reading > 0) state.counters["reading"] = reading / kernel.best();
  if (onednn.present()) state.counters["onednn"] = onednn.best() / kernel.best();
  if (eigen.present()) state.counters["eigen"] = eigen.best() / kernel.best();
}

const bool kRegistered = [] {
  const long layers[][2] = {{1152, 384}, {384, 384}, {1536, 384}, {384, 1536},
                            {2304, 768}, {768, 768}, {3072, 768}, {768, 3072}};
  for (Format format : {Format::f32, Format::bf16}) {
    for (const GemmTable* table : kernels::gemm_variants(format, format)) {
      if (static_cast<int>(table->isa) > static_cast<int>(kernels::hardware_isa())) continue;
      for (const auto& [n, k] : layers) {
        for (long m : {1, 16, 64, 128, 512}) {
          if (table->isa == kernels::Isa::generic && m > 16) continue;  // seconds per call
          const std::string name = std::string(table->name) + "/m:" + std::to_string(m) +
                                   "/n:" + std::to_string(n) + "/k:" + std::to_string(k);
          benchmark::RegisterBenchmark(name.c_str(), run, std::cref(*table), m, n, k)
              ->UseManualTime()
              ->Iterations(table->isa == kernels::Isa::generic ? 3 : 40);
        }
      }
    }
  }
  return true;
}();

}  // namespace
