// SPDX-License-Identifier: Apache-2.0
// Stands in for onednn_conv.cpp where oneDNN is not installed.
#include "conv_baseline.h"

namespace tern::bench {
ConvBaseline onednn_convolution(const Convolution&, kernels::Format) {
  return {};
}
}  // namespace tern::bench
