// SPDX-License-Identifier: Apache-2.0
// Every attention variant this CPU can run, on one sequence of a fused q·k·v tensor
// [tokens, 3, heads, head_dim]: all heads of a sentence, one head of a long text, cut into calls of
// query_block queries. Counters:
//   GFLOP/s   best window; 4 · tokens² · head_dim per head, the softmax not counted
//   ceiling   that, as a fraction of the multiply-add rate of the variant's level
// Kernel and ceiling take turns in short windows of CPU time, so that a busy machine disturbs both.
#include "../../kernels/attention/attention.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "ceilings.h"

namespace {

using namespace tern;
using kernels::AttentionArgs;
using kernels::AttentionTable;
using kernels::Format;

constexpr int64_t kHeads = 12;

using Memory = std::unique_ptr<char, void (*)(void*)>;

Memory allocate(size_t bytes) {
  return {static_cast<char*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64 + 64)), std::free};
}

int64_t element_bytes(Format format) {
  return format == Format::f32 ? 4 : 2;
}

/// Uniform in [-1, 1].
Memory random_elements(int64_t count, Format format) {
  Memory memory = allocate(static_cast<size_t>(count * element_bytes(format)));
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (int64_t i = 0; i < count; ++i) {
    const auto bits = std::bit_cast<uint32_t>(uniform(random));
    if (format == Format::f32) {
      reinterpret_cast<uint32_t*>(memory.get())[i] = bits;
    } else {
      reinterpret_cast<uint16_t*>(memory.get())[i] = static_cast<uint16_t>(bits >> 16);
    }
  }
  return memory;
}

struct Shape {
  int64_t tokens, head_dim;
};

class Sequence {
 public:
  Sequence(const AttentionTable& table, Shape shape)
      : table_(table),
        shape_(shape),
        qkv_(random_elements(shape.tokens * 3 * kHeads * shape.head_dim, table.format)),
        out_(random_elements(shape.tokens * kHeads * shape.head_dim, table.format)),
        scratch_(allocate(table.scratch_bytes(shape.head_dim))) {}

  int64_t heads() const { return shape_.tokens > 128 ? 1 : kHeads; }

  void run() const {
    for (int64_t head = 0; head < heads(); ++head) {
      for (int64_t row = 0; row < shape_.tokens; row += table_.row_block) run_block(head, row);
    }
  }

 private:
  void run_block(int64_t head, int64_t row) const {
    const int64_t d = shape_.head_dim, width = kHeads * d, bytes = element_bytes(table_.format);
    const char* const head_begin = qkv_.get() + head * d * bytes;
    table_.run({.queries = std::min<int64_t>(table_.row_block, shape_.tokens - row),
                .keys = shape_.tokens,
                .head_dim = d,
                .q = head_begin + row * 3 * width * bytes,
                .k = head_begin + width * bytes,
                .v = head_begin + 2 * width * bytes,
                .q_stride = 3 * width,
                .k_stride = 3 * width,
                .v_stride = 3 * width,
                .out = out_.get() + (row * width + head * d) * bytes,
                .out_stride = width,
                .scale = 1 / std::sqrt(static_cast<float>(d)),
                .scratch = scratch_.get()});
  }

  const AttentionTable& table_;
  Shape shape_;
  Memory qkv_, out_, scratch_;
};

void attention(benchmark::State& state, const AttentionTable& table, Shape shape) {
  const Sequence sequence(table, shape);
  const auto seconds = [&](int repeats) {
    const double start = bench::thread_seconds();
    for (int i = 0; i < repeats; ++i) sequence.run();
    return (bench::thread_seconds() - start) / repeats;
  };
  int repeats = 1;
  while (repeats < 1 << 16 && seconds(repeats) * repeats < 2e-4) repeats *= 2;
  double best = 1e9, ceiling = 0;
  for (auto _ : state) {
    const double once = seconds(repeats);
    state.SetIterationTime(once);
    best = std::min(best, once);
    ceiling = std::max(ceiling, bench::multiply_add_rate(table.isa));
  }
  const auto products = static_cast<double>(sequence.heads() * shape.tokens * shape.tokens);
  const double rate = 4 * products * static_cast<double>(shape.head_dim) / best;
  state.counters["GFLOP/s"] = rate / 1e9;
  if (ceiling > 0) state.counters["ceiling"] = rate / ceiling;
}

void add_all(const AttentionTable& table) {
  const bool slow = table.isa == kernels::Isa::generic;
  for (int64_t head_dim : {32, 64, 128}) {
    for (int64_t tokens : {16, 32, 64, 128, 512, 2048}) {
      if (slow && tokens > 64) continue;  // seconds per call
      const std::string name = std::string(table.name) + "/tokens:" + std::to_string(tokens) +
                               "/head_dim:" + std::to_string(head_dim);
      benchmark::RegisterBenchmark(name.c_str(), attention, std::cref(table),
                                   Shape{tokens, head_dim})
          ->UseManualTime()
          ->Iterations(slow           ? 3
                       : tokens > 512 ? 12
                                      : 40);
    }
  }
}

const bool kRegistered = [] {
  for (Format format : {Format::f32, Format::bf16}) {
    for (const AttentionTable* table : kernels::attention_variants(format, format)) {
      if (static_cast<int>(table->isa) <= static_cast<int>(kernels::hardware_isa())) {
        add_all(*table);
      }
    }
  }
  return true;
}();

}  // namespace
