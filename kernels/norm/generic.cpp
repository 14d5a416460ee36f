// SPDX-License-Identifier: Apache-2.0
// Norms by their definition: sums in double, ascending columns. The oracle of the other variants;
// formulas and layouts are in norm.h.

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "norm.h"

namespace tern::kernels {
#include "../simd/generic.inc"

namespace {

/// One row of x, residual or sum in the format of the args.
struct Row {
  Format format;
  void* first;

  double at(int64_t j) const {
    if (format == Format::f32) return static_cast<double>(static_cast<const float*>(first)[j]);
    return static_cast<double>(bf16_to_f32(static_cast<const uint16_t*>(first)[j]));
  }
  void put(int64_t j, float v) const {
    if (format == Format::f32) static_cast<float*>(first)[j] = v;
    if (format == Format::bf16) static_cast<uint16_t*>(first)[j] = f32_to_bf16(v);
  }
};

Row row_of(const NormArgs& a, const void* first, int64_t stride, int64_t i) {
  const int64_t bytes = i * stride * (a.format == Format::f32 ? 4 : 2);
  return {a.format, const_cast<char*>(static_cast<const char*>(first)) + bytes};
}

/// The row to be normalised: x, or the stored x + residual.
Row source_row(const NormArgs& a, int64_t i) {
  const Row x = row_of(a, a.x, a.x_stride, i);
  if (a.residual == nullptr) return x;
  const Row residual = row_of(a, a.residual, a.residual_stride, i);
  const Row sum = row_of(a, a.sum, a.sum_stride, i);
  for (int64_t j = 0; j < a.cols; ++j) {
    sum.put(j, static_cast<float>(x.at(j)) + static_cast<float>(residual.at(j)));
  }
  return sum;
}

void put_result(const NormArgs& a, int64_t i, int64_t j, double v) {
  const float y = static_cast<float>(v);
  if (a.y != nullptr) a.y[i * a.y_stride + j] = y;
  if (a.y_bf16 != nullptr) a.y_bf16[i * a.y_stride + j] = f32_to_bf16(y);
}

double weight_of(const NormArgs& a, int64_t j) {
  return a.weight != nullptr ? static_cast<double>(a.weight[j]) : 1;
}

double bias_of(const NormArgs& a, int64_t j) {
  return a.bias != nullptr ? static_cast<double>(a.bias[j]) : 0;
}

void layer_norm(const NormArgs& a) {
  for (int64_t i = 0; i < a.rows; ++i) {
    const Row x = source_row(a, i);
    double sum = 0, squares = 0;
    for (int64_t j = 0; j < a.cols; ++j) sum += x.at(j);
    const double mean = sum / static_cast<double>(a.cols);
    for (int64_t j = 0; j < a.cols; ++j) squares += (x.at(j) - mean) * (x.at(j) - mean);
    const double variance = squares / static_cast<double>(a.cols);
    const double reciprocal = 1 / sqrt(variance + static_cast<double>(a.eps));
    for (int64_t j = 0; j < a.cols; ++j) {
      put_result(a, i, j, (x.at(j) - mean) * reciprocal * weight_of(a, j) + bias_of(a, j));
    }
  }
}

void rms_norm(const NormArgs& a) {
  for (int64_t i = 0; i < a.rows; ++i) {
    const Row x = source_row(a, i);
    double squares = 0;
    for (int64_t j = 0; j < a.cols; ++j) squares += x.at(j) * x.at(j);
    const double mean = squares / static_cast<double>(a.cols);
    const double reciprocal = 1 / sqrt(mean + static_cast<double>(a.eps));
    for (int64_t j = 0; j < a.cols; ++j) {
      double v = x.at(j) * reciprocal;
      if (a.round_first && a.format == Format::bf16) {
        v = static_cast<double>(bf16_to_f32(f32_to_bf16(static_cast<float>(v))));
      }
      put_result(a, i, j, v * weight_of(a, j) + bias_of(a, j));
    }
  }
}

void channel_moments(const MomentsArgs& a) {
  for (int64_t c = 0; c < a.channels; ++c) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < a.rows; ++i) sum += static_cast<double>(a.x[i * a.x_stride + c]);
    const double mean = sum / static_cast<double>(a.rows);
    for (int64_t i = 0; i < a.rows; ++i) {
      const double centred = static_cast<double>(a.x[i * a.x_stride + c]) - mean;
      squares += centred * centred;
    }
    a.mean[c] = mean;
    a.squares[c] = squares;
  }
}

void scale_channels(const ScaleArgs& a) {
  for (int64_t i = 0; i < a.rows; ++i) {
    for (int64_t c = 0; c < a.channels; ++c) {
      const double x = static_cast<double>(a.x[i * a.x_stride + c]);
      const double bias = a.bias != nullptr ? static_cast<double>(a.bias[c]) : 0;
      const double centred = x - static_cast<double>(a.centre[c]);
      a.y[i * a.y_stride + c] =
          static_cast<float>(centred * static_cast<double>(a.scale[c]) + bias);
    }
  }
}

}  // namespace

extern const NormTable norm_generic;
const NormTable norm_generic = {"norm_generic", Isa::generic,    layer_norm,
                                rms_norm,       channel_moments, scale_channels};

}  // namespace tern::kernels
