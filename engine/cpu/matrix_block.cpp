// SPDX-License-Identifier: Apache-2.0
// int4 weights, symmetric in groups of 32 (GGUF's q4_0), times rows quantised to int8 in groups of
// 32.
#include "../../kernels/gemm_block/gemm_block.h"
#include "cpu_backend.h"
#include "matrix.h"

namespace tern::cpu {

namespace {

class BlockMatrix final : public CpuMatrix {
 public:
  BlockMatrix(int64_t n, int64_t k, LinearFormat format)
      : CpuMatrix(n, k, format),
        gemm_(kernels::gemm_block_variants(kernels::BlockActivation::a8).best(kernels::isa())) {
    panel = gemm_.panel;
    rows = gemm_.rows;
    panel_bytes = gemm_.packed_bytes(kFormat, panel, k);
  }

  void pack(const PanelSource& source, std::byte* out, std::byte* /*scratch*/) const override {
    const int64_t element = source.format == kernels::Format::f32 ? 4 : 2;
    gemm_.pack({.format = kFormat,
                .w = source.rows,
                .up = source.up,
                .quantize = true,
                .w_format = source.format,
                .row_bytes = in_features() * element,
                .n = source.count,
                .k = in_features(),
                .out = out,
                .panel_begin = 0,
                .panel_end = 1});
  }

  KernelRows prepare(Context& ctx, const Tensor& x) const override {
    const int64_t row = static_cast<int64_t>(gemm_.row_bytes(in_features()));
    Tensor out = ctx.arena().tensor(DType::u8, {x.dim(0), row});
    for_row_blocks(ctx, x.dim(0), x.dim(1), [&](int64_t begin, int64_t end) {
      const int64_t element = static_cast<int64_t>(bits(x.dtype()) / 8);
      gemm_.quantize_rows({.x = x.raw() + begin * x.stride(0) * element,
                           .format = kernel_format(x.dtype()),
                           .ldx = x.stride(0),
                           .m = end - begin,
                           .k = in_features(),
                           .out = out.raw() + begin * row,
                           .ld_out = row});
    });
    return {out, out.raw(), row};
  }

  void run(const Rectangle& r) const override {
    gemm_.run({.format = kFormat,
               .m = r.m,
               .n = r.n,
               .k = in_features(),
               .a = r.a,
               .lda = r.stride,
               .b = r.b,
               .out = r.out});
  }

 private:
  static constexpr auto kFormat = kernels::BlockFormat::q4_0;

  const kernels::GemmBlockTable& gemm_;
};

}  // namespace

std::shared_ptr<CpuMatrix> block_matrix(int64_t n, int64_t k, LinearFormat format) {
  return std::make_shared<BlockMatrix>(n, k, format);
}

}  // namespace tern::cpu
