// SPDX-License-Identifier: Apache-2.0
// The CPU backend: hands out rectangles, heads and blocks of rows of each op to the thread pool and
// calls the kernel variant of the ISA level in force. Who computes a tile never changes its bits.
// pack.cpp and linear.cpp are the matrix products of all weight formats (matrix.h); attention.cpp and
// rows.cpp hold the rest.
#pragma once

#include "../../kernels/isa.h"
#include "../../kernels/norm/norm.h"
#include "../context.h"

namespace tern::cpu {

inline kernels::Act kernel_act(Act act) { return static_cast<kernels::Act>(act); }
static_assert(static_cast<int>(kernels::Act::sigmoid) == static_cast<int>(Act::sigmoid) &&
              static_cast<int>(kernels::Act::gelu_tanh) == static_cast<int>(Act::gelu_tanh));

/// f32, bf16 or f16: the types ops.h lets through to kernels.
inline kernels::Format kernel_format(DType dtype) {
  if (dtype == DType::bf16) return kernels::Format::bf16;
  return dtype == DType::f16 ? kernels::Format::f16 : kernels::Format::f32;
}

inline int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// `bytes` of a kernel's scratch memory for each thread of the pool, aligned to kAlignment.
class ThreadScratch {
 public:
  ThreadScratch(Context& ctx, size_t bytes)
      : bytes_(divide_up(static_cast<int64_t>(bytes), kAlignment) * int64_t{kAlignment}),
        memory_(ctx.arena().bytes(static_cast<size_t>(bytes_ * ctx.pool().threads()))) {}
  std::byte* of(int worker) const { return memory_->data() + worker * bytes_; }

 private:
  int64_t bytes_;
  StorageRef memory_;
};

std::shared_ptr<const PackedMatrix> pack(ThreadPool& pool, std::span<const Tensor> parts,
                                         LinearFormat format, bool woven);
std::shared_ptr<const PackedMatrix> in_place(std::span<const Tensor> parts, LinearFormat format,
                                             bool woven);
StorageRef panels(const PackedMatrix& w);
std::shared_ptr<const PackedMatrix> adopt(int64_t n, int64_t k, LinearFormat format,
                                          StorageRef panels);
std::string packed_layout(LinearFormat format);
void linear(Context& ctx, const Tensor& x, const PackedMatrix& w, const Tensor& bias,
            const LinearOptions& options, Tensor& y);
void attention(Context& ctx, const Tensor& q, const Tensor& k, const Tensor& v,
               const AttentionOptions& options, Tensor& y);
/// Rows [begin, end) of x [rows, cols] (f32 or bf16) and y of the same shape; no bias, eps 0.
kernels::NormArgs norm_args(const Tensor& x, const Tensor& weight, const Tensor& y, int64_t begin, int64_t end);
void rms_norm(Context& ctx, const Tensor& x, const Tensor& weight, const RmsNormOptions& options,
              Tensor& y);
void group_norm(Context& ctx, const Tensor& x, const GroupNormOptions& options, Tensor& y);
void rope(Context& ctx, const Tensor& x, const RopeAngles& angles);
void embedding(Context& ctx, std::span<const EmbeddingInput> inputs, Tensor& y);
void pool_rows(Context& ctx, const Tensor& x, const Segments& segments, Backend::Pooling mode, Tensor& y);

std::shared_ptr<const PackedConv> pack_conv(ThreadPool& pool, const Tensor& weight, const Tensor& scale,
                                            const ConvGeometry& geometry, DType dtype);
void conv(Context& ctx, const Tensor& x, const PackedConv& w, const Tensor& bias,
          const ConvOptions& options, Tensor& y);
void pool2d(Context& ctx, const Tensor& x, const Pool2dOptions& options, Tensor& y);

/// Calls rows(begin, end) over [0, count) in blocks of about 16 K elements: small tensors are done by
/// the caller alone, because waking a thread costs more than the work.
void for_row_blocks(Context& ctx, int64_t count, int64_t cols, FunctionRef<void(int64_t, int64_t)> rows);

}  // namespace tern::cpu
