// SPDX-License-Identifier: Apache-2.0
// pool2d by definition: one channel of one window at a time.
#include "pool2d.h"

namespace tern::kernels {

#define TERN_VARIANT(symbol, level) extern const Pool2dTable symbol;
#include "pool2d.inc"
#undef TERN_VARIANT

#include "windows.inc"

namespace {

float largest(const Pool2dArgs& a, const Window& w, int64_t i) {
  float best = -__builtin_inff();
  for (int64_t r = w.row; r < w.row_end; r++) {
    for (int64_t q = w.column; q < w.column_end; q++) {
      const float x = a.x[r * a.x_row + q * a.x_pixel + i];
      if (x > best || x != x) best = x;  // a NaN stays: nothing is greater
    }
  }
  return best;
}

float mean(const Pool2dArgs& a, const Window& w, int64_t i) {
  float sum = 0;
  for (int64_t r = w.row; r < w.row_end; r++) {
    for (int64_t q = w.column; q < w.column_end; q++) sum += a.x[r * a.x_row + q * a.x_pixel + i];
  }
  return w.positions > 0 ? sum / static_cast<float>(w.positions) : 0;
}

void reduce(const Pool2dArgs& a, const Window& w, float* y) {
  for (int64_t i = 0; i < a.channels; i++) {
    y[i] = a.mode == Pool2dMode::max ? largest(a, w, i) : mean(a, w, i);
  }
}

void run(const Pool2dArgs& a) {
  walk(a, reduce);
}

}  // namespace

const Pool2dTable pool2d_generic = {"pool2d_generic", Isa::generic, run};

}  // namespace tern::kernels
