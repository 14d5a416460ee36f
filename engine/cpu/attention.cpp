// SPDX-License-Identifier: Apache-2.0
// Attention over a packed batch. One tile is one key-value head, with the query heads that share
// it, of one block of queries of one sequence; where that makes too few tiles (decode), one range
// of its keys, and a second region merges the ranges. Both give the same bits.
#include "../../kernels/attention/attention.h"

#include <algorithm>

#include "cpu_backend.h"

namespace tern::cpu {

namespace {

using kernels::AttentionArgs;
using kernels::AttentionTable;

/// Address of (row, head) in a [rows, heads, head_dim] tensor.
std::byte* address(const Tensor& t, int64_t row, int64_t head) {
  const int64_t element = row * t.stride(0) + head * t.stride(1);
  return t.raw() + element * static_cast<int64_t>(bits(t.dtype()) / 8);
}

kernels::KvFormat kv_format(DType dtype) {
  using kernels::KvFormat;
  return dtype == DType::i8 ? KvFormat::int8 : dtype == DType::bf16 ? KvFormat::bf16 : KvFormat::f32;
}

struct Operands {
  const Tensor &q, &k, &v;
  const AttentionOptions& options;
  Tensor& y;

  int64_t kv_heads() const { return k.dim(1); }
  int64_t group() const { return q.dim(1) / k.dim(1); }
};

/// Keys that are gone of the first range that is there: ranges lie at multiples of its size, and
/// what the window hides of one is not read.
int64_t gone(const Segment& s) {
  return s.skipped % kernels::kAttentionRange;
}

/// All queries of a sequence for one key-value head.
AttentionArgs sequence_args(const Operands& x, const Segment& s, int64_t kv_head, void* scratch) {
  const AttentionOptions& o = x.options;
  const int64_t head = kv_head * x.group(), first_key = s.first_key() - gone(s);
  AttentionArgs a = {.queries = s.queries(),
                     .keys = gone(s) + s.keys(),
                     .head_dim = x.q.dim(2),
                     .heads = x.group(),
                     .q = address(x.q, s.begin, head),
                     .k = address(x.k, first_key, kv_head),
                     .v = address(x.v, first_key, kv_head),
                     .q_stride = x.q.stride(0),
                     .k_stride = x.k.stride(0),
                     .v_stride = x.v.stride(0),
                     .q_head_stride = x.q.stride(1),
                     .out = address(x.y, s.begin, head),
                     .out_stride = x.y.stride(0),
                     .out_head_stride = x.y.stride(1),
                     .scale = o.scale,
                     .softcap = o.softcap,
                     .position = gone(s) + s.position(),
                     .scratch = scratch};
  if (o.window > 0) a.before = a.after = o.window - 1;
  if (o.causal) a.after = 0;
  if (o.segments.key_mask) a.key_mask = o.segments.key_mask + first_key;
  if (const Tensor& table = o.relative_bias; table) {
    const int64_t span = (table.dim(1) + 1) / 2;
    a.relative = table.data<float>() + head * table.dim(1) + span - 1;
    a.relative_head_stride = table.dim(1);
  }
  if (const Tensor& bias = o.bias; bias) {
    a.bias_head_stride = bias.dim(0) == 1 ? 0 : bias.stride(0);
    a.bias_stride = bias.stride(1);
    a.bias = bias.data<float>() + head * a.bias_head_stride + s.begin * a.bias_stride - gone(s);
  }
  return a;
}

/// Its queries [begin, begin + count).
AttentionArgs query_block(AttentionArgs a, DType dtype, int64_t begin, int64_t count) {
  const auto bytes = static_cast<int64_t>(bits(dtype) / 8);
  a.q = static_cast<const std::byte*>(a.q) + begin * a.q_stride * bytes;
  a.out = static_cast<std::byte*>(a.out) + begin * a.out_stride * bytes;
  if (a.bias) a.bias += begin * a.bias_stride;
  a.queries = count;
  a.position += begin;
  return a;
}

/// Parts of every sequence (blocks of queries, or ranges of keys), numbered through.
class Parts {
 public:
  template <class Count>
  Parts(Context& ctx, std::span<const Segment> sequences, Count count)
      : offsets_(ctx.arena().tensor(DType::i64, {static_cast<int64_t>(sequences.size()) + 1})),
        first_(offsets_.data<int64_t>()),
        last_(first_ + offsets_.numel()) {
    int64_t* next = offsets_.data<int64_t>();
    *next = 0;
    for (const Segment& s : sequences) {
      next[1] = next[0] + count(s);
      ++next;
    }
  }

  int64_t total() const { return last_[-1]; }
  size_t sequence_of(int64_t part) const {
    return static_cast<size_t>(std::upper_bound(first_, last_, part) - first_ - 1);
  }
  int64_t first(size_t sequence) const { return first_[sequence]; }
  int64_t count(size_t sequence) const { return first_[sequence + 1] - first_[sequence]; }

