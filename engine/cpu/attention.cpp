// SPDX-License-Identifier: Apache-2.0
// Attention over a packed batch: one tile is one head of one block of queries of one sequence.
#include "../../kernels/attention/attention.h"

#include <algorithm>

#include "cpu_backend.h"

namespace tern::cpu {

namespace {

/// Address of (token, head) in a [tokens, heads, head_dim] tensor.
std::byte* address(const Tensor& t, int64_t token, int64_t head) {
  const int64_t element = token * t.stride(0) + head * t.stride(1);
  return t.raw() + element * static_cast<int64_t>(bits(t.dtype()) / 8);
}

/// [sequences + 1]: the number of query blocks before each sequence.
Tensor block_offsets(Context& ctx, std::span<const Segment> sequences, int query_block) {
  Tensor out = ctx.arena().tensor(DType::i64, {static_cast<int64_t>(sequences.size()) + 1});
  int64_t* first = out.data<int64_t>();
  *first = 0;
  for (const Segment& s : sequences) {
    first[1] = first[0] + divide_up(s.end - s.begin, query_block);
    ++first;
  }
  return out;
}

}  // namespace

void attention(Context& ctx, const Tensor& q, const Tensor& k, const Tensor& v,
               const AttentionOptions& options, Tensor& y) {
  const auto& kernel = kernels::attention_variants(kernel_format(q.dtype())).best(kernels::isa());
  const std::span<const Segment> sequences = options.segments.sequences;
  const int64_t heads = q.dim(1), head_dim = q.dim(2);
  const Tensor offsets = block_offsets(ctx, sequences, kernel.query_block);
  const int64_t* first = offsets.data<int64_t>();
  const int64_t* last = first + offsets.numel();

  const auto scratch_size =
      divide_up(static_cast<int64_t>(kernel.scratch_bytes(head_dim)), kAlignment) * int64_t{kAlignment};
  const StorageRef scratch =
      ctx.arena().bytes(static_cast<size_t>(scratch_size * ctx.pool().threads()));
  const uint8_t* mask = options.segments.key_mask;
  const Tensor& bias = options.relative_bias;
  const int64_t span = bias ? (bias.dim(1) + 1) / 2 : 0;

  ctx.pool().parallel_for(last[-1] * heads, [&](int64_t tile, int worker) {
    const int64_t block = tile / heads, head = tile % heads;
    const int64_t s = std::upper_bound(first, last, block) - first - 1;
    const Segment& sequence = sequences[static_cast<size_t>(s)];
    const int64_t query = (block - first[s]) * kernel.query_block;   // within the sequence
    const int64_t keys = sequence.end - sequence.begin;
    kernel.run({.queries = std::min<int64_t>(kernel.query_block, keys - query),
                .keys = keys,
                .head_dim = head_dim,
                .q = address(q, sequence.begin + query, head),
                .k = address(k, sequence.begin, head),
                .v = address(v, sequence.begin, head),
                .q_stride = q.stride(0),
                .k_stride = k.stride(0),
                .v_stride = v.stride(0),
                .out = address(y, sequence.begin + query, head),
                .out_stride = y.stride(0),
                .scale = options.scale,
                .key_mask = mask ? mask + sequence.begin : nullptr,
                .bias = bias ? bias.data<float>() + head * bias.dim(1) + span - 1 - query : nullptr,
                .bias_stride = -1,
                .scratch = scratch->data() + worker * scratch_size});
  });
}

}  // namespace tern::cpu
