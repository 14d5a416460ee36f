// SPDX-License-Identifier: Apache-2.0
// What convolution and pooling over images are told: geometry, options, packed weights. The ops are
// in ops_conv.h, the layer in nn_conv.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor.h"

namespace tern {

enum class Act;

/// A 1-D convolution has kernel_h = 1. Sizes beyond the image read zeros.
struct ConvGeometry {
  int64_t in_channels = 0, out_channels = 0;
  int64_t kernel_h = 1, kernel_w = 1;
  int64_t stride_h = 1, stride_w = 1;
  int64_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  int64_t dilation_h = 1, dilation_w = 1;
  int64_t groups = 1;
  /// x is [n, c, h, w] (pixels as an image processor delivers them); needs groups = 1.
  bool planar = false;

  /// Of the output, for an input of that size; 0 where the kernel does not fit.
  int64_t out_h(int64_t in_h) const noexcept {
    return out(in_h + pad_top + pad_bottom, kernel_h, stride_h, dilation_h);
  }
  int64_t out_w(int64_t in_w) const noexcept {
    return out(in_w + pad_left + pad_right, kernel_w, stride_w, dilation_w);
  }

 private:
  static int64_t out(int64_t in, int64_t kernel, int64_t stride, int64_t dilation) noexcept {
    const int64_t span = in - (kernel - 1) * dilation - 1;
    return span < 0 ? 0 : span / stride + 1;
  }
};

/// Weights of a convolution in the device's layout. Made by Backend::pack_conv.
class TERN_API PackedConv {
 public:
  virtual ~PackedConv() = default;
  const ConvGeometry& geometry() const noexcept { return geometry_; }
  DType dtype() const noexcept { return dtype_; }
  virtual size_t bytes() const noexcept = 0;

 protected:
  PackedConv(const ConvGeometry& geometry, DType dtype) : geometry_(geometry), dtype_(dtype) {}
  ConvGeometry geometry_;
  DType dtype_;
};

struct ConvOptions {
  Act act = Act{};
  /// Like the result, f32.
  Tensor residual = {};
  /// act(conv + bias + residual), as ResNet has it; else act(conv + bias) + residual.
  bool residual_first = false;
};

struct Pool2dOptions {
  enum class Mode { max, average, adaptive_average } mode = Mode::max;
  int64_t kernel_h = 1, kernel_w = 1;
  int64_t stride_h = 1, stride_w = 1;
  int64_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  /// A last window that begins in the image or its left padding but reaches beyond counts too.
  bool ceil_mode = false;
  /// Padding is part of the number that average divides by.
  bool count_include_pad = true;
  /// adaptive_average: the size of the result.
  int64_t out_h = 1, out_w = 1;
};

}  // namespace tern
