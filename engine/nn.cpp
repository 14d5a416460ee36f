// SPDX-License-Identifier: Apache-2.0
#include "nn.h"

#include <algorithm>
#include <array>
#include <vector>

#include "../kernels/rope/rope.h"
#include "base/format.h"
#include "blocks.h"

namespace tern {

namespace {

/// Types a backend packs from directly; others are widened to f32 first.
bool packs_directly(DType dtype) {
  return dtype == DType::f32 || dtype == DType::bf16 || dtype == DType::f16 || has_products(dtype);
}

/// Matrices of one width as a backend packs them.
std::vector<Tensor> packable(std::span<const Tensor> weights) {
  std::vector<Tensor> parts;
  for (const Tensor& w : weights) {
    if (w.shape().rank() != 2 || w.dim(1) != weights[0].dim(1)) {
      fail(ErrorCode::invalid_argument,
           cat("Linear: a weight has shape ", w.shape().to_string(), ", expected [out, in]",
               " with the same in as ", weights[0].shape().to_string()));
    }
    parts.push_back(packs_directly(w.dtype()) && w.dense() ? w : to_f32(w));
  }
  return parts;
}

/// One value of each in turn: [2 · out] f32, or empty when both are.
Tensor woven(const Tensor& gate, const Tensor& up) {
  if (!gate && !up) return {};
  const Tensor a = to_f32(gate), b = to_f32(up);
  Tensor out = Tensor::empty(DType::f32, {2 * a.numel()});
  for (int64_t i = 0; i < a.numel(); ++i) {
    out.data<float>()[2 * i] = a.data<float>()[i];
    out.data<float>()[2 * i + 1] = b.data<float>()[i];
  }
  return out;
}

}  // namespace

Tensor to_f32(const Tensor& x) {
  if (x.dtype() == DType::f32 && x.dense()) return x;
  const Tensor source = x.dense() ? x : x.clone();
  if (source.dtype() == DType::f32) return source;
  if (block_size(source.dtype())) return dequantized(source);
  Tensor out = Tensor::empty(DType::f32, x.shape());
  const bool known = packs_directly(source.dtype()) || source.dtype() == DType::f64;
  if (!known) {
    fail(ErrorCode::unsupported, cat("a weight of type ", to_string(x.dtype()), " cannot be widened to float32"));
  }
  Context ctx;
  ctx.backend().convert(ctx, source, out);
  return out;
}

Linear::Linear(const Tensor& weight, const Tensor& bias, LinearFormat format)
    : Linear(std::span(&weight, 1), std::span(&bias, 1), format) {}

Linear Linear::gate_up(const GateUp& w, LinearFormat format) {
  const Tensor &gate = w.gate, &up = w.up;
  std::vector<Tensor> parts = packable(std::array{gate, up});
  if (!(gate.shape() == up.shape())) {
    fail(ErrorCode::invalid_argument, cat("Linear: gate has shape ", gate.shape().to_string(), ", up ",
                                          up.shape().to_string(), "; expected the same"));
  }
  if (parts[0].dtype() != parts[1].dtype()) parts = {to_f32(parts[0]), to_f32(parts[1])};
  Linear made;
  made.weight_ = cpu_backend().pack(ThreadPool::shared(), parts, format, true);
  made.bias_ = woven(w.gate_bias, w.up_bias);
  return made;
}

Linear::Linear(std::span<const Tensor> weights, std::span<const Tensor> biases, LinearFormat format) {
  const std::vector<Tensor> parts = packable(weights);
  weight_ = cpu_backend().pack(ThreadPool::shared(), parts, format, false);

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

RMSNorm::RMSNorm(const Tensor& weight, double eps, Weight kind) : weight_(to_f32(weight)) {
  options_.eps = static_cast<float>(eps);
  if (kind == Weight::plain) return;
  options_.round_first = false;
  weight_ = weight_.clone();
  float* w = weight_.data<float>();
  for (int64_t i = 0; i < weight_.numel(); ++i) w[i] += 1;
}

Tensor RMSNorm::operator()(Context& ctx, const Tensor& x, std::optional<DType> result) const {
  RmsNormOptions options = options_;
  options.result = result;
  return rms_norm(ctx, x, weight_, options);
}

RopeAngles Rope::angles(Context& ctx, std::span<const int64_t> positions) const {
  const auto tokens = static_cast<int64_t>(positions.size());
  const auto pairs = static_cast<int64_t>(inv_freq_.size());
  RopeAngles out = {.cos = ctx.arena().tensor(DType::f32, {tokens, pairs}),
                    .sin = ctx.arena().tensor(DType::f32, {tokens, pairs}),
                    .interleaved = interleaved_};
  for (int64_t t = 0; t < tokens; ++t) {
    kernels::rope_angles({.first = positions[static_cast<size_t>(t)],
                          .count = 1,
                          .pairs = pairs,
                          .inv_freq = inv_freq_.data(),
                          .attention_factor = attention_factor_,
                          .cos = out.cos.data<float>() + t * pairs,
                          .sin = out.sin.data<float>() + t * pairs});
  }
  if (dtype_ != DType::bf16) return out;
  for (Tensor* t : {&out.cos, &out.sin}) *t = convert(ctx, convert(ctx, *t, DType::bf16), DType::f32);
  return out;
}

Embedding::Embedding(const Tensor& table) : table_(packs_directly(table.dtype()) ? table : to_f32(table)) {}

}  // namespace tern
