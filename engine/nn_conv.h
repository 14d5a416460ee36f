// SPDX-License-Identifier: Apache-2.0
// The convolution layer: holds packed weights, knows no model. Immutable once made; thread-safe.
#pragma once

#include <memory>

#include "ops_conv.h"

namespace tern {

/// A frozen batch norm behind a convolution: y = (x - mean) / sqrt(variance + eps) · weight + bias,
/// each [channels]; weight and bias may be empty (1 and 0).
struct BatchNorm {
  Tensor mean, variance, weight, bias;
  double eps = 1e-5;
};

/// act(conv(x) + bias), with a batch norm folded into weights and bias when it is made.
class TERN_API Conv {
 public:
  Conv() = default;
  /// weight: [out, in / groups, kernel_h, kernel_w], or without kernel_h (1-D); bias: [out] or empty.
  /// Channels and kernel sizes of `geometry` are taken from weight and groups. Runs in `dtype`, but
  /// bfloat16 runs in float32 on every CPU with AVX2, where that is faster: weights are widened when
  /// packed, and x and the result are float32 anyway.
  Conv(const Tensor& weight, const Tensor& bias, const ConvGeometry& geometry, DType dtype);
  Conv(const Tensor& weight, const Tensor& bias, const BatchNorm& norm, const ConvGeometry& geometry,
       DType dtype);

  /// x [n, h, w, c] or, for a 1-D weight, [n, w, c]; planar: [n, c, h, w] or [n, c, w].
  Tensor operator()(Context& ctx, const Tensor& x, const ConvOptions& options = {}) const;

  explicit operator bool() const noexcept { return static_cast<bool>(weight_); }
  const ConvGeometry& geometry() const noexcept { return weight_->geometry(); }
  size_t bytes() const noexcept { return (weight_ ? weight_->bytes() : 0) + (bias_ ? bias_.bytes() : 0); }

 private:
  void pack(const Tensor& weight, const Tensor& scale, const ConvGeometry& geometry, DType dtype);

  std::shared_ptr<const PackedConv> weight_;
  Tensor bias_;  // [out] f32 or empty
  bool one_dimension_ = false;
};

}  // namespace tern
