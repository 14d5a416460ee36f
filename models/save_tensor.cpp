// SPDX-License-Identifier: Apache-2.0
#include "save_tensor.h"

#include <algorithm>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "../engine/ops.h"
#include "key_names.h"
#include "prequantized_weight.h"
#include "stored_tensor.h"

namespace tern {

namespace {

constexpr int64_t kBlock = int64_t{1} << 20;  // elements

Tensor widened(const Tensor& x) {
  Tensor out = Tensor::empty(DType::f64, x.shape());
  for (int64_t i = 0; i < x.numel(); ++i) out.data<double>()[i] = double{x.data<float>()[i]};
  return out;
}

/// A dense block in `dtype`, at any alignment.
Tensor converted(const Tensor& block, std::string_view name, DType dtype, Context& ctx) {
  if (block.dtype() == dtype) return block;
  const Tensor dense = runnable(block, name);
  if (dense.dtype() == dtype) return dense;
  if (dtype != DType::f64) return convert(ctx, dense, dtype);
  return widened(dense.dtype() == DType::f32 ? dense : convert(ctx, dense, DType::f32));
}

/// What can be read piece by piece: the stored tensor, or a copy where it lies in blocks or an
/// export changed it.
Tensor readable(const Parameter& p, DType dtype) {
  const DType floats = dtype == DType::f64 ? DType::f32 : dtype;
  if (p.stored.prequantized) {
    const Tensor weight = unpacked(*p.stored.prequantized, p.name, floats);
    return p.stored.turned ? transposed(weight) : weight;
  }
  const bool blocks = bits(p.tensor.dtype()) == 0;
  if (!blocks && !p.stored.changed()) return p.tensor;
  const BlockUse use = {.dtype = floats};
  if (is_turned(p.tensor)) return transposed(runnable(turned(p.tensor), p.name, use));
  return runnable(p.stored.changed() ? restored(p.tensor, p.stored, p.name) : p.tensor, p.name,
                  use);
}

}  // namespace

void append_tensor(const Parameter& parameter, DType dtype, Context& ctx,
                   hub::FolderWriter::File& file) {
  const std::string name = cat("'", printable_name(parameter.name), "'");
  const Tensor stored = readable(parameter, dtype);
  const int64_t count = stored.numel();
  if (count == 0) return;
  if (!stored.dense()) read_in(stored, name);
  const Tensor all = (stored.dense() ? stored : gathered(stored)).reshape({count});
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const Tensor block = all.slice(0, begin, std::min(begin + kBlock, count));
    read_in(block, name);
    const Tensor out = converted(block, parameter.name, dtype, ctx);
    file.append({out.raw(), out.bytes()});
    block.storage()->drop_pages(block.raw(), block.bytes());
  }
}

}  // namespace tern
