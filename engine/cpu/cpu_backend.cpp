// SPDX-License-Identifier: Apache-2.0
#include "cpu_backend.h"

#include <algorithm>

#include "../../kernels/activation/activation.h"
#include "../../kernels/elementwise/elementwise.h"
#include "../../kernels/norm/norm.h"
#include "../../kernels/pool/pool.h"
#include "../../kernels/softmax/softmax.h"
#include "../base/format.h"

namespace tern {

namespace {

using cpu::for_row_blocks;
using cpu::kernel_act;
using cpu::kernel_format;
using kernels::isa;

class CpuBackend final : public Backend {
 public:
  const char* name() const noexcept override { return "cpu"; }
  bool multiplies_bf16() const noexcept override {
    return static_cast<int>(isa()) >= static_cast<int>(kernels::Isa::avx512_bf16);
  }

  std::shared_ptr<const PackedMatrix> pack(ThreadPool& pool, std::span<const Tensor> parts,
                                           LinearFormat format, bool woven) override {
    return cpu::pack(pool, parts, format, woven);
  }
  std::shared_ptr<const PackedMatrix> in_place(std::span<const Tensor> parts, LinearFormat format,
                                               bool woven) const override {
    return cpu::in_place(parts, std::move(format), woven);
  }

  StorageRef panels(const PackedMatrix& w) const override { return cpu::panels(w); }

  std::shared_ptr<const PackedMatrix> adopt(int64_t n, int64_t k, LinearFormat format,
                                            StorageRef panels) const override {
    return cpu::adopt(n, k, format, std::move(panels));
  }

  std::string packed_layout(LinearFormat format) const override {
    return cpu::packed_layout(format);
  }

  DType linear_output(const PackedMatrix& w, const LinearOptions& options) const override {
    return options.matmul_input && !options.residual ? w.format().narrow : DType::f32;
  }

  void linear(Context& ctx, const Tensor& x, const PackedMatrix& w, const Tensor& bias,
              const LinearOptions& options, Tensor& y) override {
    cpu::linear(ctx, x, w, bias, options, y);
  }

  void attention(Context& ctx, const Tensor& q, const Tensor& k, const Tensor& v,
                 const AttentionOptions& options, Tensor& y) override {
    cpu::attention(ctx, q, k, v, options, y);
  }

  void layer_norm(Context& ctx, const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                  Tensor& y) override {
    const auto& kernel = kernels::norm_variants().best(isa());
    for_row_blocks(ctx, x.dim(0), x.dim(1), [&](int64_t begin, int64_t end) {
      kernels::NormArgs args = cpu::norm_args(x, weight, y, begin, end);
      args.bias = bias ? bias.data<float>() : nullptr;
      args.eps = eps;
      kernel.layer_norm(args);
    });
  }

  void rms_norm(Context& ctx, const Tensor& x, const Tensor& weight, const RmsNormOptions& options,
                Tensor& y) override {
    cpu::rms_norm(ctx, x, weight, options, y);
  }

  void group_norm(Context& ctx, const Tensor& x, const GroupNormOptions& options, Tensor& y) override {
    cpu::group_norm(ctx, x, options, y);
  }

  void rope(Context& ctx, const Tensor& x, const RopeAngles& angles) override {
    cpu::rope(ctx, x, angles);
  }

  void embedding(Context& ctx, std::span<const EmbeddingInput> inputs, Tensor& y) override {
    cpu::embedding(ctx, inputs, y);
  }

  void activation(Context& ctx, const Tensor& x, Act act, Tensor& y) override {
    const auto& kernel = kernels::activation_variants().best(isa());
    for_row_blocks(ctx, x.numel(), 1, [&](int64_t begin, int64_t end) {
      kernel.f32(kernel_act(act), x.data<float>() + begin, y.data<float>() + begin, end - begin);
    });
  }

  void add(Context& ctx, const Tensor& a, const Tensor& b, Tensor& y) override {
    const auto& kernel = kernels::elementwise_variants().best(isa());
    for_row_blocks(ctx, a.numel(), 1, [&](int64_t begin, int64_t end) {
      kernel.add(a.data<float>() + begin, b.data<float>() + begin, y.data<float>() + begin, end - begin);
    });
  }

