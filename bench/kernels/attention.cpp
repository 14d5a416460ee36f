// SPDX-License-Identifier: Apache-2.0
// Every attention variant this CPU can run, in two kinds of rows.
//
// tokens:N   prefill of one sequence in a fused q·k·v tensor [tokens, 3, heads, head_dim]: all
// heads
//            up to 128 tokens, one head above; causal:1 counts visible products only.
// keys:N     decode: one query of each head against a cache [kv_heads, keys, head_dim] larger than
//            the L3 cache; group:N query heads share a key-value head.
//
// Counters: README.md. eigen (f32 without a mask) is attention composed of Eigen's product, our
// softmax, and Eigen's product.
#include "../../kernels/attention/attention.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <random>
#include <string>

#include "../../kernels/softmax/softmax.h"
#include "baselines.h"
#include "measure.h"

namespace {

using namespace tern;
using bench::Buffer;
using kernels::AttentionArgs;
using kernels::AttentionTable;
using kernels::Format;
using kernels::KvFormat;

constexpr int64_t kHeads = 12;

int64_t element_bytes(Format format) {
  return format == Format::f32 ? 4 : 2;
}

/// Uniform in [-1, 1].
Buffer random_elements(int64_t count, Format format) {
  Buffer memory(static_cast<size_t>(count * element_bytes(format)));
  std::minstd_rand random(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (int64_t i = 0; i < count; ++i) {
    const auto bits = std::bit_cast<uint32_t>(uniform(random));
    if (format == Format::f32) {
      memory.as<uint32_t>()[i] = bits;
    } else {
      memory.as<uint16_t>()[i] = static_cast<uint16_t>(bits >> 16);
    }
  }
  return memory;
}

/// Rows of keys or values, one behind the other.
Buffer random_rows(int64_t rows, int64_t head_dim, KvFormat format) {
  if (format != KvFormat::int8)
    return random_elements(rows * head_dim, format == KvFormat::f32 ? Format::f32 : Format::bf16);
  const int64_t width = kernels::kv_row_bytes(format, head_dim);
  Buffer memory(static_cast<size_t>(rows * width));
  std::minstd_rand random(1);
  const float scale = 1.0f / 127;
  for (int64_t j = 0; j < rows; ++j) {
    char* const row = memory.as<char>() + j * width;
    for (int64_t d = 0; d < head_dim; ++d) row[d] = static_cast<char>(random() % 255 - 127);
    std::memcpy(row + head_dim, &scale, sizeof scale);
  }
  return memory;
}

float scale_of(int64_t head_dim) {
  return 1 / std::sqrt(static_cast<float>(head_dim));
}

// ---- prefill ----

struct Shape {
  int64_t tokens, head_dim;
  bool causal;
};

class Sequence {
 public:
  Sequence(const AttentionTable& table, Shape shape)
      : table_(table),
        shape_(shape),
        qkv_(random_elements(shape.tokens * 3 * kHeads * shape.head_dim, table.format)),
        out_(random_elements(shape.tokens * kHeads * shape.head_dim, table.format)),
        scratch_(table.scratch_bytes(shape.head_dim)) {}

  int64_t heads() const { return shape_.tokens > 128 ? 1 : kHeads; }

  /// Multiplications and additions of what is visible.
  double work() const {
    const auto n = static_cast<double>(shape_.tokens), d = static_cast<double>(shape_.head_dim);
    return 4 * static_cast<double>(heads()) * d * (shape_.causal ? n * (n + 1) / 2 : n * n);
  }

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
                .scale = scale_of(d),
                .position = row,
                .after = shape_.causal ? 0 : kernels::kAllKeys,
                .scratch = scratch_.get()});
  }

  const AttentionTable& table_;
  Shape shape_;
  Buffer qkv_, out_, scratch_;
};

/// All heads by Eigen's products, for f32 and without a mask: q·kᵀ, then our softmax in place, then
/// s·(vᵀ)ᵀ. Operands are dense, k and v each as its product wants them.
class Composition {
 public:
  Composition(Shape shape, int64_t heads)
      : heads_(heads),
        scores_(random_elements(shape.tokens * shape.tokens, Format::f32)),
        qkv_(random_elements(3 * shape.tokens * shape.head_dim, Format::f32)),
        out_(random_elements(shape.tokens * shape.head_dim, Format::f32)) {
    const int64_t n = shape.tokens, d = shape.head_dim;
    float* const q = qkv_.as<float>();
    float* const s = scores_.as<float>();
    scores_of_ = bench::eigen_product({n, n, d, Format::f32, q, q + n * d, s});
    output_of_ = bench::eigen_product({n, d, n, Format::f32, s, q + 2 * n * d, out_.as<float>()});
    const auto& table = kernels::softmax_variants().best(kernels::isa());
    softmax_ = [s, n, &table] {
      table.softmax({.rows = n,
                     .cols = n,
                     .x_format = Format::f32,
                     .x = s,
                     .x_stride = n,
                     .y_format = Format::f32,
                     .y = s,
                     .y_stride = n});
    };
  }

  std::function<void()> call() {
    if (!scores_of_) return {};
    return [this] {
      for (int64_t h = 0; h < heads_; ++h) {
        scores_of_();
        softmax_();
        output_of_();
      }
    };
  }

 private:
  int64_t heads_;
  Buffer scores_, qkv_, out_;
  std::function<void()> scores_of_, softmax_, output_of_;
};

