// SPDX-License-Identifier: Apache-2.0
#include "nn_conv.h"

#include <cmath>

#include "base/format.h"
#include "nn.h"

namespace tern {

namespace {

void require_channels(const Tensor& t, std::string_view what, int64_t channels) {
  if (!t || t.numel() == channels) return;
  fail(ErrorCode::invalid_argument, cat("Conv: ", what, " has shape ", t.shape().to_string(),
                                        ", expected [", channels, "]"));
}

/// Of strides, padding and the reach of a kernel: positions in an image of any size that fits in memory
/// (below 2^48 elements) stay far from overflow.
constexpr int64_t kMost = 1 << 20;

/// `g` with channels and kernel sizes of the weight, or an error.
ConvGeometry checked(ConvGeometry g, const Tensor& weight) {
  const size_t rank = weight.shape().rank();
  if (rank != 3 && rank != 4) {
    fail(ErrorCode::invalid_argument,
         cat("Conv: the weight has shape ", weight.shape().to_string(),
             ", expected [out, in / groups, kernel_h, kernel_w] or [out, in / groups, kernel]"));
  }
  g.out_channels = weight.dim(0);
  g.kernel_h = rank == 3 ? 1 : weight.dim(2);
  g.kernel_w = weight.dim(rank - 1);
  const int64_t positive[] = {g.stride_h, g.stride_w, g.dilation_h, g.dilation_w, g.kernel_h, g.kernel_w};
  const int64_t paddings[] = {g.pad_top, g.pad_left, g.pad_bottom, g.pad_right};
  bool ok = true;
  for (int64_t v : positive) ok = ok && v >= 1 && v <= kMost;
  for (int64_t v : paddings) ok = ok && v >= 0 && v <= kMost;
  ok = ok && (g.kernel_h - 1) * g.dilation_h <= kMost && (g.kernel_w - 1) * g.dilation_w <= kMost;
  // At most out_channels groups: in_channels is at most the number of weights.
  ok = ok && g.groups >= 1 && g.out_channels >= g.groups && g.out_channels % g.groups == 0;
  if (ok && !(g.planar && g.groups > 1)) {
    g.in_channels = weight.dim(1) * g.groups;
    return g;
  }
  fail(ErrorCode::invalid_argument,
       cat("Conv: a weight of shape ", weight.shape().to_string(), " in ", g.groups,
           " groups with strides ", g.stride_h, ", ", g.stride_w, ", dilations ", g.dilation_h, ", ",
           g.dilation_w, " and padding ", g.pad_top, ", ", g.pad_left, " is no convolution"));
}

}  // namespace

Conv::Conv(const Tensor& weight, const Tensor& bias, const ConvGeometry& geometry, DType dtype) {
  pack(weight, {}, geometry, dtype);
  require_channels(bias, "bias", weight.dim(0));
  if (bias) bias_ = to_f32(bias);
}

Conv::Conv(const Tensor& weight, const Tensor& bias, const BatchNorm& norm,
           const ConvGeometry& geometry, DType dtype) {
  const int64_t channels = weight.shape().rank() > 0 ? weight.dim(0) : 0;
  const Tensor* given[] = {&bias, &norm.mean, &norm.variance, &norm.weight, &norm.bias};
  Tensor parts[5];
  for (size_t i = 0; i < 5; ++i) {
    require_channels(*given[i], "bias or a statistic of the batch norm", channels);
    if (*given[i]) parts[i] = to_f32(*given[i]);
  }
  if (!norm.mean || !norm.variance) {
    fail(ErrorCode::invalid_argument, "Conv: a batch norm without mean or variance");
  }
  const Tensor scale = Tensor::empty(DType::f32, {channels});
  bias_ = Tensor::empty(DType::f32, {channels});
  for (int64_t i = 0; i < channels; ++i) {
    const auto at = [&](size_t part, double otherwise) {
      return parts[part] ? static_cast<double>(parts[part].data<float>()[i]) : otherwise;
    };
    const double factor = at(3, 1) / std::sqrt(at(2, 1) + norm.eps);
    scale.data<float>()[i] = static_cast<float>(factor);
    bias_.data<float>()[i] = static_cast<float>(at(4, 0) + (at(0, 0) - at(1, 0)) * factor);
  }
  pack(weight, scale, geometry, dtype);
}

void Conv::pack(const Tensor& weight, const Tensor& scale, const ConvGeometry& geometry, DType dtype) {
  const ConvGeometry g = checked(geometry, weight);
  one_dimension_ = weight.shape().rank() == 3;
  const bool direct = weight.dense() && (weight.dtype() == DType::f32 || weight.dtype() == DType::bf16 ||
                                         weight.dtype() == DType::f16);
  weight_ = cpu_backend().pack_conv(ThreadPool::shared(), direct ? weight : to_f32(weight), scale, g, dtype);
}

Tensor Conv::operator()(Context& ctx, const Tensor& x, const ConvOptions& options) const {
  return one_dimension_ ? conv1d(ctx, x, *weight_, bias_, options)
                        : conv2d(ctx, x, *weight_, bias_, options);
}

}  // namespace tern
