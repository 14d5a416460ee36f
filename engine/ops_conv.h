// SPDX-License-Identifier: Apache-2.0
// Convolution and pooling in the op vocabulary. Channels lie last inside; a model's first layer may
// read planar pixels (ConvGeometry::planar). Checks, results and errors are as in ops.h.
#pragma once

#include "context.h"
#include "conv.h"

namespace tern {

/// act(conv(x) + bias) with the residual before or after act: [n, out_h, out_w, out_channels] from x
/// [n, h, w, in_channels], or [n, in_channels, h, w] when w is planar. bias is [out_channels] f32 or
/// empty. f32.
TERN_API Tensor conv2d(Context& ctx, const Tensor& x, const PackedConv& w, const Tensor& bias,
                       const ConvOptions& options = {});

/// The same with one dimension less: [n, out, out_channels] from x [n, w, in_channels], or
/// [n, in_channels, w] when w is planar. The kernel must be 1 high.
TERN_API Tensor conv1d(Context& ctx, const Tensor& x, const PackedConv& w, const Tensor& bias,
                       const ConvOptions& options = {});

/// Windows over [n, h, w, channels] f32; the size of the result is torch's.
TERN_API Tensor pool2d(Context& ctx, const Tensor& x, const Pool2dOptions& options);

}  // namespace tern