void prefill(benchmark::State& state, const AttentionTable& table, Shape shape) {
  const Sequence sequence(table, shape);
  bench::Contestant kernel([&] { sequence.run(); });
  const bool compare = table.format == Format::f32 && !shape.causal;
  Composition composition(compare ? shape : Shape{1, 1, false}, sequence.heads());
  bench::Contestant eigen(compare ? composition.call() : std::function<void()>());
  double ceiling = 0;
  for (auto _ : state) {
    state.SetIterationTime(kernel.window());
    eigen.window();
    ceiling = std::max(ceiling, bench::multiply_add_rate(table.isa));
  }
  const double rate = sequence.work() / kernel.best();
  state.counters["GFLOP/s"] = rate / 1e9;
  if (ceiling > 0) state.counters["ceiling"] = rate / ceiling;
  if (eigen.present()) state.counters["eigen"] = eigen.best() / kernel.best();
}

// ---- decode ----

struct CacheShape {
  int64_t keys, head_dim, kv_heads, group;
};

void decode(benchmark::State& state, const AttentionTable& table, CacheShape shape) {
  const int64_t keys = shape.keys, d = shape.head_dim;
  const int64_t kv_heads = shape.kv_heads, group = shape.group;
  const int64_t width = kernels::kv_row_bytes(table.kv_format, d), rows = kv_heads * group;
  const int64_t stride = table.kv_format == KvFormat::int8 ? width : d;
  const Buffer k = random_rows(kv_heads * keys, d, table.kv_format);
  const Buffer v = random_rows(kv_heads * keys, d, table.kv_format);
  const Buffer q = random_elements(rows * d, table.format),
               out = random_elements(rows * d, table.format);
  const Buffer scratch(table.scratch_bytes(d));
  const int64_t head_bytes = keys * width, row_bytes = group * d * element_bytes(table.format);
  bench::Contestant kernel([&] {
    for (int64_t h = 0; h < kv_heads; ++h) {
      table.run({.queries = 1,
                 .keys = keys,
                 .head_dim = d,
                 .heads = group,
                 .q = q.get() + h * row_bytes,
                 .k = k.get() + h * head_bytes,
                 .v = v.get() + h * head_bytes,
                 .q_stride = 0,
                 .k_stride = stride,
                 .v_stride = stride,
                 .q_head_stride = d,
                 .out = out.get() + h * row_bytes,
                 .out_stride = 0,
                 .out_head_stride = d,
                 .scale = scale_of(d),
                 .position = keys - 1,
                 .after = 0,
                 .scratch = scratch.get()});
    }
  });
  const auto all = static_cast<size_t>(kv_heads * head_bytes);
  double reading = 1e9;
  for (auto _ : state) {
    state.SetIterationTime(kernel.window());
    reading =
        std::min(reading, bench::read_seconds(k.get(), all) + bench::read_seconds(v.get(), all));
  }
  state.counters["GB/s"] = 2 * static_cast<double>(all) / kernel.best() / 1e9;
  if (reading > 0) state.counters["reading"] = reading / kernel.best();
}

// ---- shapes ----

void add_prefill(const AttentionTable& table, Shape shape) {
  const std::string name = std::string(table.name) + "/tokens:" + std::to_string(shape.tokens) +
                           "/head_dim:" + std::to_string(shape.head_dim) +
                           (shape.causal ? "/causal:1" : "");
  const bool slow = table.isa == kernels::Isa::generic;
  benchmark::RegisterBenchmark(name.c_str(), prefill, std::cref(table), shape)
      ->UseManualTime()
      ->Iterations(bench::windows(slow                 ? 3
                                  : shape.tokens > 512 ? 12
                                                       : 40));
}

void add_decode(const AttentionTable& table, CacheShape shape) {
  const std::string name = std::string(table.name) + "/keys:" + std::to_string(shape.keys) +
                           "/head_dim:" + std::to_string(shape.head_dim) +
                           "/group:" + std::to_string(shape.group);
  benchmark::RegisterBenchmark(name.c_str(), decode, std::cref(table), shape)
      ->UseManualTime()
      ->Iterations(bench::windows(12));
}

void add_all(const AttentionTable& table) {
  const bool slow = table.isa == kernels::Isa::generic;  // seconds per call
  for (int64_t head_dim : {32, 64, 128}) {
    // Mixed pairs are for decode.
    if (static_cast<int>(table.format) != static_cast<int>(table.kv_format)) continue;
    for (int64_t tokens : {16, 32, 64, 128, 512, 2048, 4096}) {
      if (slow && tokens > 64) continue;
      add_prefill(table, {tokens, head_dim, false});
      if (tokens >= 512 && head_dim > 32) add_prefill(table, {tokens, head_dim, true});
    }
  }
  if (slow) return;
  for (int64_t head_dim : {64, 128}) {
    for (int64_t group : {1, 4, 8}) {
      // 64 MiB of keys and as much of values.
      const int64_t keys = (int64_t{8} << 20) / kernels::kv_row_bytes(table.kv_format, head_dim);
      add_decode(table, {keys, head_dim, 8, group});
    }
  }
}

const bool kRegistered = [] {
  const std::pair<Format, KvFormat> pairs[] = {{Format::f32, KvFormat::f32},
                                               {Format::bf16, KvFormat::bf16},
                                               {Format::f32, KvFormat::bf16},
                                               {Format::f32, KvFormat::int8},
                                               {Format::bf16, KvFormat::int8}};
  for (const auto& [format, kv_format] : pairs) {
    for (const AttentionTable* table : kernels::attention_variants(format, kv_format)) {
      if (kernels::runs_at(*table, kernels::hardware_isa())) add_all(*table);
    }
  }
  return true;
}();

}  // namespace
