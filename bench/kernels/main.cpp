// SPDX-License-Identifier: Apache-2.0
// Runs the benchmarks that the other files of this folder register, and tells `tern bench kernels`
// (or whoever reads the JSON) about the machine: context keys beginning with "tern_".
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "baselines.h"
#include "measure.h"

namespace {

using tern::kernels::Isa;

void describe_machine() {
  using benchmark::AddCustomContext;
  AddCustomContext("tern_isa", tern::kernels::isa_name(tern::kernels::hardware_isa()));
  constexpr struct {
    const char* key;
    Isa level;
    double (*rate)(Isa);
  } kRates[] = {{"tern_fma_avx2", Isa::avx2, tern::bench::multiply_add_rate},
                {"tern_fma_avx512", Isa::avx512, tern::bench::multiply_add_rate},
                {"tern_dot_bf16", Isa::avx512_bf16, tern::bench::multiply_add_rate},
                {"tern_dot_int8", Isa::avx512_vnni, tern::bench::byte_multiply_add_rate}};
  for (const auto& [key, level, rate] : kRates) {
    if (static_cast<int>(level) > static_cast<int>(tern::kernels::hardware_isa())) continue;
    double best = 0;
    for (int i = 0; i < 20; ++i) best = std::max(best, rate(level));
    AddCustomContext(key, std::to_string(best / 1e9));  // GFLOP/s
  }
  AddCustomContext("tern_onednn", tern::bench::onednn_version());
  AddCustomContext("tern_eigen", tern::bench::eigen_version());
}

}  // namespace

namespace tern::bench {

long windows(long usual) {
  constexpr long kQuick = 6;
  return std::getenv("TERN_BENCH_QUICK") ? std::min(usual, kQuick) : usual;
}

}  // namespace tern::bench

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);  // a reader shows each line when it is there
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  describe_machine();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
