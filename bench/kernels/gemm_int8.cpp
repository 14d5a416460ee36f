// SPDX-License-Identifier: Apache-2.0
// gemm_int8 on the matrices of MiniLM and BERT-base, each call with its quantisation of x, as the
// baseline has its own. Counters of README.md; beside them `product`: share of the ceiling without
// quantising, `onednn_product`: oneDNN's time without quantising / the time of the product
// alone. `cycles` are of quantize_rows. Rows with weights:memory walk through copies of the weights
// that no cache holds.
#include "../../kernels/gemm_int8/gemm_int8.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "baselines.h"
#include "measure.h"

namespace {

using namespace tern;
using kernels::Format;
using kernels::GemmInt8Table;

struct Row {
  const GemmInt8Table* table;
  long m, n, k;
  bool from_memory;

  double flop() const { return 2.0 * static_cast<double>(m * n * k); }
  std::string name() const {
    return std::string(table->name) + "/m:" + std::to_string(m) + "/n:" + std::to_string(n) +
           "/k:" + std::to_string(k) + (from_memory ? "/weights:memory" : "");
  }
};

std::vector<float> uniform(long count, unsigned seed) {
  std::mt19937 rng(seed);
  std::vector<float> v(static_cast<size_t>(count));
  for (float& f : v) f = std::uniform_real_distribution<float>(-1, 1)(rng);
  return v;
}

template <class T>
std::vector<T> bytes_of(const std::vector<float>& v, float scale, float zero) {
  std::vector<T> out(v.size());
  for (size_t i = 0; i < v.size(); i++) out[i] = static_cast<T>(std::lround(v[i] * scale + zero));
  return out;
}

/// Copies of the packed weights, 64-byte aligned, `at` which a call takes in turn.
class Weights {
 public:
  Weights(const Row& row, const std::vector<float>& w)
      : bytes_(row.table->packed_bytes(row.n, row.k)),
        copies_(row.from_memory ? (size_t{192} << 20) / bytes_ + 1 : 1),
        data_(bytes_ * copies_) {
    row.table->pack({w.data(), nullptr, Format::f32, row.k, row.n, row.k, data_.get(), 0,
                     (row.n + row.table->panel - 1) / row.table->panel});
    for (size_t i = 1; i < copies_; i++) std::memcpy(data_.get() + i * bytes_, data_.get(), bytes_);
  }

  size_t bytes() const { return bytes_; }
  const char* next() { return data_.get() + turn_++ % copies_ * bytes_; }
  /// Half the copies away from what a call has just left in L3.
  const char* far() const { return data_.get() + (turn_ + copies_ / 2) % copies_ * bytes_; }

 private:
  size_t bytes_, copies_, turn_ = 0;
  bench::Buffer data_;
};

void run(benchmark::State& state, const Row& row) {
  const GemmInt8Table& table = *row.table;
  const long m = row.m, n = row.n, k = row.k;
  const std::vector<float> x = uniform(m * k, 1), w = uniform(n * k, 2);
  const std::vector<uint8_t> x8 = bytes_of<uint8_t>(x, 100, 128);
  const std::vector<int8_t> w8 = bytes_of<int8_t>(w, 127, 0);
  const std::vector<float> scales(static_cast<size_t>(n), 1 / 127.0f);
  std::vector<float> y(static_cast<size_t>(m * n));
  Weights weights(row, w);
  const int64_t stride = static_cast<int64_t>(table.row_bytes(k));
  std::vector<uint32_t> a(static_cast<size_t>(m * stride / 4));

  const auto quantise = [&] {
    table.quantize_rows({x.data(), Format::f32, k, m, k, a.data(), stride});
  };
  const auto multiply = [&] {
    table.run({m, n, k, a.data(), stride, weights.next(), {y.data(), Format::f32, n}});
  };
  bench::Contestant whole([&] { quantise(), multiply(); });
  bench::Contestant quantiser(quantise), product(multiply);
  bench::Int8Product theirs{m, n, k, x8.data(), nullptr, 0.01f, w8.data(), scales.data(), y.data()};
  bench::Contestant onednn_product(row.from_memory ? nullptr : bench::onednn_int8_product(theirs));
  theirs.x_floats = x.data();
  bench::Contestant onednn(row.from_memory ? nullptr : bench::onednn_int8_product(theirs));
  double ceiling = 0, cycle = 1e9;
  std::vector<double> reading, running;
  for (auto _ : state) {
    ceiling = std::max(ceiling, bench::byte_multiply_add_rate(table.isa));
    cycle = std::min(cycle, bench::seconds_per_cycle());
    state.SetIterationTime(whole.window());
    quantiser.window();
    running.push_back(product.window());
    onednn.window();
    onednn_product.window();
    reading.push_back(bench::read_seconds(weights.far(), weights.bytes() / 256 * 256));
  }
  state.counters["GFLOP/s"] = row.flop() / whole.best() / 1e9;
  state.counters["GB/s"] = static_cast<double>(weights.bytes()) / whole.best() / 1e9;
  if (ceiling > 0) {
    state.counters["ceiling"] = row.flop() / whole.best() / ceiling;
    state.counters["product"] = row.flop() / product.best() / ceiling;
  }
  if (cycle > 0) state.counters["cycles"] = quantiser.best() / cycle / static_cast<double>(m * k);
  if (row.from_memory) state.counters["reading"] = bench::median(reading) / bench::median(running);
  if (onednn.present()) state.counters["onednn"] = onednn.best() / whole.best();
  if (onednn_product.present()) {
    state.counters["onednn_product"] = onednn_product.best() / product.best();
  }
}

void enumerate(const Row& row) {
  const bool generic = row.table->isa == kernels::Isa::generic;
  if (generic && row.flop() > 1e8) return;  // seconds per call
  const double calls = std::clamp(4e9 / row.flop(), 6.0, 30.0);
  benchmark::RegisterBenchmark(row.name().c_str(), [row](benchmark::State& s) { run(s, row); })
      ->UseManualTime()
      ->Iterations(bench::windows(generic ? 3 : static_cast<long>(calls)));
}

const bool kRegistered = [] {
  const long layers[][2] = {{1152, 384}, {384, 384}, {1536, 384}, {384, 1536},   // MiniLM-L6
                            {2304, 768}, {768, 768}, {3072, 768}, {768, 3072}};  // BERT-base
  for (const GemmInt8Table* table : kernels::gemm_int8_variants()) {
    if (!kernels::runs_at(*table, kernels::hardware_isa())) continue;
    for (const auto& [n, k] : layers) {
      for (const long m : {1, 4, 16, 64, 128, 512}) {
        enumerate({table, m, n, k, false});
        if (m <= 4 && n * k >= 768 * 768) enumerate({table, m, n, k, true});
      }
    }
  }
  return true;
}();

}  // namespace
