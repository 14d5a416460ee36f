// SPDX-License-Identifier: Apache-2.0
// Norms and rotary embedding: tensors to kernel arguments; group norm in blocks of fixed rows.
#include "../../kernels/norm/norm.h"

#include <algorithm>

#include "../../kernels/rope/rope.h"
#include "cpu_backend.h"

namespace tern::cpu {

namespace {

size_t row_bytes(const Tensor& x, int64_t rows) {
  return static_cast<size_t>(rows * x.stride(0)) * bits(x.dtype()) / 8;
}

const float* floats_or_null(const Tensor& x) { return x ? x.data<float>() : nullptr; }

/// Group norm of one sample, whose rows begin at x and y.
struct Sample {
  const kernels::NormTable& kernel;
  const GroupNormOptions& options;
  int64_t rows, channels;
  const float* x;
  int64_t x_stride;
  float* y;
  int64_t y_stride;
};

void normalise(Context& ctx, const Sample& s) {
  constexpr int64_t kRows = kernels::kMomentRows;
  const int64_t blocks = divide_up(s.rows, kRows), channels = s.channels;
  const Tensor moments = ctx.arena().tensor(DType::f64, {2, blocks, channels});
  const Tensor affine = ctx.arena().tensor(DType::f32, {2, channels});
  double* mean = moments.data<double>();
  double* squares = mean + blocks * channels;
  float* centre = affine.data<float>();
  float* scale = centre + channels;
  ctx.pool().parallel_for(blocks, [&](int64_t b, int) {
    s.kernel.channel_moments({.rows = std::min(kRows, s.rows - b * kRows),
                              .channels = channels,
                              .x = s.x + b * kRows * s.x_stride,
                              .x_stride = s.x_stride,
                              .mean = mean + b * channels,
                              .squares = squares + b * channels});
  });
  kernels::merge_moments({.rows = s.rows,
                          .channels = channels,
                          .groups = s.options.groups,
                          .mean = mean,
                          .squares = squares,
                          .weight = floats_or_null(s.options.weight),
                          .eps = s.options.eps,
                          .centre = centre,
                          .scale = scale});
  for_row_blocks(ctx, s.rows, channels, [&](int64_t begin, int64_t end) {
    s.kernel.scale_channels({.rows = end - begin,
                             .channels = channels,
                             .x = s.x + begin * s.x_stride,
                             .x_stride = s.x_stride,
                             .centre = centre,
                             .scale = scale,
                             .bias = floats_or_null(s.options.bias),
                             .y = s.y + begin * s.y_stride,
                             .y_stride = s.y_stride});
  });
}

}  // namespace

kernels::NormArgs norm_args(const Tensor& x, const Tensor& weight, const Tensor& y, int64_t begin, int64_t end) {
  kernels::NormArgs args{};
  args.rows = end - begin;
  args.cols = x.dim(1);
  args.format = kernel_format(x.dtype());
  args.x = x.raw() + row_bytes(x, begin);
  args.x_stride = x.stride(0);
  args.weight = floats_or_null(weight);
  std::byte* first = y.raw() + row_bytes(y, begin);
  if (y.dtype() == DType::f32) args.y = reinterpret_cast<float*>(first);
  if (y.dtype() == DType::bf16) args.y_bf16 = reinterpret_cast<uint16_t*>(first);
  args.y_stride = y.stride(0);
  return args;
}

void rms_norm(Context& ctx, const Tensor& x, const Tensor& weight, const RmsNormOptions& options,
              Tensor& y) {
  const auto& kernel = kernels::norm_variants().best(kernels::isa());
  const auto run = [&](kernels::NormArgs args) {
    args.eps = options.eps;
    args.round_first = options.round_first;
    kernel.rms_norm(args);
  };
  const bool heads = x.shape().rank() == 3;  // rows of a token: its heads
  for_row_blocks(ctx, x.dim(0), x.numel() / std::max<int64_t>(1, x.dim(0)), [&](int64_t begin, int64_t end) {
    if (!heads) return run(norm_args(x, weight, y, begin, end));
    for (int64_t t = begin; t < end; ++t) run(norm_args(x[t], weight, y[t], 0, x.dim(1)));
  });
}

void group_norm(Context& ctx, const Tensor& x, const GroupNormOptions& options, Tensor& y) {
  const Segment whole[] = {{0, x.dim(0)}};
  const std::span<const Segment> all = options.sequences.empty() ? std::span(whole) : options.sequences;
  for (const Segment& s : all) {
    normalise(ctx, {.kernel = kernels::norm_variants().best(kernels::isa()),
                    .options = options,
                    .rows = s.end - s.begin,
                    .channels = x.dim(1),
                    .x = x.data<float>() + s.begin * x.stride(0),
                    .x_stride = x.stride(0),
                    .y = y.data<float>() + s.begin * y.stride(0),
                    .y_stride = y.stride(0)});
  }
}

void rope(Context& ctx, const Tensor& x, const RopeAngles& angles) {
  const int64_t pairs = angles.cos.dim(1);
  const auto& kernel = kernels::rope_variants().best(kernels::isa());
  for_row_blocks(ctx, x.dim(0), x.dim(1) * x.dim(2), [&](int64_t begin, int64_t end) {
    kernel.rotate({.tokens = end - begin,
                   .heads = x.dim(1),
                   .head_dim = x.dim(2),
                   .rotary_dim = 2 * pairs,
                   .interleaved = angles.interleaved,
                   .format = kernel_format(x.dtype()),
                   .x = x.raw() + row_bytes(x, begin),
                   .x_token_stride = x.stride(0),
                   .x_head_stride = x.stride(1),
                   .y = x.raw() + row_bytes(x, begin),
                   .y_token_stride = x.stride(0),
                   .y_head_stride = x.stride(1),
                   .cos = angles.cos.data<float>() + begin * pairs,
                   .sin = angles.sin.data<float>() + begin * pairs,
                   .positions = nullptr});
  });
}

}  // namespace tern::cpu
