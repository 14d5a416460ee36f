// SPDX-License-Identifier: Apache-2.0
// Pooling over windows of one image [h, w, c], channels-last, f32; 1-D pooling is h = 1.
//   max:      y[r, q, i] = the largest x in the window; NaN if one is there; -inf over nothing
//   average:  y[r, q, i] = sum / divisor, rows then columns ascending; 0 over nothing
//   adaptive: average over rows [r·in_h / out_h, ceil((r + 1)·in_h / out_h)), columns likewise;
//             kernel, stride and padding are not looked at
// The divisor is the number of elements summed or, with count_include_pad, of the window's
// positions in the image and its padding (as in torch, also where a window reaches beyond).
// Memory: nothing need be aligned; nothing outside x is read. Bits do not depend on the rectangle.
#pragma once

#include <stdint.h>

#include "../registry.h"

namespace tern::kernels {

enum class Pool2dMode : int { max, average, adaptive };

struct Pool2dArgs {
  int64_t in_h, in_w, channels, out_h, out_w;
  int64_t kernel_h, kernel_w, stride_h, stride_w;
  int64_t pad_top, pad_left, pad_bottom, pad_right;
  bool count_include_pad;
  Pool2dMode mode;
  const float* x;             // rows and pixels this many elements apart
  int64_t x_row, x_pixel;
  float* y;
  int64_t y_row, y_pixel;
  int64_t row_begin, row_end;  // of y
};

struct Pool2dTable {
  const char* name;  // "pool2d_avx512"
  Isa isa;
  void (*run)(const Pool2dArgs&);
};

Variants<Pool2dTable> pool2d_variants();

}  // namespace tern::kernels
