// SPDX-License-Identifier: Apache-2.0
// Every gemm variant this CPU can run on the matrices of MiniLM, BERT-base and ViT-B, Llama 135M,
// 1B and 7B; README.md tells the counters, and `floor` is the larger of ceiling and reading. Rows
// with weights:memory walk through copies of the weights that no cache holds, as a decoder does;
// weights:huge the same in huge pages. gate:1 has the epilogue of a gated feed-forward.
#include "../../kernels/gemm/gemm.h"

#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "baselines.h"
#include "measure.h"

namespace {

using namespace tern;
using kernels::Format;
using kernels::GemmTable;

// Page-aligned, filled with uniform values in [-1, 1] of the format; not initialised without one.
class Matrix {
 public:
  explicit Matrix(size_t bytes, bool huge = false) : bytes_(bytes + kHuge) {
    void* p = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) std::abort();
    mapped_ = static_cast<char*>(p);
    madvise(mapped_, bytes_, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    data_ = mapped_ + (kHuge - reinterpret_cast<uintptr_t>(mapped_) % kHuge);
  }
  Matrix(size_t count, Format format, uint64_t seed) : Matrix(count * 4) {
    for (size_t i = 0; i < count; i++) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      const float value = static_cast<float>(static_cast<int64_t>(seed) >> 40) * 0x1p-23f;
      uint32_t bits;
      memcpy(&bits, &value, sizeof bits);
      const uint16_t bf16 = static_cast<uint16_t>(bits >> 16);
      // Sign, exponent below 15 and mantissa: in (-1, 1), which serves as well.
      const uint16_t f16 = static_cast<uint16_t>((seed >> 48 & 0x83ff) | 0x3800);
      if (format == Format::f32) memcpy(data_ + 4 * i, &bits, 4);
      if (format != Format::f32) memcpy(data_ + 2 * i, format == Format::bf16 ? &bf16 : &f16, 2);
    }
  }
  ~Matrix() { munmap(mapped_, bytes_); }
  Matrix(const Matrix&) = delete;
  Matrix& operator=(const Matrix&) = delete;
  char* get() const { return data_; }

 private:
  static constexpr size_t kHuge = 2 << 20;
  size_t bytes_;
  char *mapped_, *data_;
};

enum class Weights { cached, memory, huge };

struct Row {
  const GemmTable* table;
  long m, n, k;
  Weights weights;
  bool gate;

  double flop() const { return 2.0 * static_cast<double>(m * n * k); }
  std::string name() const {
    const char* ends[] = {"", "/weights:memory", "/weights:huge"};
    return std::string(table->name) + "/m:" + std::to_string(m) + "/n:" + std::to_string(n) +
           "/k:" + std::to_string(k) + (gate ? "/gate:1" : "") + ends[static_cast<int>(weights)];
  }
};

void run(benchmark::State& state, const Row& row) {
  const GemmTable& table = *row.table;
  const long m = row.m, n = row.n, k = row.k;
  const size_t packed = (table.packed_bytes(n, k) + 255) / 256 * 256;
  const size_t copies = row.weights == Weights::cached ? 1 : (size_t{192} << 20) / packed + 1;
  const Matrix x(static_cast<size_t>(m * k), table.a_format, 1);
  const Matrix w(static_cast<size_t>(n * k), table.b_format, 2);
  const Matrix y(static_cast<size_t>(m * n) * 4);
  const Matrix b(packed * copies, row.weights == Weights::huge);
  for (size_t i = 0; i < copies; i++) {
    table.pack({w.get(), nullptr, table.b_format, k, n, k, b.get() + i * packed, 0,
                (n + table.panel - 1) / table.panel});
  }
  size_t at = 0;
  const auto next = [&] { return b.get() + (at++ % copies) * packed; };
  kernels::Epilogue out{y.get(), Format::f32, row.gate ? n / 2 : n};
  if (row.gate) out.gate = true, out.act = kernels::Act::silu;
  const bench::Product product{
      m, n, k, table.a_format, x.get(), w.get(), reinterpret_cast<float*>(y.get())};
  const bool compare = row.weights == Weights::cached && table.a_format == table.b_format;
  bench::Contestant kernel([&] { table.run({m, n, k, x.get(), k, next(), out}); });
  bench::Contestant onednn(compare ? bench::onednn_product(product) : nullptr);
  bench::Contestant eigen(compare && m <= 128 ? bench::eigen_product(product) : nullptr);
  bench::Contestant read([&] { benchmark::DoNotOptimize(bench::read_seconds(next(), packed)); });
  double ceiling = 0;
  std::vector<double> running, reads;
  for (auto _ : state) {
    running.push_back(kernel.window());
    state.SetIterationTime(running.back());
    ceiling = std::max(ceiling, bench::multiply_add_rate(table.isa));
    onednn.window();
    reads.push_back(read.window());
    eigen.window();
  }
  const double rate = row.flop() / kernel.best();
  const double reading = row.weights == Weights::cached
                             ? read.best() / kernel.best()
                             : bench::median(reads) / bench::median(running);
  state.counters["GFLOP/s"] = rate / 1e9;
  if (ceiling > 0) state.counters["ceiling"] = rate / ceiling;
  state.counters["reading"] = reading;
  if (ceiling > 0) state.counters["floor"] = std::max(rate / ceiling, reading);
  if (onednn.present()) state.counters["onednn"] = onednn.best() / kernel.best();
  if (eigen.present()) state.counters["eigen"] = eigen.best() / kernel.best();
}

void enumerate(const Row& row) {
  const bool generic = row.table->isa == kernels::Isa::generic;
  if (generic && row.flop() > 1e8) return;  // seconds per call
  const double calls = std::clamp(4e9 / row.flop(), 4.0, 40.0);
  benchmark::RegisterBenchmark(row.name().c_str(), [row](benchmark::State& s) { run(s, row); })
      ->UseManualTime()
      ->Iterations(bench::windows(generic ? 3 : static_cast<long>(calls)));
}

const bool kRegistered = [] {
  const long layers[][2] = {
      {1152, 384},  {384, 384},   {1536, 384},   {384, 1536},   // MiniLM-L6
      {2304, 768},  {768, 768},   {3072, 768},   {768, 3072},   // BERT-base, ViT-B
      {960, 576},   {576, 576},   {3072, 576},   {576, 1536},   // Llama 135M
      {3072, 2048}, {2048, 2048}, {16384, 2048}, {2048, 8192},  // Llama 1B
      {4096, 4096}, {4096, 11008}};                             // of Llama 7B
  const Format formats[][2] = {{Format::f32, Format::f32},
                               {Format::bf16, Format::bf16},
                               {Format::f32, Format::f16},
                               {Format::f32, Format::bf16}};
  for (const auto& [a, b] : formats) {
    for (const GemmTable* table : kernels::gemm_variants(a, b)) {
      if (!kernels::runs_at(*table, kernels::hardware_isa())) continue;
      for (const auto& [n, k] : layers) {
        for (const long m : {1, 2, 3, 4, 8, 16, 64, 128, 197, 512}) {
          enumerate({table, m, n, k, Weights::cached, false});
          if (m <= 16 && n * k >= 768 * 768) {
            enumerate({table, m, n, k, Weights::memory, false});
            enumerate({table, m, n, k, Weights::huge, false});
          }
          if (n >= 8 * k || (n == 3072 && k == 576)) {
            enumerate({table, m, n, k, Weights::cached, true});
          }
        }
      }
    }
  }
  return true;
}();

}  // namespace
