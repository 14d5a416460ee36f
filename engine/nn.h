// SPDX-License-Identifier: Apache-2.0
// Layers that hold weights and know packing, but no model. Immutable once made; thread-safe.
// They take plain tensors; models/weights.h finds those by name (see models/blocks/layers.h).
#pragma once

#include <memory>
#include <span>

#include "ops.h"

namespace tern {

/// act(x·Wᵀ + b) + residual; several weights stacked (q·k·v) share one set of panels.
class TERN_API Linear {
 public:
  Linear() = default;
  /// weights: each [out_i, in]; biases: each [out_i] or empty tensors. Packed to run in `format`.
  Linear(std::span<const Tensor> weights, std::span<const Tensor> biases, LinearFormat format);
  Linear(const Tensor& weight, const Tensor& bias, LinearFormat format);
  /// Two weights [out, in] woven for LinearOptions::gate; without bias.
  static Linear gate_up(const Tensor& gate, const Tensor& up, LinearFormat format);

  Tensor operator()(Context& ctx, const Tensor& x, const LinearOptions& options = {}) const;

  explicit operator bool() const noexcept { return static_cast<bool>(weight_); }
  int64_t in_features() const noexcept { return weight_->in_features(); }
  int64_t out_features() const noexcept { return weight_->out_features(); }
  size_t bytes() const noexcept;

 private:
  std::shared_ptr<const PackedMatrix> weight_;
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
  Tensor operator()(Context& ctx, const Tensor& x) const;

 private:
  Tensor weight_;  // [features] f32, 1 added where it is to be
  RmsNormOptions options_;
};

/// Rotary embedding with the angles of positions 0 … positions - 1.
class TERN_API Rope {
 public:
  Rope() = default;
  /// inv_freq: one per pair of dimensions, scaled as the model has it; attention_factor multiplies
  /// cos and sin. In bf16 the angles are rounded to it, as Transformers does.
  Rope(std::span<const float> inv_freq, float attention_factor, int64_t positions, DType dtype);
  /// x [tokens, heads, head_dim]: turned where it lies.
  Tensor operator()(Context& ctx, const Tensor& x, std::span<const int64_t> positions) const;
  /// Pairs (2i, 2i + 1), as GPT-J has them.
  void set_interleaved() noexcept { options_.interleaved = true; }

 private:
  RopeOptions options_;
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

}  // namespace tern
