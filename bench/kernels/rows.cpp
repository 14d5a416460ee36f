// SPDX-License-Identifier: Apache-2.0
// Row kernels (layer_norm, softmax, activations, sums, conversions, gathers, pooling): every
// registry line that this CPU runs, in L1, in L2 and out of cache. Counters:
//   of_copy  the share of the rate at which a plain vector copy moves the same bytes of the same
//            footprint; both are the best of interleaved windows
//   cycles   per element, of a clock measured in the same windows by a chain of dependent additions
// Absolute times are printed by Google Benchmark and mean little on a shared machine.

#include <benchmark/benchmark.h>
#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "../../kernels/activation/activation.h"
#include "../../kernels/elementwise/elementwise.h"
#include "../../kernels/embedding/embedding.h"
#include "../../kernels/norm/norm.h"
#include "../../kernels/pool/pool.h"
#include "../../kernels/softmax/softmax.h"

using namespace tern::kernels;

namespace {

using Clock = std::chrono::steady_clock;

double seconds_of(const std::function<void()>& work) {
  const Clock::time_point begin = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// n a multiple of 16.
__attribute__((target("avx512f"))) void copy_512(const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; i += 16) _mm512_store_ps(y + i, _mm512_load_ps(x + i));
}

__attribute__((target("avx2"))) void copy_256(const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; i += 8) _mm256_store_ps(y + i, _mm256_load_ps(x + i));
}

void copy_128(const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; i += 4) _mm_store_ps(y + i, _mm_load_ps(x + i));
}

void copy(const float* x, float* y, int64_t n) {
  if (hardware_isa() >= Isa::avx512) return copy_512(x, y, n);
  if (hardware_isa() >= Isa::avx2) return copy_256(x, y, n);
  return copy_128(x, y, n);
}

/// Seconds of one cycle: additions that wait for each other take one cycle each.
double seconds_per_cycle() {
  constexpr int kAdditions = 20000;
  uint64_t value = 1;
  const double seconds = seconds_of([&value] {
    for (int i = 0; i < kAdditions / 8; ++i) {
      __asm__ volatile(
          "add $1, %0\n add $1, %0\n add $1, %0\n add $1, %0\n"
          "add $1, %0\n add $1, %0\n add $1, %0\n add $1, %0\n"
          : "+r"(value));
    }
  });
  return seconds / kAdditions;
}

/// Two buffers of `n` floats, 64-byte aligned, touched.
struct Data {
  explicit Data(int64_t n) : size(n), x(aligned(n)), y(aligned(n)) {
    for (int64_t i = 0; i < n; ++i) x[i] = static_cast<float>((i * 7919) % 1009) / 168.0f - 3;
    std::fill(y, y + n, 0.0f);
  }
  ~Data() {
    _mm_free(x);
    _mm_free(y);
  }
  Data(const Data&) = delete;
  Data& operator=(const Data&) = delete;

  static float* aligned(int64_t n) {
    return static_cast<float*>(_mm_malloc(static_cast<size_t>(n) * sizeof(float), 64));
  }

  int64_t size;
  float *x, *y;
};

/// One pass of a kernel over the data; `bytes` it reads and writes per element.
struct Subject {
  std::string name;
  double bytes;
  std::function<void(Data&)> run;
};

void measure(benchmark::State& state, const Subject& subject, int64_t n) {
  Data data(n);
  const int repeats = static_cast<int>(std::max<int64_t>(1, 200000 / n));
  double kernel = 1e9, plain = 1e9, cycle = 1e9;
  for (auto _ : state) {
    plain = std::min(plain, seconds_of([&] {
                       for (int r = 0; r < repeats; ++r) {
                         copy(data.x, data.y, n);
                         benchmark::ClobberMemory();
                       }
                     }));
    cycle = std::min(cycle, seconds_per_cycle());
    const double took = seconds_of([&] {
      for (int r = 0; r < repeats; ++r) {
        subject.run(data);
        benchmark::ClobberMemory();
      }
    });
    kernel = std::min(kernel, took);
    state.SetIterationTime(took);
  }
  const double elements = static_cast<double>(n) * repeats;
  state.counters["of_copy"] = (subject.bytes / kernel) / (8 / plain);
  state.counters["cycles"] = kernel / cycle / elements;
}

constexpr int64_t kCols = 384;

