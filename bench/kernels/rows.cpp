// SPDX-License-Identifier: Apache-2.0
// Row kernels: every registry line that this CPU runs, on the widths of BERT-base (768), MiniLM
// (384), Llama 135M/1B/7B (576, 2048, 4096), vocabularies and wav2vec2's group norm (512 channels);
// x and y together in L1 (24 KiB), L2 (384 KiB), L3 (8 MiB) and memory (96 MiB). "copying" compares
// with a plain copy of the same buffers in the same windows, scaled to the bytes of the op; it may
// pass 1 where an op writes less than it reads.
#include <benchmark/benchmark.h>

#include <bit>
#include <memory>
#include <string>
#include <vector>

#include "../../kernels/activation/activation.h"
#include "../../kernels/elementwise/elementwise.h"
#include "../../kernels/embedding/embedding.h"
#include "../../kernels/norm/norm.h"
#include "../../kernels/pool/pool.h"
#include "../../kernels/rope/rope.h"
#include "../../kernels/softmax/softmax.h"
#include "../../kernels/topk/topk.h"
#include "measure.h"
#include "rows_baseline.h"

namespace {

using namespace tern::kernels;
using tern::bench::Contestant;
using tern::bench::RowOp;

/// Buffers of n floats, touched. y lies half a page from where x lies in its page: at nearly the
/// same place, loads of x would wait for stores to y that the CPU takes for the same address.
struct Data {
  explicit Data(int64_t n)
      : x_(static_cast<size_t>(n) * 4), y_(static_cast<size_t>(n) * 4 + kPage), x(x_.as<float>()) {
    const auto place = [](const void* p) { return reinterpret_cast<uintptr_t>(p) % kPage; };
    y = y_.as<float>() + (place(x) + kPage + kPage / 2 - place(y_.get())) % kPage / sizeof(float);
    for (int64_t i = 0; i < n; ++i) {
      const float v = static_cast<float>((i * 7919) % 1009) / 168.0f - 3;
      const uint32_t half = std::bit_cast<uint32_t>(v) >> 16;
      x[i] = std::bit_cast<float>(half << 16 | half);  // about v, and two bf16 of it
      y[i] = 0;
    }
  }

 private:
  static constexpr uintptr_t kPage = 4096;
  tern::bench::Buffer x_, y_;

 public:
  float *x, *y;
};

/// What a kernel gets to work on.
struct Block {
  int64_t rows, cols;
  float *x, *y;

  int64_t size() const { return rows * cols; }
  uint16_t* x16() const { return reinterpret_cast<uint16_t*>(x); }
  uint16_t* y16() const { return reinterpret_cast<uint16_t*>(y); }
};

struct Subject {
  std::string name;
  Isa isa;
  int64_t cols;
  double read, written;  // bytes per element
  RowOp same;            // what the baselines are to do
  std::function<void(const Block&)> run;
  int64_t taken = 1;  // floats of x's buffer for an element
};

void measure(benchmark::State& state, const Subject& subject, int64_t size) {
  const Data data(size);
  const Block block = {size / subject.cols, subject.cols, data.x, data.y};
  const size_t bytes = static_cast<size_t>(block.size()) * 4 / 256 * 256;
  const tern::bench::RowWork work = {subject.same, block.rows, block.cols, block.x, block.y};
  Contestant kernel([&] { subject.run(block); });
  Contestant onednn(tern::bench::onednn_rows(work)), eigen(tern::bench::eigen_rows(work));
  Contestant copy([&] { tern::bench::plain_copy(block.x, block.y, bytes); });
  const bool only_reads = subject.written <= 0;
  double cycle = 1e9, reading = 1e9;
  for (auto _ : state) {
    state.SetIterationTime(kernel.window());
    cycle = std::min(cycle, tern::bench::seconds_per_cycle());
    if (only_reads) reading = std::min(reading, tern::bench::read_seconds(block.x, bytes));
    if (!only_reads) copy.window();
    onednn.window();
    eigen.window();
  }
  const double elements = static_cast<double>(block.size() / subject.taken);
  const double moved = elements * (subject.read + subject.written);
  const double scale = moved / static_cast<double>(bytes) / kernel.best();
  state.counters["GB/s"] = moved / kernel.best() / 1e9;
  if (cycle > 0) state.counters["cycles"] = kernel.best() / cycle / elements;
  // Timing a reading that short would measure the clock.
  if (only_reads && size > 49152) state.counters["reading"] = reading * scale;
  if (!only_reads) state.counters["copying"] = copy.best() * scale / 2;
  if (onednn.present()) state.counters["onednn"] = onednn.best() / kernel.best();
  if (eigen.present()) state.counters["eigen"] = eigen.best() / kernel.best();
}

using Subjects = std::vector<Subject>;

std::string label(const char* table, const char* op, int64_t cols) {
  return std::string(table) + "/op:" + op + "/cols:" + std::to_string(cols);
}

const float* constant(int64_t cols, float value) {
  static std::vector<std::unique_ptr<std::vector<float>>> kept;
  kept.push_back(std::make_unique<std::vector<float>>(static_cast<size_t>(cols), value));
  return kept.back()->data();
}

NormArgs norm_args(const Block& b, Format format, const float* weight) {
  NormArgs a{};
  a.rows = b.rows;
  a.cols = a.x_stride = a.y_stride = b.cols;
  a.format = format;
  a.x = b.x;
  a.weight = weight;
  a.eps = 1e-12f;
  if (format == Format::f32) a.y = b.y;
  if (format == Format::bf16) a.y_bf16 = b.y16();
  return a;
}

/// With as many groups as channels, as wav2vec2 has it.
class GroupNorm {
 public:
  GroupNorm(const NormTable* t, int64_t channels, const float* weight, const float* bias)
      : t_(t),
        channels_(channels),
        weight_(weight),
        bias_(bias),
        centre_(static_cast<size_t>(channels)),
        scale_(centre_) {}

