// SPDX-License-Identifier: Apache-2.0
// Normalisation. Over rows (NormArgs), each row a reduction in a fixed order:
//   layer_norm (Ba 2016)    y = (x - mean) / sqrt(var + eps) · weight + bias, var biased, two
//   passes rms_norm (Zhang 2019)   y = x / sqrt(mean(x²) + eps) · weight + bias
// of x, or of x + residual, which is then stored too (add_norm). Sums are f32 or better.
// Over groups of channels (GroupNorm, Wu 2018) of x [rows, channels], rows being time or h·w: the
// three functions that GroupMoments describes; batch norm of inference is the last of them.
#pragma once

#include <stdint.h>

#include "../registry.h"

namespace tern::kernels {

struct NormArgs {
  int64_t rows, cols;
  Format format;  // of x, residual and sum: f32 or bf16
  const void* x;
  int64_t x_stride;      // elements, as all strides
  const void* residual;  // or null
  int64_t residual_stride;
  void* sum;            // gets x + residual rounded to format, of which y is the norm; may be x
  int64_t sum_stride;   // or residual; not used when residual is null
  const float* weight;  // [cols] or null (ones); Gemma's 1 + w is added up by the caller
  const float* bias;    // [cols] or null (zeros)
  float eps;
  /// rms_norm of bf16: the normalised x is rounded to bf16 before it meets the weight, as
  /// Transformers' Llama does; Gemma and layer_norm round once, at the end.
  bool round_first;
  float* y;          // or null; rows y_stride apart; may be x, residual or sum when f32
  uint16_t* y_bf16;  // or null: the same rounded to bf16; may be x, residual or sum when bf16
  int64_t y_stride;
};

/// Mean and centred sum of squares of every channel over the rows of one block.
struct MomentsArgs {
  int64_t rows, channels;
  const float* x;
  int64_t x_stride;
  double* mean;     // [channels]
  double* squares;  // [channels]: sum of (x - mean)²
};

/// Blocks of kMomentRows rows (the last one may be shorter), merged in ascending order, then the
/// channels of a group in ascending order: which thread computes a block does not matter.
constexpr int64_t kMomentRows = 256;

struct GroupMoments {
  int64_t rows, channels, groups;  // of the whole; channels is a multiple of groups
  const double* mean;              // [blocks, channels] from channel_moments
  const double* squares;
  const float* weight;  // [channels] or null
  float eps;
  float* centre;  // [channels]: the mean of its group
  float* scale;   // [channels]: weight / sqrt(var of its group + eps)
};

struct ScaleArgs {
  int64_t rows, channels;
  const float* x;
  int64_t x_stride;
  const float *centre, *scale;  // [channels]
  const float* bias;            // [channels] or null
  float* y;                     // may be x
  int64_t y_stride;
};

struct NormTable {
  const char* name;  // "norm_avx512"
  Isa isa;
  void (*layer_norm)(const NormArgs&);
  void (*rms_norm)(const NormArgs&);
  void (*channel_moments)(const MomentsArgs&);
  /// y = (x - centre[c]) · scale[c] + bias[c]
  void (*scale_channels)(const ScaleArgs&);
};

Variants<NormTable> norm_variants();

/// The step between channel_moments and scale_channels, the same for every variant.
void merge_moments(const GroupMoments& a);

}  // namespace tern::kernels