void add_norm_and_softmax(std::vector<Subject>& all) {
  for (const NormTable* t : norm_variants()) {
    if (t->isa > hardware_isa()) continue;
    static const std::vector<float> weight(kCols, 1.5f), bias(kCols, 0.5f);
    all.push_back({t->name, 8, [t](Data& d) {
                     t->layer_norm({d.size / kCols, kCols, Format::f32, d.x, kCols, nullptr, 0,
                                    nullptr, 0, weight.data(), bias.data(), 1e-12f, false, d.y,
                                    nullptr, kCols});
                   }});
  }
  for (const SoftmaxTable* t : softmax_variants()) {
    if (t->isa > hardware_isa()) continue;
    all.push_back(
        {t->name, 8, [t](Data& d) {
           t->softmax({d.size / kCols, kCols, Format::f32, d.x, kCols, Format::f32, d.y, kCols});
         }});
  }
}

void add_activations(std::vector<Subject>& all) {
  constexpr struct {
    Act act;
    const char* name;
  } kActs[] = {
      {Act::gelu, "gelu"},      {Act::gelu_tanh, "gelu_tanh"}, {Act::quick_gelu, "quick_gelu"},
      {Act::relu, "relu"},      {Act::tanh, "tanh"},           {Act::silu, "silu"},
      {Act::sigmoid, "sigmoid"}};
  for (const ActivationTable* t : activation_variants()) {
    if (t->isa > hardware_isa()) continue;
    for (const auto& a : kActs) {
      all.push_back({std::string(t->name) + "/" + a.name, 8,
                     [t, act = a.act](Data& d) { t->f32(act, d.x, d.y, d.size); }});
    }
  }
}

void add_elementwise(std::vector<Subject>& all) {
  for (const ElementwiseTable* t : elementwise_variants()) {
    if (t->isa > hardware_isa()) continue;
    const std::string name = t->name;
    all.push_back({name + "/add", 12, [t](Data& d) { t->add(d.x, d.y, d.y, d.size); }});
    all.push_back({name + "/f32_to_bf16", 6,
                   [t](Data& d) { t->convert(d.x, Format::f32, d.y, Format::bf16, d.size); }});
    all.push_back({name + "/bf16_to_f32", 6,
                   [t](Data& d) { t->convert(d.x, Format::bf16, d.y, Format::f32, d.size); }});
    all.push_back({name + "/f16_to_f32", 6,
                   [t](Data& d) { t->convert(d.x, Format::f16, d.y, Format::f32, d.size); }});
  }
}

void add_gathers(std::vector<Subject>& all) {
  for (const EmbeddingTable* t : embedding_variants()) {
    if (t->isa > hardware_isa()) continue;
    all.push_back({t->name, 8, [t, ids = std::vector<int64_t>()](Data& d) mutable {
                     const int64_t rows = d.size / kCols;
                     for (int64_t i = static_cast<int64_t>(ids.size()); i < rows; ++i) {
                       ids.push_back(i * 7919 % rows);
                     }
                     const EmbeddingSource source = {d.x, Format::f32, ids.data()};
                     t->gather_sum({rows, kCols, &source, 1, d.y, kCols});
                   }});
  }
  for (const PoolTable* t : pool_variants()) {
    if (t->isa > hardware_isa()) continue;
    const std::string name = t->name;
    all.push_back({name + "/weighted_sum", 4, [t](Data& d) {
                     t->weighted_sum(d.x, kCols, nullptr, d.size / kCols, kCols, d.y);
                   }});
    all.push_back({name + "/max", 4,
                   [t](Data& d) { t->max(d.x, kCols, nullptr, d.size / kCols, kCols, d.y); }});
    all.push_back({name + "/normalize", 8, [t](Data& d) {
                     for (int64_t i = 0; i + kCols <= d.size; i += kCols) {
                       t->normalize(d.x + i, 1e-12f, d.y + i, kCols);
                     }
                   }});
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<Subject> subjects;
  add_norm_and_softmax(subjects);
  add_activations(subjects);
  add_elementwise(subjects);
  add_gathers(subjects);
  // Elements per buffer; x and y together: 24 KiB, 384 KiB, 96 MiB.
  constexpr struct {
    const char* where;
    int64_t size;
  } kPlaces[] = {{"L1", 8 * kCols}, {"L2", 128 * kCols}, {"memory", 32768 * kCols}};
  for (const Subject& subject : subjects) {
    for (const auto& place : kPlaces) {
      benchmark::RegisterBenchmark(
          (subject.name + "/" + place.where).c_str(),
          [subject, n = place.size](benchmark::State& state) { measure(state, subject, n); })
          ->UseManualTime()
          ->MinTime(0.05);
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
