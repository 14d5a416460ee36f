// SPDX-License-Identifier: Apache-2.0
// Packing of one weight from memory by every gemm variant, from each format; k:4095 has rows of any
// alignment. "copying" compares with memcpy in the same windows: to:touched with one of as many
// bytes read and written, to:fresh, where both write pages that do not exist yet, as loading does,
// with one that writes as many. Medians, as copies in L3 are luck.
#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <cstring>
#include <string>

#include "../../kernels/gemm/gemm.h"
#include "measure.h"

namespace {

using namespace tern;
using kernels::Format;
using kernels::GemmTable;

struct Row {
  const GemmTable* table;
  Format from;
  long n, k;
  bool fresh;

  std::string name() const {
    const char* formats[] = {"f32", "bf16", "f16"};
    return std::string(table->name) + "/pack:" + formats[static_cast<int>(from)] +
           "/n:" + std::to_string(n) + "/k:" + std::to_string(k) +
           (fresh ? "/to:fresh" : "/to:touched");
  }
};

/// Small pages, filled with a pattern.
class Pages {
 public:
  explicit Pages(size_t bytes) : bytes_(bytes) {
    void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) std::abort();
    data_ = static_cast<char*>(p);
    madvise(data_, bytes, MADV_NOHUGEPAGE);
    memset(data_, 0x3c, bytes);
  }
  ~Pages() { munmap(data_, bytes_); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  char* get() const { return data_; }
  void drop() const { madvise(data_, bytes_, MADV_DONTNEED); }

 private:
  size_t bytes_;
  char* data_;
};

void run(benchmark::State& state, const Row& row) {
  const GemmTable& table = *row.table;
  const size_t weights = static_cast<size_t>(row.n * row.k);
  const size_t read = weights * (row.from == Format::f32 ? 4 : 2);
  const size_t written = table.packed_bytes(row.n, row.k);
  const Pages w(std::max(read, written)), out(written);
  const kernels::GemmPack pack{w.get(),   nullptr, row.from,
                               row.k,     row.n,   row.k,
                               out.get(), 0,       (row.n + table.panel - 1) / table.panel};
  bench::Contestant kernel([&] {
    if (row.fresh) out.drop();
    table.pack(pack);
  });
  bench::Contestant copy([&] {
    if (row.fresh) out.drop();
    memcpy(out.get(), w.get(), written);
  });
  std::vector<double> packing, copying;
  for (auto _ : state) {
    packing.push_back(kernel.window());
    state.SetIterationTime(packing.back());
    copying.push_back(copy.window());
  }
  const double moved = static_cast<double>(read + written), seconds = bench::median(packing);
  const double scale = row.fresh ? 1 : moved / (2 * static_cast<double>(written));
  state.counters["GB/s"] = moved / seconds / 1e9;
  state.counters["copying"] = scale * bench::median(copying) / seconds;
}

const bool kRegistered = [] {
  const Format formats[][2] = {{Format::f32, Format::f32},
                               {Format::bf16, Format::bf16},
                               {Format::f32, Format::f16},
                               {Format::f32, Format::bf16}};
  for (const auto& [a, b] : formats) {
    for (const GemmTable* table : kernels::gemm_variants(a, b)) {
      if (!kernels::runs_at(*table, kernels::hardware_isa())) continue;
      const bool generic = table->isa == kernels::Isa::generic;
      for (const Format from : {Format::f32, Format::bf16, Format::f16}) {
        for (const long k : {4096, 4095}) {
          for (const bool fresh : {false, true}) {
            const Row row{table, from, 4096, k, fresh};
            const auto call = [row](benchmark::State& s) { run(s, row); };
            benchmark::RegisterBenchmark(row.name().c_str(), call)
                ->UseManualTime()
                ->Iterations(bench::windows(generic ? 3 : 11));
          }
        }
      }
    }
  }
  return true;
}();

}  // namespace
