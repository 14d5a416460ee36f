// SPDX-License-Identifier: Apache-2.0
// Layers that hold weights and know packing, but no model. Immutable once made; thread-safe.
// They take plain tensors; models/weights.h finds those by name (see models/blocks/layers.h).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "ops.h"

namespace tern {

/// act(x·Wᵀ + b) + residual; several weights stacked (q·k·v) share one set of panels.
class TERN_API Linear {
 public:
  Linear() = default;
  /// weights: each [out_i, in], at any address, also turned(); biases: each [out_i] or empty
  /// tensors. Packed to run in `format`.
  Linear(std::span<const Tensor> weights, std::span<const Tensor> biases, LinearFormat format);
  Linear(const Tensor& weight, const Tensor& bias, LinearFormat format);
  struct GateUp {
    Tensor gate, up;                      // [out, in]
    Tensor gate_bias = {}, up_bias = {};  // [out]; both or neither
  };
  /// Woven for LinearOptions::gate.
  static Linear gate_up(const GateUp& w, LinearFormat format);

  Tensor operator()(Context& ctx, const Tensor& x, const LinearOptions& options = {}) const;

  explicit operator bool() const noexcept { return weight_ || streamed_ || mapped_; }
  int64_t in_features() const noexcept { return in_; }
  int64_t out_features() const noexcept { return out_; }
  /// In memory; weights that are in their file take none.
  size_t bytes() const noexcept;

 private:
  struct Streamed;
  struct Mapped;
  void hold(std::span<const Tensor> weights, LinearFormat format, bool woven);

  std::shared_ptr<const PackedMatrix> weight_;  // one of them, or none
  std::shared_ptr<const Streamed> streamed_;
  std::shared_ptr<const Mapped> mapped_;
  int64_t in_ = 0, out_ = 0;
  Tensor bias_;  // [out] f32 or empty
};

class TERN_API LayerNorm {
 public:
  LayerNorm() = default;
  LayerNorm(const Tensor& weight, const Tensor& bias, double eps);
  Tensor operator()(Context& ctx, const Tensor& x) const;

 private:
  Tensor weight_, bias_;  // [features] f32
  float eps_ = 0;
};

/// Zhang 2019. Gemma's weights count from one: y = x̂·(1 + w), rounded once.
class TERN_API RMSNorm {
 public:
  enum class Weight { plain, one_plus };

  RMSNorm() = default;
  RMSNorm(const Tensor& weight, double eps, Weight kind = Weight::plain);
  /// x, the result: [tokens, features] or [tokens, heads, features]; the result in x's type unless
  /// another is given.
  Tensor operator()(Context& ctx, const Tensor& x, std::optional<DType> result = {}) const;

 private:
  Tensor weight_;  // [features] f32, 1 added where it is to be
  RmsNormOptions options_;
};

/// Rotary embedding (Su 2021): the frequencies of a model. Angles are made once per pass, for the
/// tokens that are in it, and serve all layers: a table of all positions would be 64 MB for a model
/// of 128k.
class TERN_API Rope {
 public:
  Rope() = default;
  /// inv_freq: one per pair of dimensions, scaled as the model has it; attention_factor multiplies
  /// cos and sin. In bf16 the angles are rounded to it, as Transformers does.
  Rope(std::vector<float> inv_freq, float attention_factor, DType dtype)
      : inv_freq_(std::move(inv_freq)), attention_factor_(attention_factor), dtype_(dtype) {}
  /// For rope(): one row per token. A token's angles depend on its position alone.
  RopeAngles angles(Context& ctx, std::span<const int64_t> positions) const;
  /// Pairs (2i, 2i + 1), as GPT-J has them.
  void set_interleaved() noexcept { interleaved_ = true; }

 private:
  std::vector<float> inv_freq_;
  float attention_factor_ = 1;
  DType dtype_ = DType::f32;
  bool interleaved_ = false;
};

/// A table of rows, gathered where it lies (in the file mapping when its type is one that runs).
class TERN_API Embedding {
 public:
  Embedding() = default;
  explicit Embedding(const Tensor& table);
  const Tensor& table() const noexcept { return table_; }
  int64_t entries() const noexcept { return table_.dim(0); }

 private:
  Tensor table_;  // [entries, hidden]
};

/// A float vector or matrix as dense f32 on the heap (as it is when it already is dense f32).
TERN_API Tensor to_f32(const Tensor& x);

/// Dense x at an aligned address: itself, or a copy in pages of its own, while which is made the
/// file's are let go, so that memory holds the tensor once. Blocks may lie anywhere.
TERN_API Tensor aligned(const Tensor& x);

/// Whether x [a, b] is a dense [b, a] seen from the other side, and that.
TERN_API bool is_turned(const Tensor& x) noexcept;
TERN_API Tensor turned(const Tensor& x);

/// A dense copy [columns, rows] of x [rows, columns] in pages of its own; f32 unless x has 16 bits.
TERN_API Tensor transposed(const Tensor& x);

}  // namespace tern