 private:
  Tensor offsets_;  // [sequences + 1]
  const int64_t *first_, *last_;
};

void attend_by_queries(Context& ctx, const AttentionTable& kernel, const Operands& x) {
  const std::span<const Segment> sequences = x.options.segments.sequences;
  const int64_t step = std::max<int64_t>(1, kernel.row_block / x.group());
  const Parts blocks(ctx, sequences,
                     [=](const Segment& s) { return divide_up(s.queries(), step); });
  const ThreadScratch scratch(ctx, kernel.scratch_bytes(x.q.dim(2)));
  const int64_t heads = x.kv_heads();
  ctx.pool().parallel_for(blocks.total() * heads, [&](int64_t tile, int worker) {
    const size_t i = blocks.sequence_of(tile / heads);
    const Segment& s = sequences[i];
    // From the last: under a causal mask the tiles become shorter, and the threads end together.
    const int64_t begin = (blocks.first(i) + blocks.count(i) - 1 - tile / heads) * step;
    const AttentionArgs all = sequence_args(x, s, tile % heads, scratch.of(worker));
    kernel.run(query_block(all, x.q.dtype(), begin, std::min(step, s.queries() - begin)));
  });
}

void attend_by_ranges(Context& ctx, const AttentionTable& kernel, const Operands& x) {
  const std::span<const Segment> sequences = x.options.segments.sequences;
  const Parts ranges(ctx, sequences, [](const Segment& s) {
    return divide_up(gone(s) + s.keys(), kernels::kAttentionRange);
  });
  const ThreadScratch scratch(ctx, kernel.scratch_bytes(x.q.dim(2)));
  const int64_t heads = x.kv_heads(), head_dim = x.q.dim(2);
  int64_t most_rows = 0;
  for (const Segment& s : sequences) most_rows = std::max(most_rows, s.queries() * x.group());
  const auto room = static_cast<int64_t>(kernel.range_bytes(most_rows, head_dim));
  const StorageRef partials = ctx.arena().bytes(static_cast<size_t>(ranges.total() * heads * room));
  const auto partials_of = [&](size_t sequence, int64_t head) {
    return partials->data() +
           (ranges.first(sequence) * heads + head * ranges.count(sequence)) * room;
  };
  ctx.pool().parallel_for(ranges.total() * heads, [&](int64_t tile, int worker) {
    const size_t i = ranges.sequence_of(tile / heads);
    const int64_t head = tile % heads, range = tile / heads - ranges.first(i);
    const AttentionArgs a = sequence_args(x, sequences[i], head, scratch.of(worker));
    const auto bytes = static_cast<int64_t>(kernel.range_bytes(a.queries * a.heads, head_dim));
    kernel.range_run(a, range, partials_of(i, head) + range * bytes);
  });
  const auto merges = static_cast<int64_t>(sequences.size()) * heads;
  ctx.pool().parallel_for(merges, [&](int64_t tile, int worker) {
    const auto i = static_cast<size_t>(tile / heads);
    const AttentionArgs a = sequence_args(x, sequences[i], tile % heads, scratch.of(worker));
    kernel.merge(a, ranges.count(i), partials_of(i, tile % heads));
  });
}

/// By ranges where tiles of queries would be fewer than keep all threads busy; and in decode, since
/// the heads of a cache [keys, kv_heads, head_dim] share pages: range by range, each page is looked
/// up once for all heads.
bool splits_keys(const AttentionTable& kernel, const Operands& x, int threads) {
  constexpr int64_t kDecodeRows = 16;
  int64_t most_rows = 0, most_keys = 0;
  for (const Segment& s : x.options.segments.sequences) {
    most_rows = std::max(most_rows, s.queries() * x.group());
    most_keys = std::max(most_keys, s.keys());
  }
  if (most_rows > kernel.row_block || most_keys <= kernels::kAttentionRange) return false;
  const auto tiles = static_cast<int64_t>(x.options.segments.sequences.size()) * x.kv_heads();
  return most_rows <= kDecodeRows || tiles < 8 * threads;
}

}  // namespace

void attention(Context& ctx, const Tensor& q, const Tensor& k, const Tensor& v,
               const AttentionOptions& options, Tensor& y) {
  const auto variants = kernels::attention_variants(kernel_format(q.dtype()), kv_format(k.dtype()));
  const AttentionTable& kernel = variants.best(kernels::isa());
  const Operands operands = {q, k, v, options, y};
  if (splits_keys(kernel, operands, ctx.pool().threads())) {
    attend_by_ranges(ctx, kernel, operands);
  } else {
    attend_by_queries(ctx, kernel, operands);
  }
}

}  // namespace tern::cpu
