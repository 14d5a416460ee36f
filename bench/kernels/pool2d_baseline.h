// SPDX-License-Identifier: Apache-2.0
// Another library's pooling of one image, one thread, f32, channels-last as ours. onednn_pool2d.cpp
// defines it; without_onednn_pool2d.cpp where oneDNN is absent.
#pragma once

#include <functional>

namespace tern::bench {

struct Pooling {
  const char* name;
  long in_h, in_w, channels;
  long kernel, stride, pad;  // alike in both directions
  bool max;                  // else the average, padding not counted

  long out_h() const { return (in_h + 2 * pad - kernel) / stride + 1; }
  long out_w() const { return (in_w + 2 * pad - kernel) / stride + 1; }
};

/// A call that pools x into y once. Empty when the library is absent or cannot do this.
std::function<void()> onednn_pooling(const Pooling& p, float* x, float* y);

}  // namespace tern::bench
