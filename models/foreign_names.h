// SPDX-License-Identifier: Apache-2.0
// What TensorFlow and Flax call a tensor that PyTorch's classes know by another name, and in which
// order they keep its axes: kernels are [in, out] there and [out, in] here. The rules are those of
// Transformers 4 (its modules for loading TensorFlow and Flax weights into PyTorch classes). Called
// by checkpoint_foreign.cpp.
#pragma once

#include <string>
#include <string_view>

#include "../engine/tensor.h"

namespace tern {

/// How the axes of a stored tensor become those of the class.
enum class AxisOrder {
  same,
  reversed,   // a dense kernel [in, out], one of a 1-D convolution [width, in, out]
  image,      // [height, width, in, out] → [out, in, height, width]
  depthwise,  // [height, width, in, multiplier] → [in, multiplier, height, width]
};

struct ForeignName {
  std::string name;
  AxisOrder order = AxisOrder::same;
};

/// `name` has dots between the maps it lies in ("bert.pooler.dense.kernel").
ForeignName name_from_flax(std::string_view name, size_t rank);

/// `name` is the variable's, with the model's own scope in front and the output's number behind
/// ("tf_bert_model/bert/encoder/layer_._0/output/dense/kernel:0").
ForeignName name_from_tensorflow(std::string_view name, size_t rank);

/// A view of `stored` (dense) with its axes in that order.
Tensor with_axes(const Tensor& stored, AxisOrder order);

}  // namespace tern
