// SPDX-License-Identifier: Apache-2.0
// Another library's convolution of one image, one thread, in the layout that library likes best.
// onednn_conv.cpp defines it; without_onednn_conv.cpp where oneDNN is absent.
#pragma once

#include <functional>
#include <string>

#include "../../kernels/isa.h"

namespace tern::bench {

struct Convolution {
  const char* name;
  long in_h, in_w, in_c, out_c;
  long kernel_h, kernel_w, stride_h, stride_w;
  long pad_h, pad_w;
  long groups;
};

struct ConvBaseline {
  std::function<void()> call;   // empty when the library is absent or cannot do this
  std::string implementation;   // which of its kernels it picked
};

/// Convolution with bias. Source, weights and result lie in the layouts that the library asks for;
/// reordering them is not part of the call.
ConvBaseline onednn_convolution(const Convolution& c, kernels::Format format);

}  // namespace tern::bench