  void operator()(const Block& b) {
    const int64_t blocks = (b.rows + kMomentRows - 1) / kMomentRows;
    mean_.resize(static_cast<size_t>(blocks * channels_));  // nothing but the first time
    squares_.resize(mean_.size());
    for (int64_t i = 0; i < blocks; ++i) {
      t_->channel_moments({std::min(kMomentRows, b.rows - i * kMomentRows), channels_,
                           b.x + i * kMomentRows * channels_, channels_,
                           mean_.data() + i * channels_, squares_.data() + i * channels_});
    }
    merge_moments({b.rows, channels_, channels_, mean_.data(), squares_.data(), weight_, 1e-5f,
                   centre_.data(), scale_.data()});
    t_->scale_channels(
        {b.rows, channels_, b.x, channels_, centre_.data(), scale_.data(), bias_, b.y, channels_});
  }

 private:
  const NormTable* t_;
  int64_t channels_;
  const float *weight_, *bias_;
  std::vector<double> mean_, squares_;
  std::vector<float> centre_, scale_;
};

void add_norms(Subjects& all, const NormTable* t) {
  for (int64_t cols : {384, 768}) {
    const float *weight = constant(cols, 1.5f), *bias = constant(cols, 0.5f);
    all.push_back({label(t->name, "layer_norm", cols), t->isa, cols, 4, 4, RowOp::layer_norm,
                   [=](const Block& b) {
                     NormArgs a = norm_args(b, Format::f32, weight);
                     a.bias = bias;
                     t->layer_norm(a);
                   }});
    all.push_back({label(t->name, "add_layer_norm", cols), t->isa, cols, 8, 8, RowOp::other,
                   [=](const Block& b) {  // sum and result in two halves of y, as are the operands
                     NormArgs a = norm_args({b.rows / 2, b.cols, b.x, b.y}, Format::f32, weight);
                     a.bias = bias;
                     a.residual = b.x + b.size() / 2;
                     a.sum = b.y + b.size() / 2;
                     a.residual_stride = a.sum_stride = b.cols;
                     t->layer_norm(a);
                   }});
    all.back().taken = 2;
  }
  for (int64_t cols : {576, 2048, 4096}) {
    const float* weight = constant(cols, 1.5f);
    all.push_back({label(t->name, "rms_norm", cols), t->isa, cols, 4, 4, RowOp::other,
                   [=](const Block& b) { t->rms_norm(norm_args(b, Format::f32, weight)); }});
    all.push_back({label(t->name, "rms_norm_bf16", cols), t->isa, cols, 2, 2, RowOp::other,
                   [=](const Block& b) { t->rms_norm(norm_args(b, Format::bf16, weight)); }});
  }
  const int64_t channels = 512;
  const float *weight = constant(channels, 1.5f), *bias = constant(channels, 0.5f);
  // Two readings are needed: the statistics are known only at the end.
  all.push_back({label(t->name, "group_norm", channels), t->isa, channels, 8, 4, RowOp::other,
                 GroupNorm(t, channels, weight, bias)});
}

void add_softmax(Subjects& all, const SoftmaxTable* t) {
  for (int64_t cols : {128, 512, 32000, 151936}) {
    all.push_back(
        {label(t->name, "softmax", cols), t->isa, cols, 4, 4, RowOp::softmax, [=](const Block& b) {
           t->softmax({b.rows, b.cols, Format::f32, b.x, b.cols, Format::f32, b.y, b.cols});
         }});
  }
  all.push_back(
      {label(t->name, "softmax_to_bf16", 512), t->isa, 512, 4, 2, RowOp::other,
       [=](const Block& b) {
         t->softmax({b.rows, b.cols, Format::f32, b.x, b.cols, Format::bf16, b.y, b.cols});
       }});
}

void add_activations(Subjects& all, const ActivationTable* t) {
  constexpr struct {
    Act act;
    const char* name;
    RowOp same;
  } kActs[] = {{Act::gelu, "gelu", RowOp::gelu},
               {Act::gelu_tanh, "gelu_tanh", RowOp::gelu_tanh},
               {Act::quick_gelu, "quick_gelu", RowOp::other},
               {Act::relu, "relu", RowOp::relu},
               {Act::tanh, "tanh", RowOp::tanh},
               {Act::silu, "silu", RowOp::silu},
               {Act::sigmoid, "sigmoid", RowOp::sigmoid}};
  for (const auto& a : kActs) {
    all.push_back({label(t->name, a.name, 3072), t->isa, 3072, 4, 4, a.same,
                   [t, act = a.act](const Block& b) { t->f32(act, b.x, b.y, b.size()); }});
  }
  all.push_back({label(t->name, "gelu_bf16", 3072), t->isa, 3072, 2, 2, RowOp::other,
                 [t](const Block& b) { t->bf16(Act::gelu, b.x16(), b.y16(), b.size()); }});
}

void add_elementwise(Subjects& all, const ElementwiseTable* t) {
  const auto add = [&](const char* op, double read, double written, RowOp same, auto run) {
    all.push_back({label(t->name, op, 3072), t->isa, 3072, read, written, same, run});
  };
  const auto convert = [t](Format from, Format to) {
    return [=](const Block& b) { t->convert(b.x, from, b.y, to, b.size()); };
  };
  add("add", 8, 4, RowOp::add, [t](const Block& b) { t->add(b.x, b.y, b.y, b.size()); });
  add("add_bf16", 4, 2, RowOp::other,
      [t](const Block& b) { t->add_bf16(b.x16(), b.y16(), b.y16(), b.size()); });
  add("f32_to_bf16", 4, 2, RowOp::f32_to_bf16, convert(Format::f32, Format::bf16));
  add("bf16_to_f32", 2, 4, RowOp::bf16_to_f32, convert(Format::bf16, Format::f32));
  add("f32_to_f16", 4, 2, RowOp::other, convert(Format::f32, Format::f16));
  add("f16_to_f32", 2, 4, RowOp::other, convert(Format::f16, Format::f32));
  add("f64_to_f32", 8, 4, RowOp::other, [t](const Block& b) {
    t->f64_to_f32(reinterpret_cast<const double*>(b.x), b.y, b.size() / 2);
  });
  all.back().taken = 2;
  add("u8_to_f32", 1, 4, RowOp::other,
      [t](const Block& b) { t->u8_to_f32(reinterpret_cast<const uint8_t*>(b.x), b.y, b.size()); });
}

void add_rope(Subjects& all, const RopeTable* t) {
  constexpr struct {
    const char* name;
    int64_t heads, head_dim, rotary_dim;
    bool interleaved;
  } kLayouts[] = {{"rope", 9, 64, 64, false},
                  {"rope", 32, 128, 128, false},
                  {"rope_interleaved", 16, 256, 256, true}};
  for (const auto& l : kLayouts) {
    const int64_t cols = l.heads * l.head_dim;
    const float* angles = constant(2048 * l.rotary_dim / 2, 0.7f);
    for (Format format : {Format::f32, Format::bf16}) {
      const bool wide = format == Format::f32;
      const std::string name = std::string(l.name) + (wide ? "" : "_bf16");
      all.push_back(
          {label(t->name, name.c_str(), cols), t->isa, cols, wide ? 4.0 : 2.0, wide ? 4.0 : 2.0,
           RowOp::other, [=, at = std::vector<int64_t>()](const Block& b) mutable {
             while (static_cast<int64_t>(at.size()) < b.rows) {
               at.push_back(static_cast<int64_t>(at.size()) % 2048);
             }
             t->rotate({b.rows, l.heads, l.head_dim, l.rotary_dim, l.interleaved, format, b.x, cols,
                        l.head_dim, b.y, cols, l.head_dim, angles, angles, at.data()});
           }});
    }
  }
}

void add_topk(Subjects& all, const TopkTable* t) {
  for (int64_t cols : {32000, 151936}) {
    all.push_back(
        {label(t->name, "argmax", cols), t->isa, cols, 4, 0, RowOp::other, [t](const Block& b) {
           for (int64_t i = 0; i < b.rows; ++i) {
             benchmark::DoNotOptimize(t->argmax(b.x + i * b.cols, b.cols));
           }
         }});
    for (int64_t k : {int64_t{50}, cols}) {
      const std::string op = k == cols ? "sort" : "top50";
      std::vector<int64_t> indices(static_cast<size_t>(k));
      std::vector<uint64_t> scratch(static_cast<size_t>(topk_scratch(cols, k)));
      all.push_back(
          {label(t->name, op.c_str(), cols), t->isa, cols, 4, 0, RowOp::other,
           [=](const Block& b) mutable {
             for (int64_t i = 0; i < b.rows; ++i) {
               topk(*t, {b.x + i * b.cols, b.cols, k, nullptr, indices.data(), scratch.data()});
             }
           }});
    }
  }
}

void add_gathers(Subjects& all, const EmbeddingTable* t) {
  for (int64_t cols : {384, 768, 4096}) {
    all.push_back({label(t->name, "gather", cols), t->isa, cols, 4, 4, RowOp::other,
                   [t, ids = std::vector<int64_t>()](const Block& b) mutable {
                     for (int64_t i = static_cast<int64_t>(ids.size()); i < b.rows; ++i) {
                       ids.push_back(i * 7919 % b.rows);
                     }
                     const EmbeddingSource source = {b.x, Format::f32, ids.data()};
                     t->gather_sum({b.rows, b.cols, &source, 1, b.y, b.cols});
                   }});
  }
}

void add_pooling(Subjects& all, const PoolTable* t) {
  const int64_t cols = 384;
  all.push_back(
      {label(t->name, "weighted_sum", cols), t->isa, cols, 4, 0, RowOp::other,
       [t](const Block& b) { t->weighted_sum(b.x, b.cols, nullptr, b.rows, b.cols, b.y); }});
  all.push_back({label(t->name, "max", cols), t->isa, cols, 4, 0, RowOp::other,
                 [t](const Block& b) { t->max(b.x, b.cols, nullptr, b.rows, b.cols, b.y); }});
  all.push_back(
      {label(t->name, "normalize", cols), t->isa, cols, 4, 4, RowOp::other, [t](const Block& b) {
         for (int64_t i = 0; i < b.size(); i += b.cols) {
           t->normalize(b.x + i, 1e-12f, b.y + i, b.cols);
         }
       }});
}

void register_subject(const Subject& subject) {
  constexpr struct {
    const char* where;
    int64_t size;  // elements of x, and of y
  } kPlaces[] = {{"L1", 3072}, {"L2", 49152}, {"L3", 1 << 20}, {"memory", 12 << 20}};
  for (const auto& [where, size] : kPlaces) {
    if (size < subject.cols) continue;
    const bool slow = subject.isa == Isa::generic && size > 49152;  // seconds per call
    if (slow) continue;
    benchmark::RegisterBenchmark(
        (subject.name + "/in:" + where).c_str(),
        [subject, n = size](benchmark::State& state) { measure(state, subject, n); })
        ->UseManualTime()
        ->Iterations(tern::bench::windows(size > (1 << 20) ? 12 : 40));
  }
}

template <class Table>
void add_variants(Subjects& all, const Variants<Table>& variants,
                  void (*add)(Subjects&, const Table*)) {
  for (const Table* t : variants) {
    if (runs_at(*t, hardware_isa())) add(all, t);
  }
}

const bool kRegistered = [] {
  Subjects all;
  add_variants(all, norm_variants(), add_norms);
  add_variants(all, softmax_variants(), add_softmax);
  add_variants(all, activation_variants(), add_activations);
  add_variants(all, elementwise_variants(), add_elementwise);
  add_variants(all, rope_variants(), add_rope);
  add_variants(all, topk_variants(), add_topk);
  add_variants(all, embedding_variants(), add_gathers);
  add_variants(all, pool_variants(), add_pooling);
  for (const Subject& subject : all) register_subject(subject);
  return true;
}();

}  // namespace