  void scale(Context& ctx, const Tensor& x, float factor, Tensor& y) override {
    const auto& kernel = kernels::elementwise_variants().best(isa());
    for_row_blocks(ctx, x.numel(), 1, [&](int64_t begin, int64_t end) {
      kernel.scale(x.data<float>() + begin, factor, y.data<float>() + begin, end - begin);
    });
  }

  void scatter_add(Context& /*ctx*/, const Tensor& x, std::span<const int64_t> rows,
                   std::span<const float> factors, Tensor& y) override {
    const auto& kernel = kernels::elementwise_variants().best(isa());
    const int64_t width = x.dim(1);
    for (size_t i = 0; i < rows.size(); ++i) {
      kernel.add_scaled(x.data<float>() + static_cast<int64_t>(i) * width, factors[i],
                        y.data<float>() + rows[i] * width, width);
    }
  }

  void softmax(Context& ctx, const Tensor& x, Tensor& y) override {
    const auto& kernel = kernels::softmax_variants().best(isa());
    const int64_t cols = x.shape().back();
    const int64_t rows = cols == 0 ? 0 : x.numel() / cols;
    for_row_blocks(ctx, rows, cols, [&](int64_t begin, int64_t end) {
      kernel.softmax({.rows = end - begin,
                      .cols = cols,
                      .x_format = kernels::Format::f32,
                      .x = x.data<float>() + begin * cols,
                      .x_stride = cols,
                      .y_format = kernels::Format::f32,
                      .y = y.data<float>() + begin * cols,
                      .y_stride = cols});
    });
  }

  void convert(Context& ctx, const Tensor& x, Tensor& y) override {
    const auto& kernel = kernels::elementwise_variants().best(isa());
    const size_t from = bits(x.dtype()) / 8, to = bits(y.dtype()) / 8;
    for_row_blocks(ctx, x.numel(), 1, [&](int64_t begin, int64_t end) {
      if (x.dtype() == DType::f64) {
        return kernel.f64_to_f32(x.data<double>() + begin, y.data<float>() + begin, end - begin);
      }
      kernel.convert(x.raw() + static_cast<size_t>(begin) * from, kernel_format(x.dtype()),
                     y.raw() + static_cast<size_t>(begin) * to, kernel_format(y.dtype()), end - begin);
    });
  }

  void gather_rows(Context& /*ctx*/, const Tensor& x, std::span<const int64_t> rows, Tensor& y) override {
    float* out = y.data<float>();
    for (int64_t row : rows) {
      out = std::copy_n(x.data<float>() + row * x.stride(0), x.dim(1), out);
    }
  }

  void pool(Context& ctx, const Tensor& x, const Segments& segments, Pooling mode, Tensor& y) override {
    cpu::pool_rows(ctx, x, segments, mode, y);
  }

  std::shared_ptr<const PackedConv> pack_conv(ThreadPool& pool, const Tensor& weight, const Tensor& scale,
                                              const ConvGeometry& geometry, DType dtype) override {
    return cpu::pack_conv(pool, weight, scale, geometry, dtype);
  }

  void conv(Context& ctx, const Tensor& x, const PackedConv& w, const Tensor& bias,
            const ConvOptions& options, Tensor& y) override {
    cpu::conv(ctx, x, w, bias, options, y);
  }

  void pool2d(Context& ctx, const Tensor& x, const Pool2dOptions& options, Tensor& y) override {
    cpu::pool2d(ctx, x, options, y);
  }

  void normalize(Context& ctx, const Tensor& x, Tensor& y) override {
    constexpr float kEps = 1e-12F;   // the default of torch.nn.functional.normalize
    const auto& kernel = kernels::pool_variants().best(isa());
    for_row_blocks(ctx, x.dim(0), x.dim(1), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        kernel.normalize(x.data<float>() + i * x.dim(1), kEps, y.data<float>() + i * y.dim(1), x.dim(1));
      }
    });
  }
};

}  // namespace

Backend& cpu_backend() {
  static auto* backend = new CpuBackend;   // never destroyed: threads may outlive static objects
  return *backend;
}

std::string cpu_isa() {
  std::string names = kernels::isa_name(isa());
  if (isa() != kernels::hardware_isa()) names += cat(" of ", kernels::isa_name(kernels::hardware_isa()));
  return names;
}

}  // namespace tern
