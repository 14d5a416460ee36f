// SPDX-License-Identifier: Apache-2.0
// Shape and type checks of the op vocabulary, once, before any kernel runs.
#include "ops.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "../kernels/attention/attention.h"
#include "base/format.h"
#include "blocks.h"

namespace tern {

namespace {

[[noreturn]] void fail_shape(std::string_view op, std::string_view what, const Shape& found,
                             std::string_view expected) {
  fail(ErrorCode::invalid_argument, cat(op, ": ", what, " has shape ", found.to_string(),
                                        ", expected ", expected));
}

/// `expected` are the pieces of the message, joined only when it is needed: a check allocates nothing.
template <class... Parts>
void require(bool ok, std::string_view op, std::string_view what, const Tensor& found,
             const Parts&... expected) {
  if (!ok) fail_shape(op, what, found.shape(), cat(expected...));
}

void require_shape(std::string_view op, std::string_view what, const Tensor& found, const Shape& expected) {
  if (!(found.shape() == expected)) fail_shape(op, what, found.shape(), expected.to_string());
}

void require_dtype(std::string_view op, std::string_view what, const Tensor& x,
                   std::initializer_list<DType> allowed) {
  if (std::find(allowed.begin(), allowed.end(), x.dtype()) != allowed.end()) return;
  std::string names;
  for (DType d : allowed) names += cat(names.empty() ? "" : " or ", to_string(d));
  fail(ErrorCode::invalid_argument,
       cat(op, ": ", what, " is ", to_string(x.dtype()), ", expected ", names));
}

/// The last dimension is contiguous, so that a row can be handed to a kernel.
void require_rows(std::string_view op, std::string_view what, const Tensor& x) {
  const size_t rank = x.shape().rank();
  const bool ok = rank > 0 && (x.shape().back() <= 1 || x.stride(rank - 1) == 1);
  if (!ok) fail(ErrorCode::invalid_argument, cat(op, ": ", what, " has no contiguous last dimension"));
}

void require_dense_f32(std::string_view op, std::string_view what, const Tensor& x) {
  require_dtype(op, what, x, {DType::f32});
  if (!x.dense()) fail(ErrorCode::invalid_argument, cat(op, ": ", what, " is not dense"));
}

void require_row_ids(std::string_view op, std::span<const int64_t> rows, int64_t count) {
  for (int64_t row : rows) {
    if (row < 0 || row >= count) fail(ErrorCode::invalid_argument, cat(op, ": row ", row, " of ", count));
  }
}

void check_segments(std::string_view op, const Segments& segments, int64_t tokens) {
  int64_t at = 0;
  for (const Segment& s : segments.sequences) {
    if (s.begin != at || s.end < s.begin || s.end > tokens) {
      fail(ErrorCode::invalid_argument, cat(op, ": a sequence is tokens [", s.begin, ", ", s.end,
                                            "), expected to begin at ", at, " and end by ", tokens));
    }
    at = s.end;
  }
  if (at != tokens) {
    fail(ErrorCode::invalid_argument,
         cat(op, ": the sequences end at token ", at, " but there are ", tokens));
  }
}

void check_attention_inputs(const Tensor& q, const Tensor& k, const Tensor& v) {
  require(q.shape().rank() == 3, "attention", "q", q, "[tokens, heads, head_dim]");
  require(q.dim(2) >= 1 && q.dim(2) <= 256, "attention", "q", q, "a head_dim of 1 to 256");
  const int64_t width = k.dtype() == DType::i8
                            ? kernels::kv_row_bytes(kernels::KvFormat::int8, q.dim(2))
                            : q.dim(2);
  require(k.shape().rank() == 3 && k.dim(2) == width && k.dim(1) > 0 && q.dim(1) % k.dim(1) == 0,
          "attention", "k", k, "[keys, a divisor of ", q.dim(1), ", ", width, "]");
  require_shape("attention", "v", v, k.shape());
  require_dtype("attention", "q", q, {DType::f32, DType::bf16});
  if (q.dtype() == DType::f32) {
    require_dtype("attention", "k", k, {DType::f32, DType::bf16, DType::i8});
  } else {
    require_dtype("attention", "k", k, {DType::bf16, DType::i8});
  }
  require_dtype("attention", "v", v, {k.dtype()});
  for (const Tensor* t : {&q, &k, &v}) require_rows("attention", "q, k or v", *t);
}

void check_keys(const Segments& segments, int64_t rows, int64_t window) {
  for (const Segment& s : segments.sequences) {
    if (s.skipped != 0 && (s.skipped < 0 || s.skipped % kernels::kAttentionBlock != 0 ||
                           window < 1 || s.position() < window - 1)) {
      fail(ErrorCode::invalid_argument,
           cat("attention: a sequence has ", s.keys(), " keys for ", s.queries(), " queries after ",
               s.skipped, " that are gone, expected these in blocks of ", kernels::kAttentionBlock,
               " and beyond a window, here ", window));
    }
    const int64_t first = s.first_key();
    if (first < 0 || s.keys() < 0 || s.keys() > rows - first) {
      fail(ErrorCode::invalid_argument,
           cat("attention: the keys of a sequence are rows [", first, ", ", first + s.keys(),
               "), expected a range within the ", rows, " rows of k"));
    }
  }
}

void check_attention_biases(const Tensor& q, const AttentionOptions& options) {
  int64_t longest = 0, keys = 0;
  for (const Segment& s : options.segments.sequences) {
    longest = std::max({longest, s.queries(), s.keys()});
    keys = std::max(keys, s.keys());
  }
  const int64_t heads = q.dim(1), tokens = q.dim(0);
  const Tensor& table = options.relative_bias;
  if (table) {
    require(table.shape().rank() == 2 && table.dim(0) == heads && table.dim(1) % 2 == 1 &&
                (table.dim(1) + 1) / 2 >= longest,
            "attention", "relative_bias", table, "[", heads, ", 2·span - 1] with span ≥ ", longest);
    require_dense_f32("attention", "relative_bias", table);
  }
  const Tensor& bias = options.bias;
  if (bias) {
    require(bias.shape().rank() == 3 && (bias.dim(0) == heads || bias.dim(0) == 1) &&
                bias.dim(1) == tokens && bias.dim(2) >= keys,
            "attention", "bias", bias, "[", heads, " or 1, ", tokens, ", ≥ ", keys, "]");
    require_dtype("attention", "bias", bias, {DType::f32});
    require_rows("attention", "bias", bias);
  }
}

}  // namespace

Tensor linear(Context& ctx, const Tensor& x, const PackedMatrix& w, const Tensor& bias,
              const LinearOptions& options) {
  ctx.check();
  require(x.shape().rank() == 2 && x.dim(1) == w.in_features(), "linear", "x", x,
          "[tokens, ", w.in_features(), "]");
  require_dtype("linear", "x", x, {DType::f32, DType::bf16});
  require_rows("linear", "x", x);
  if (bias) {
    require(bias.numel() == w.out_features(), "linear", "bias", bias, "[", w.out_features(), "]");
    require_dense_f32("linear", "bias", bias);
  }
  if (options.gate && w.out_features() % 2 != 0) {
    fail(ErrorCode::invalid_argument, cat("linear: a gated result needs pairs of columns, but there are ",
                                          w.out_features()));
  }
  const int64_t out = options.gate ? w.out_features() / 2 : w.out_features();
  if (options.residual) {
    require(options.residual.shape() == Shape({x.dim(0), out}), "linear", "residual",
            options.residual, "[", x.dim(0), ", ", out, "]");
    require_dtype("linear", "residual", options.residual, {DType::f32});
    require_rows("linear", "residual", options.residual);
  }
  Tensor y = ctx.arena().tensor(ctx.backend().linear_output(w, options), {x.dim(0), out});
  ctx.backend().linear(ctx, x, w, bias, options, y);
  return y;
}

Tensor attention(Context& ctx, const Tensor& q, const Tensor& k, const Tensor& v,
                 const AttentionOptions& options) {
  ctx.check();
  check_attention_inputs(q, k, v);
  check_segments("attention", options.segments, q.dim(0));
  check_keys(options.segments, k.dim(0), options.window);
  check_attention_biases(q, options);
  if (!(options.softcap >= 0) || options.window < 0) {
    fail(ErrorCode::invalid_argument, cat("attention: softcap ", options.softcap, " and window ",
                                          options.window, ", expected 0 or more"));
  }
  AttentionOptions resolved = options;
  if (resolved.scale == 0) resolved.scale = 1.0F / std::sqrt(static_cast<float>(q.dim(2)));
  Tensor y = ctx.arena().tensor(q.dtype(), q.shape());
  ctx.backend().attention(ctx, q, k, v, resolved, y);
  return y;
}

Tensor layer_norm(Context& ctx, const Tensor& x, const Tensor& weight, const Tensor& bias, float eps) {
  require(x.shape().rank() == 2, "layer_norm", "x", x, "[tokens, features]");
  require_dtype("layer_norm", "x", x, {DType::f32});
  require_rows("layer_norm", "x", x);
  for (const Tensor* t : {&weight, &bias}) {
    if (!*t) continue;
    require(t->numel() == x.dim(1), "layer_norm", "weight or bias", *t, "[", x.dim(1), "]");
    require_dense_f32("layer_norm", "weight or bias", *t);
  }
  Tensor y = ctx.arena().tensor(DType::f32, x.shape());
  ctx.backend().layer_norm(ctx, x, weight, bias, eps, y);
  return y;
}

Tensor rms_norm(Context& ctx, const Tensor& x, const Tensor& weight, const RmsNormOptions& options) {
  const size_t rank = x.shape().rank();
  require(rank == 2 || rank == 3, "rms_norm", "x", x, "[tokens, features] or [tokens, heads, features]");
  require_dtype("rms_norm", "x", x, {DType::f32, DType::bf16});
  require_rows("rms_norm", "x", x);
  if (weight) {
    require(weight.numel() == x.dim(rank - 1), "rms_norm", "weight", weight, "[", x.dim(rank - 1), "]");
    require_dense_f32("rms_norm", "weight", weight);
  }
  const DType result = options.result.value_or(x.dtype());
  if (result != DType::f32 && result != DType::bf16) {
    fail(ErrorCode::invalid_argument,
         cat("rms_norm: the result is ", to_string(result), ", expected float32 or bfloat16"));
  }
  Tensor y = ctx.arena().tensor(result, x.shape());
  ctx.backend().rms_norm(ctx, x, weight, options, y);
  return y;
}

Tensor group_norm(Context& ctx, const Tensor& x, const GroupNormOptions& options) {
  ctx.check();
  require(x.shape().rank() == 2, "group_norm", "x", x, "[rows, channels]");
  require_dtype("group_norm", "x", x, {DType::f32});
  require_rows("group_norm", "x", x);
  if (options.groups < 1 || x.dim(1) % options.groups != 0) {
    fail(ErrorCode::invalid_argument,
         cat("group_norm: ", options.groups, " groups do not divide ", x.dim(1), " channels"));
  }
  for (const Tensor* t : {&options.weight, &options.bias}) {
    if (!*t) continue;
    require(t->numel() == x.dim(1), "group_norm", "weight or bias", *t, "[", x.dim(1), "]");
    require_dense_f32("group_norm", "weight or bias", *t);
  }
  if (!options.sequences.empty()) check_segments("group_norm", {options.sequences}, x.dim(0));
  Tensor y = ctx.arena().tensor(DType::f32, x.shape());
  ctx.backend().group_norm(ctx, x, options, y);
  return y;
}

Tensor rope(Context& ctx, const Tensor& x, const RopeAngles& angles) {
  require(x.shape().rank() == 3, "rope", "x", x, "[tokens, heads, head_dim]");
  require_dtype("rope", "x", x, {DType::f32, DType::bf16});
  require_rows("rope", "x", x);
  const Tensor& cos = angles.cos;
  require(cos.shape().rank() == 2 && cos.dim(0) == x.dim(0) && 2 * cos.dim(1) <= x.dim(2), "rope", "cos",
          cos, "[", x.dim(0), ", at most ", x.dim(2) / 2, "]");
  require_shape("rope", "sin", angles.sin, cos.shape());
  for (const Tensor* t : {&cos, &angles.sin}) require_dense_f32("rope", "cos or sin", *t);
  ctx.backend().rope(ctx, x, angles);
  return x;
}

Tensor embedding(Context& ctx, std::span<const EmbeddingInput> inputs, const char* what) {
  ctx.check();
  if (inputs.empty() || inputs.size() > 8) {
    fail(ErrorCode::invalid_argument, cat(what, ": ", inputs.size(), " tables, expected 1 to 8"));
  }
  const Tensor& first = inputs[0].table;
  for (const EmbeddingInput& in : inputs) {
    require(in.table.shape().rank() == 2 && in.table.dim(1) == first.dim(1), what, "a table", in.table,
            "[entries, ", first.dim(1), "]");
    if (!has_products(in.table.dtype())) {
      require_dtype(what, "a table", in.table, {DType::f32, DType::bf16, DType::f16});
    }
    if (!in.table.dense()) fail(ErrorCode::invalid_argument, cat(what, ": a table is not dense"));
    if (in.ids.size() != inputs[0].ids.size()) {
      fail(ErrorCode::invalid_argument, cat(what, ": ", in.ids.size(), " ids for one table and ",
                                            inputs[0].ids.size(), " for another"));
    }
    const auto bad = std::find_if(in.ids.begin(), in.ids.end(),
                                  [&](int64_t id) { return id < 0 || id >= in.table.dim(0); });
    if (bad != in.ids.end()) {
      fail(ErrorCode::invalid_argument,
           cat(what, ": id ", *bad, " at token ", bad - in.ids.begin(), " is outside the table of ",
               in.table.dim(0), " entries: does the tokenizer belong to this model?"));
    }
  }
  Tensor y = ctx.arena().tensor(DType::f32, {static_cast<int64_t>(inputs[0].ids.size()), first.dim(1)});
  ctx.backend().embedding(ctx, inputs, y);
  return y;
}

Tensor activation(Context& ctx, const Tensor& x, Act act) {
  require_dense_f32("activation", "x", x);
  Tensor y = ctx.arena().tensor(DType::f32, x.shape());
  ctx.backend().activation(ctx, x, act, y);
  return y;
}

Tensor add(Context& ctx, const Tensor& a, const Tensor& b) {
  require_shape("add", "b", b, a.shape());
  require_dense_f32("add", "a", a);
  require_dense_f32("add", "b", b);
  Tensor y = ctx.arena().tensor(DType::f32, a.shape());
  ctx.backend().add(ctx, a, b, y);
  return y;
}

Tensor scale(Context& ctx, const Tensor& x, float factor) {
  require_dense_f32("scale", "x", x);
  Tensor y = ctx.arena().tensor(DType::f32, x.shape());
  ctx.backend().scale(ctx, x, factor, y);
  return y;
}

Tensor softcap(Context& ctx, const Tensor& x, float cap) {
  return scale(ctx, activation(ctx, scale(ctx, x, 1 / cap), Act::tanh), cap);
}

void scatter_add(Context& ctx, const Tensor& x, std::span<const int64_t> rows,
                 std::span<const float> factors, Tensor& y) {
  require(x.shape().rank() == 2, "scatter_add", "x", x, "[rows, features]");
  require(y.shape().rank() == 2 && y.dim(1) == x.dim(1), "scatter_add", "y", y, "[rows, ", x.dim(1), "]");
  for (const Tensor* t : {&x, &std::as_const(y)}) require_dense_f32("scatter_add", "x or y", *t);
  const auto count = static_cast<size_t>(x.dim(0));
  if (rows.size() != count || factors.size() != count) {
    fail(ErrorCode::invalid_argument, cat("scatter_add: ", rows.size(), " rows and ", factors.size(),
                                          " factors for ", count, " rows of x"));
  }
  require_row_ids("scatter_add", rows, y.dim(0));
  ctx.backend().scatter_add(ctx, x, rows, factors, y);
}

Tensor softmax(Context& ctx, const Tensor& x) {
  require(x.shape().rank() >= 1, "softmax", "x", x, "at least one dimension");
  require_dense_f32("softmax", "x", x);
  Tensor y = ctx.arena().tensor(DType::f32, x.shape());
  ctx.backend().softmax(ctx, x, y);
  return y;
}

Tensor convert(Context& ctx, const Tensor& x, DType dtype) {
  require_dtype("convert", "x", x, {DType::f32, DType::bf16, DType::f16, DType::f64});
  const bool narrow = dtype == DType::bf16 || dtype == DType::f16;
  if (dtype != DType::f32 && (!narrow || x.dtype() == DType::f64)) {
    fail(ErrorCode::invalid_argument, cat("convert: ", to_string(x.dtype()), " to ", to_string(dtype), " is not supported"));
  }
  if (!x.dense()) fail(ErrorCode::invalid_argument, "convert: x is not dense");
  Tensor y = ctx.arena().tensor(dtype, x.shape());
  ctx.backend().convert(ctx, x, y);
  return y;
}

Tensor gather_rows(Context& ctx, const Tensor& x, std::span<const int64_t> rows) {
  require(x.shape().rank() == 2, "gather_rows", "x", x, "[rows, features]");
  require_dtype("gather_rows", "x", x, {DType::f32});
  require_rows("gather_rows", "x", x);
  require_row_ids("gather_rows", rows, x.dim(0));
  Tensor y = ctx.arena().tensor(DType::f32, {static_cast<int64_t>(rows.size()), x.dim(1)});
  ctx.backend().gather_rows(ctx, x, rows, y);
  return y;
}

Tensor pool(Context& ctx, const Tensor& x, const Segments& segments, Pooling mode) {
  require(x.shape().rank() == 2, "pool", "x", x, "[tokens, features]");
  require_dtype("pool", "x", x, {DType::f32});
  require_rows("pool", "x", x);
  check_segments("pool", segments, x.dim(0));
  Tensor y = ctx.arena().tensor(DType::f32, {static_cast<int64_t>(segments.sequences.size()), x.dim(1)});
  ctx.backend().pool(ctx, x, segments, mode, y);
  return y;
}

Tensor normalize(Context& ctx, const Tensor& x) {
  require(x.shape().rank() == 2, "normalize", "x", x, "[rows, features]");
  require_dense_f32("normalize", "x", x);
  Tensor y = ctx.arena().tensor(DType::f32, x.shape());
  ctx.backend().normalize(ctx, x, y);
  return y;
}

Tensor split_heads(const Tensor& x, int part, int parts, int64_t heads) {
  const int64_t total = parts * heads;
  require(x.shape().rank() == 2 && total > 0 && x.dim(1) % total == 0, "split_heads", "x", x,
          "[tokens, a multiple of ", total, "]");
  const int64_t width = x.dim(1) / parts;
  return x.slice(1, part * width, (part + 1) * width).split(1, heads);
}

Tensor merge_heads(const Tensor& x) {
  require(x.shape().rank() == 3, "merge_heads", "x", x, "[tokens, heads, head_dim]");
  return x.reshape({x.dim(0), x.dim(1) * x.dim(2)});
}

}  // namespace tern
