// SPDX-License-Identifier: Apache-2.0
// The op vocabulary: what architectures are written in. Each op checks shapes and types once
// (invalid_argument: op, expected, found), makes its result in the Context's arena, and calls the
// backend. Tokens are packed: x is [tokens, features] for a whole batch.
#pragma once

#include <span>

#include "context.h"

namespace tern {

/// act(x·Wᵀ + bias) + residual: [tokens, out]; see LinearOptions. bias is [out] f32 or empty.
TERN_API Tensor linear(Context& ctx, const Tensor& x, const PackedMatrix& w, const Tensor& bias,
                       const LinearOptions& options = {});

/// Softmax attention within each sequence. q: [tokens, heads, head_dim], as is the result; k, v:
/// [keys, kv_heads, head_dim], where each key-value head serves heads / kv_heads consecutive heads.
/// q, k, v f32 or bf16, or q f32 with k, v bf16. A row has the same bits in any batch, in prefill
/// and in decode, by any number of threads.
TERN_API Tensor attention(Context& ctx, const Tensor& q, const Tensor& k, const Tensor& v,
                          const AttentionOptions& options);

/// (x - mean)/sqrt(var + eps)·weight + bias over the last dimension; x f32.
TERN_API Tensor layer_norm(Context& ctx, const Tensor& x, const Tensor& weight, const Tensor& bias,
                           float eps);

/// x/sqrt(mean(x²) + eps)·weight over the last dimension of x [tokens, features] or [tokens, heads,
/// features], f32 or bf16; weight [features] f32 or empty (Gemma's 1 + w: see RMSNorm in nn.h).
TERN_API Tensor rms_norm(Context& ctx, const Tensor& x, const Tensor& weight,
                         const RmsNormOptions& options);

/// Channels-last group norm: x [rows, channels] f32, rows being time or h·w; mean and variance over
/// the rows of a sequence and the channels of a group.
TERN_API Tensor group_norm(Context& ctx, const Tensor& x, const GroupNormOptions& options);

/// Rotary embedding of x [tokens, heads, head_dim], f32 or bf16, where it lies; x is returned. Its
/// first 2·cos.dim(1) dimensions are turned, the rest are as they were. Angles: see Rope in nn.h.
TERN_API Tensor rope(Context& ctx, const Tensor& x, const RopeAngles& angles);

/// Sum of table rows: [tokens, hidden] f32. ids outside a table: invalid_argument, naming `what`,
/// the position and the id.
TERN_API Tensor embedding(Context& ctx, std::span<const EmbeddingInput> inputs, const char* what);

TERN_API Tensor activation(Context& ctx, const Tensor& x, Act act);
TERN_API Tensor add(Context& ctx, const Tensor& a, const Tensor& b);
/// factor · x
TERN_API Tensor scale(Context& ctx, const Tensor& x, float factor);
/// cap · tanh(x / cap): Gemma 2's logits.
TERN_API Tensor softcap(Context& ctx, const Tensor& x, float cap);
/// Where it lies: y[rows[i], :] += factors[i] · x[i, :], in ascending order of i; x, y f32
/// [rows, features].
TERN_API void scatter_add(Context& ctx, const Tensor& x, std::span<const int64_t> rows,
                          std::span<const float> factors, Tensor& y);
/// Over the last dimension.
TERN_API Tensor softmax(Context& ctx, const Tensor& x);
/// f32, bf16, f16 to another of them; f64 to f32.
TERN_API Tensor convert(Context& ctx, const Tensor& x, DType dtype);
/// y[i, :] = x[rows[i], :]
TERN_API Tensor gather_rows(Context& ctx, const Tensor& x, std::span<const int64_t> rows);

using Pooling = Backend::Pooling;
/// One row per sequence.
TERN_API Tensor pool(Context& ctx, const Tensor& x, const Segments& segments, Pooling mode);
/// Rows scaled to unit length: x / max(‖x‖₂, 1e-12).
TERN_API Tensor normalize(Context& ctx, const Tensor& x);

/// x [tokens, parts·heads·head_dim] seen as `parts` tensors [tokens, heads, head_dim]; views.
TERN_API Tensor split_heads(const Tensor& x, int part, int parts, int64_t heads);
/// [tokens, heads, head_dim] seen as [tokens, heads·head_dim].
TERN_API Tensor merge_heads(const Tensor& x);

}  // namespace tern
