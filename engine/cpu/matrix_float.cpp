// SPDX-License-Identifier: Apache-2.0
// Weights in f32, f16 or bf16. bf16 weights multiply bf16 rows; the others f32 rows.
#include "../../kernels/elementwise/elementwise.h"
#include "../../kernels/gemm/gemm.h"
#include "cpu_backend.h"
#include "matrix.h"

namespace tern::cpu {

namespace {

kernels::Format weight_format(WeightFormat format) {
  if (format == WeightFormat::bf16) return kernels::Format::bf16;
  return format == WeightFormat::f16 ? kernels::Format::f16 : kernels::Format::f32;
}

const kernels::GemmTable& table_for(WeightFormat format) {
  const kernels::Format b = weight_format(format);
  const kernels::Format a = b == kernels::Format::bf16 ? b : kernels::Format::f32;
  return kernels::gemm_variants(a, b).best(kernels::isa());
}

class FloatMatrix final : public CpuMatrix {
 public:
  FloatMatrix(int64_t n, int64_t k, LinearFormat format)
      : CpuMatrix(n, k, format), gemm_(table_for(format.weights)) {
    panel = gemm_.panel;
    rows = gemm_.rows;
    panel_bytes = gemm_.packed_bytes(panel, k);
  }

  const char* kernel() const noexcept override { return gemm_.name; }

  void pack(const PanelSource& source, std::byte* out) const override {
    gemm_.pack({.w = source.rows,
                .up = source.up,
                .w_format = source.format,
                .w_stride = in_features(),
                .n = source.count,
                .k = in_features(),
                .out = out,
                .panel_begin = 0,
                .panel_end = 1});
  }

  KernelRows prepare(Context& ctx, const Tensor& x) const override {
    if (kernel_format(x.dtype()) == gemm_.a_format) return rows_of(x);
    const DType dtype = gemm_.a_format == kernels::Format::bf16 ? DType::bf16 : DType::f32;
    Tensor out = ctx.arena().tensor(dtype, x.shape());
    const auto convert = kernels::elementwise_variants().best(kernels::isa()).convert;
    const KernelRows from = rows_of(x), to = rows_of(out);
    for_row_blocks(ctx, x.dim(0), x.dim(1), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        convert(from.data + i * from.stride, kernel_format(x.dtype()), out.raw() + i * to.stride,
                gemm_.a_format, x.dim(1));
      }
    });
    return to;
  }

  void run(const Rectangle& r) const override {
    gemm_.run({.m = r.m,
               .n = r.n,
               .k = in_features(),
               .a = r.a,
               .lda = r.stride / (gemm_.a_format == kernels::Format::f32 ? 4 : 2),
               .b = r.b,
               .out = r.out});
  }

 private:
  static KernelRows rows_of(const Tensor& x) {
    return {x, x.raw(), x.stride(0) * static_cast<int64_t>(bits(x.dtype()) / 8)};
  }

  const kernels::GemmTable& gemm_;
};

}  // namespace

std::shared_ptr<CpuMatrix> float_matrix(int64_t n, int64_t k, LinearFormat format) {
  return std::make_shared<FloatMatrix>(n, k, format);
}

}  // namespace tern::cpu
