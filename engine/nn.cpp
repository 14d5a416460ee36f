// SPDX-License-Identifier: Apache-2.0
#include "nn.h"

#include <algorithm>
#include <vector>

#include "base/format.h"

namespace tern {

namespace {

/// Types a backend packs from directly; others are widened to f32 first.
bool packs_directly(DType dtype) {
  return dtype == DType::f32 || dtype == DType::bf16 || dtype == DType::f16;
}

}  // namespace

Tensor to_f32(const Tensor& x) {
  if (x.dtype() == DType::f32 && x.dense()) return x;
  const Tensor source = x.dense() ? x : x.clone();
  if (source.dtype() == DType::f32) return source;
  Tensor out = Tensor::empty(DType::f32, x.shape());
  if (source.dtype() == DType::f64) {
    const double* from = source.data<double>();
    float* to = out.data<float>();
    for (int64_t i = 0; i < out.numel(); ++i) to[i] = static_cast<float>(from[i]);
    return out;
  }
  if (!packs_directly(source.dtype())) {
    fail(ErrorCode::unsupported, cat("a weight of type ", to_string(x.dtype()), " cannot be widened to float32"));
  }
  Context ctx;
  ctx.backend().convert(ctx, source, out);
  return out;
}

Linear::Linear(const Tensor& weight, const Tensor& bias, DType dtype)
    : Linear(std::span(&weight, 1), std::span(&bias, 1), dtype) {}

Linear::Linear(std::span<const Tensor> weights, std::span<const Tensor> biases, DType dtype) {
  std::vector<Tensor> parts;
  for (const Tensor& w : weights) {
    if (w.shape().rank() != 2 || w.dim(1) != weights[0].dim(1)) {
      fail(ErrorCode::invalid_argument,
           cat("Linear: a weight has shape ", w.shape().to_string(), ", expected [out, in]",
               " with the same in as ", weights[0].shape().to_string()));
    }
    parts.push_back(packs_directly(w.dtype()) && w.dense() ? w : to_f32(w));
  }
  weight_ = cpu_backend().pack(ThreadPool::shared(), parts, dtype);

  bool any = false;
  for (const Tensor& b : biases) any = any || static_cast<bool>(b);
  if (!any) return;
  bias_ = Tensor::empty(DType::f32, {weight_->out_features()});
  float* out = bias_.data<float>();
  for (size_t i = 0; i < parts.size(); ++i) {
    const int64_t n = parts[i].dim(0);
    if (biases[i]) {
      const Tensor b = to_f32(biases[i]);
      std::copy_n(b.data<float>(), n, out);
    } else {
      std::fill_n(out, n, 0.0F);
    }
    out += n;
  }
}

Tensor Linear::operator()(Context& ctx, const Tensor& x, const LinearOptions& options) const {
  return linear(ctx, x, *weight_, bias_, options);
}

size_t Linear::bytes() const noexcept { return (weight_ ? weight_->bytes() : 0) + (bias_ ? bias_.bytes() : 0); }

LayerNorm::LayerNorm(const Tensor& weight, const Tensor& bias, double eps)
    : weight_(to_f32(weight)), bias_(bias ? to_f32(bias) : Tensor()), eps_(static_cast<float>(eps)) {}

Tensor LayerNorm::operator()(Context& ctx, const Tensor& x) const {
  return layer_norm(ctx, x, weight_, bias_, eps_);
}

Embedding::Embedding(const Tensor& table) : table_(packs_directly(table.dtype()) ? table : to_f32(table)) {}

}  // namespace tern
