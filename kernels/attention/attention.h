// SPDX-License-Identifier: Apache-2.0
// Scaled dot-product attention (Vaswani 2017) of the query heads that share one key-value head,
// over one sequence. Query i stands at position p = position + i; for each key j that it sees,
//
//   s[i, j] = cap(scale · q[i]·k[j]) + bias[i, j] + relative[j - p]
//   s[i, j] = -FLT_MAX where key_mask[j] == 0 or where that is below -FLT_MAX
//   out[i]  = sum_j softmax_j(s[i, :])[j] · v[j]
//
// with cap(s) = c · tanh(s / c) for softcap c > 0, else s. Query i sees the keys
// p - before <= j <= p + after: after = 0 is causal; before = w - 1 is a sliding window of w. Keys
// outside are no keys at all; a row that sees none is 0. A row whose keys are all masked gets the
// mean of v over those it sees, as in Transformers' eager attention.
//
// QKᵀ, softmax and PV are fused; no [queries, keys] matrix exists in memory. Keys are reduced in
// blocks of 64 at absolute positions by an online softmax (Milakov 2018, Dao 2022), blocks merged
// in ascending order to ranges of kAttentionRange keys, ranges in ascending order to the row.
// Blocks and ranges without a visible key are skipped. So a row has the same bits in whatever block
// of queries it is computed, in prefill and in decode, and whoever computes its ranges (a zero may
// differ in its sign).
//
// Heads of a group are rows of one product: keys and values are read once for all of them.
// q, out: (i, h) at i · *_stride + h · *_head_stride elements, `format`; k, v: rows `*_stride`
// apart, `kv_format`; head_dim contiguous elements each. A row in int8 is head_dim codes and behind
// them, unaligned, an f32 scale, which multiplies q·codes of a key and the weight of a value;
// strides are bytes. A block of 64 keys of which some query sees one is read whole, up to `keys`:
// k, v, key_mask, and for each such query its 64 of bias and of relative. What it does not see may
// hold anything, except that v must be finite: it is multiplied by 0. Other blocks are not read,
// nor need they be there: k, v, key_mask and bias may point before what is.
//
// scratch: scratch_bytes(head_dim), 64-byte aligned, uninitialised.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../registry.h"

namespace tern::kernels {

/// Of k and v.
enum class KvFormat : int { f32, bf16, int8 };

/// Bytes of one row of k or v.
constexpr int64_t kv_row_bytes(KvFormat format, int64_t head_dim) {
  return format == KvFormat::int8 ? head_dim + 4 : head_dim * (format == KvFormat::f32 ? 4 : 2);
}

/// One row of f32 or bf16 (`format`) in int8: scale = max|x| / 127, codes x / scale rounded to
/// even. A row with a NaN or an infinity gets the scale NaN; one below 2^-120 is zeros. Portable
/// code: the bytes do not depend on the CPU.
void quantize_kv_row(const void* x, Format format, int64_t head_dim, void* out);

constexpr int64_t kAttentionBlock = 64;         // keys that are read, or skipped, together
constexpr int64_t kAttentionRange = 512;        // keys whose reduction may be handed out on its own
constexpr int64_t kAllKeys = int64_t{1} << 62;  // for before and after

struct AttentionArgs {
  int64_t queries, keys, head_dim;  // head_dim 1 … 256
  int64_t heads = 1;                // query heads of this key-value head
  const void *q, *k, *v;
  int64_t q_stride, k_stride, v_stride;
  int64_t q_head_stride = 0;
  void* out;
  int64_t out_stride, out_head_stride = 0;
  float scale;
  float softcap = 0;     // 0: none
  int64_t position = 0;  // of query 0, counted in keys
  int64_t before = kAllKeys, after = kAllKeys;
  const uint8_t* key_mask = nullptr;  // [keys], 0 = masked
  const float* bias = nullptr;        // (h, i, j) at h · bias_head_stride + i · bias_stride + j
  int64_t bias_stride = 0, bias_head_stride = 0;
  const float* relative = nullptr;  // (h, distance) at h · relative_head_stride + distance
  int64_t relative_head_stride = 0;
  void* scratch;
};

struct AttentionTable {
  const char* name;  // "attention_f32_bf16_avx512": f32 queries, bf16 keys
  Isa isa;
  Format format;       // of q and out
  KvFormat kv_format;  // of k and v
  int row_block;       // a good number of rows (queries · heads) per call
  size_t (*scratch_bytes)(int64_t head_dim);
  void (*run)(const AttentionArgs&);

  // The same in parts: range_run for each range r of keys [r, r + 1) · kAttentionRange, into
  // range_bytes of memory each; then merge makes out from `ranges` of them, one behind the other.
  size_t (*range_bytes)(int64_t rows, int64_t head_dim);
  void (*range_run)(const AttentionArgs&, int64_t range, void* partial);
  void (*merge)(const AttentionArgs&, int64_t ranges, const void* partials);
};

/// Queries in f32 or bf16 with keys in f32 (not bf16 queries), bf16 or int8; none for other pairs.
Variants<AttentionTable> attention_variants(Format format, KvFormat kv_format);

}  // namespace tern::kernels
