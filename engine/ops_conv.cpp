// SPDX-License-Identifier: Apache-2.0
// Shape and type checks of convolution and pooling, once, before any kernel runs.
#include "ops_conv.h"

#include <string_view>

#include "base/format.h"

namespace tern {

namespace {

template <class... Parts>
void require_shape(bool ok, std::string_view op, std::string_view what, const Tensor& found,
                   const Parts&... expected) {
  if (ok) return;
  fail(ErrorCode::invalid_argument, cat(op, ": ", what, " has shape ", found.shape().to_string(),
                                        ", expected ", cat(expected...)));
}

void require_f32(std::string_view op, std::string_view what, const Tensor& x) {
  if (x.dtype() == DType::f32) return;
  fail(ErrorCode::invalid_argument, cat(op, ": ", what, " is ", to_string(x.dtype()), ", expected float32"));
}

/// The last dimension is contiguous: channels, or the pixels of a planar image.
void require_contiguous(std::string_view op, std::string_view what, const Tensor& x) {
  const size_t last = x.shape().rank() - 1;
  if (x.dim(last) <= 1 || x.stride(last) == 1) return;
  fail(ErrorCode::invalid_argument, cat(op, ": ", what, " has no contiguous last dimension"));
}

void check_operands(std::string_view op, const PackedConv& w, const Tensor& bias,
                    const ConvOptions& options, const Shape& y) {
  const int64_t channels = w.geometry().out_channels;
  if (bias) {
    require_shape(bias.numel() == channels, op, "bias", bias, "[", channels, "]");
    require_f32(op, "bias", bias);
    if (!bias.dense()) fail(ErrorCode::invalid_argument, cat(op, ": bias is not dense"));
  }
  const Tensor& residual = options.residual;
  if (residual) {
    require_shape(residual.shape() == y, op, "residual", residual, y.to_string());
    require_f32(op, "residual", residual);
    require_contiguous(op, "residual", residual);
  }
}

/// One window position less than nothing is none.
int64_t pooled(int64_t in, int64_t pad, int64_t pad_end, int64_t kernel, int64_t stride, bool ceil) {
  const int64_t span = in + pad + pad_end - kernel;
  if (span < 0) return 0;
  const int64_t out = (span + (ceil ? stride - 1 : 0)) / stride + 1;
  return ceil && (out - 1) * stride >= in + pad ? out - 1 : out;
}

}  // namespace

Tensor conv2d(Context& ctx, const Tensor& x, const PackedConv& w, const Tensor& bias,
              const ConvOptions& options) {
  ctx.check();
  const ConvGeometry& g = w.geometry();
  require_shape(x.shape().rank() == 4 && x.dim(g.planar ? 1 : 3) == g.in_channels, "conv2d", "x", x,
                g.planar ? "[n, " : "[n, h, w, ", g.in_channels, g.planar ? ", h, w]" : "]");
  require_f32("conv2d", "x", x);
  require_contiguous("conv2d", "x", x);
  const int64_t h = x.dim(g.planar ? 2 : 1), width = x.dim(g.planar ? 3 : 2);
  const Shape shape = {x.dim(0), g.out_h(h), g.out_w(width), g.out_channels};
  check_operands("conv2d", w, bias, options, shape);
  Tensor y = ctx.arena().tensor(DType::f32, shape);
  ctx.backend().conv(ctx, x, w, bias, options, y);
  return y;
}

Tensor conv1d(Context& ctx, const Tensor& x, const PackedConv& w, const Tensor& bias,
              const ConvOptions& options) {
  const ConvGeometry& g = w.geometry();
  if (g.kernel_h != 1 || g.pad_top != 0 || g.pad_bottom != 0 || g.stride_h != 1) {
    fail(ErrorCode::invalid_argument, cat("conv1d: the kernel is ", g.kernel_h, " high, expected 1"));
  }
  require_shape(x.shape().rank() == 3 && x.dim(g.planar ? 1 : 2) == g.in_channels, "conv1d", "x", x,
                g.planar ? "[n, " : "[n, w, ", g.in_channels, g.planar ? ", w]" : "]");
  const size_t height = g.planar ? 2 : 1;  // where the dimension of 1 is put
  const auto with_height = [](const Tensor& t, size_t axis) { return t.split(axis, 1); };
  ConvOptions with = options;
  const Tensor& residual = options.residual;
  if (residual) {
    require_shape(residual.shape().rank() == 3, "conv1d", "residual", residual,
                  "[", x.dim(0), ", ", g.out_w(x.dim(height)), ", ", g.out_channels, "]");
    with.residual = with_height(residual, 1);
  }
  const Tensor y = conv2d(ctx, with_height(x, height), w, bias, with);
  return y.reshape({y.dim(0), y.dim(2), y.dim(3)});
}

Tensor pool2d(Context& ctx, const Tensor& x, const Pool2dOptions& options) {
  ctx.check();
  require_shape(x.shape().rank() == 4, "pool2d", "x", x, "[n, h, w, channels]");
  require_f32("pool2d", "x", x);
  require_contiguous("pool2d", "x", x);
  const Pool2dOptions& o = options;
  const bool adaptive = o.mode == Pool2dOptions::Mode::adaptive_average;
  if (adaptive ? o.out_h < 0 || o.out_w < 0
               : o.kernel_h < 1 || o.kernel_w < 1 || o.stride_h < 1 || o.stride_w < 1) {
    fail(ErrorCode::invalid_argument, "pool2d: sizes and strides must be positive");
  }
  const int64_t pads[] = {o.pad_top, o.pad_bottom, o.pad_left, o.pad_right};
  for (size_t i = 0; i < 4 && !adaptive; ++i) {
    const int64_t kernel = i < 2 ? o.kernel_h : o.kernel_w;
    if (pads[i] < 0 || pads[i] > kernel / 2) {
      fail(ErrorCode::invalid_argument,
           cat("pool2d: a padding of ", pads[i], ", expected 0 to half the kernel of ", kernel));
    }
  }
  Shape shape = {x.dim(0), o.out_h, o.out_w, x.dim(3)};
  if (adaptive) {
    require_shape((x.dim(1) > 0 && x.dim(2) > 0) || o.out_h * o.out_w == 0, "pool2d", "x", x, "pixels");
  } else {
    shape = {x.dim(0),
             pooled(x.dim(1), o.pad_top, o.pad_bottom, o.kernel_h, o.stride_h, o.ceil_mode),
             pooled(x.dim(2), o.pad_left, o.pad_right, o.kernel_w, o.stride_w, o.ceil_mode), x.dim(3)};
  }
  Tensor y = ctx.arena().tensor(DType::f32, shape);
  ctx.backend().pool2d(ctx, x, options, y);
  return y;
}

}  // namespace tern
