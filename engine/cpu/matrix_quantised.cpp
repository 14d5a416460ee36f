// SPDX-License-Identifier: Apache-2.0
// Quantised weights times rows quantised to int8. A family says how its kernels are called:
//   Int8     int8 in groups of k, both sides rotated               kernels/gemm_int8
//   Blocks   a block format, rows in int8 in groups of 32; weights  kernels/gemm_block
//            that come as blocks already (a GGUF file's), or floats
//            that become int4 in groups of 32 (GGUF's q4_0)
#include "../../kernels/gemm_block/gemm_block.h"
#include "../../kernels/gemm_int8/gemm_int8.h"
#include "cpu_backend.h"
#include "matrix.h"

namespace tern::cpu {

namespace {

struct Int8 {
  using Table = kernels::GemmInt8Table;

  static const Table& table() { return kernels::gemm_int8_variants().best(kernels::isa()); }
  size_t panel_bytes(const Table& t, int64_t k) const { return t.packed_bytes(t.panel, k); }
  void pack(const Table& t, const PanelSource& s, int64_t k, std::byte* out) const {
    t.pack({.w = s.rows,
            .up = s.up,
            .w_format = s.format,
            .w_stride = k,
            .n = s.count,
            .k = k,
            .out = out,
            .panel_begin = 0,
            .panel_end = 1});
  }
  void run(const Table& t, const Rectangle& r, int64_t k) const {
    t.run({.m = r.m, .n = r.n, .k = k, .a = r.a, .lda = r.stride, .b = r.b, .out = r.out});
  }
};

struct Blocks {
  using Table = kernels::GemmBlockTable;
  kernels::BlockFormat format;
  bool quantize;  // the weights come as floats

  static const Table& table() {
    return kernels::gemm_block_variants(kernels::BlockActivation::a8).best(kernels::isa());
  }
  size_t panel_bytes(const Table& t, int64_t k) const { return t.packed_bytes(format, t.panel, k); }
  void pack(const Table& t, const PanelSource& s, int64_t k, std::byte* out) const {
    const int64_t floats = k * (s.format == kernels::Format::f32 ? 4 : 2);
    const auto blocks = static_cast<int64_t>(kernels::block_row_bytes(format, k));
    t.pack({.format = format,
            .w = s.rows,
            .up = s.up,
            .quantize = quantize,
            .w_format = s.format,
            .row_bytes = quantize ? floats : blocks,
            .n = s.count,
            .k = k,
            .out = out,
            .panel_begin = 0,
            .panel_end = 1});
  }
  void run(const Table& t, const Rectangle& r, int64_t k) const {
    t.run({.format = format,
           .m = r.m,
           .n = r.n,
           .k = k,
           .a = r.a,
           .lda = r.stride,
           .b = r.b,
           .out = r.out});
  }
};

template <class Family>
class QuantisedMatrix final : public CpuMatrix {
 public:
  QuantisedMatrix(int64_t n, int64_t k, LinearFormat format, Family family)
      : CpuMatrix(n, k, format), family_(family), gemm_(Family::table()) {
    panel = gemm_.panel;
    rows = gemm_.rows;
    panel_bytes = family_.panel_bytes(gemm_, k);
  }

  const char* kernel() const noexcept override { return gemm_.name; }

  void pack(const PanelSource& source, std::byte* out) const override {
    family_.pack(gemm_, source, in_features(), out);
  }

  KernelRows prepare(Context& ctx, const Tensor& x) const override {
    const int64_t row = static_cast<int64_t>(gemm_.row_bytes(in_features()));
    const int64_t element = static_cast<int64_t>(bits(x.dtype()) / 8);
    const Tensor out = ctx.arena().tensor(DType::u8, {x.dim(0), row});
    for_row_blocks(ctx, x.dim(0), x.dim(1), [&](int64_t begin, int64_t end) {
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

  void run(const Rectangle& r) const override { family_.run(gemm_, r, in_features()); }

 private:
  Family family_;
  const typename Family::Table& gemm_;
};

}  // namespace

std::shared_ptr<CpuMatrix> quantised_matrix(int64_t n, int64_t k, LinearFormat format) {
  if (format.weights == WeightFormat::int8) {
    return std::make_shared<QuantisedMatrix<Int8>>(n, k, format, Int8{});
  }
  const Blocks int4 = {kernels::BlockFormat::q4_0, true};
  return std::make_shared<QuantisedMatrix<Blocks>>(n, k, format, int4);
}

std::shared_ptr<CpuMatrix> block_matrix(int64_t n, int64_t k, LinearFormat format,
                                        kernels::BlockFormat blocks) {
  return std::make_shared<QuantisedMatrix<Blocks>>(n, k, format, Blocks{blocks, false});
}

}  // namespace tern::cpu
