// SPDX-License-Identifier: Apache-2.0
// Scaled dot-product attention of one head over one sequence (Vaswani 2017), a block of queries:
//   s[i, j] = scale · q[i]·k[j] + bias(i, j);   s = -FLT_MAX where key_mask[j] == 0 or below that
//   out[i]  = sum_j softmax_j(s[i, :])[j] · v[j]
// QKᵀ, softmax and PV are fused; no [queries, keys] matrix exists in memory. Keys are taken in
// blocks of fixed size at absolute positions with an online softmax (Milakov 2018, Dao 2022), merged
// in ascending order: row i has the same bits in whatever block of queries it is computed.
// A row whose keys are all masked gets the mean of v, as in Transformers' eager attention; without
// keys the output is 0.
//
// q, k, v, out: rows `*_stride` elements apart, head_dim contiguous elements each, table's format.
// bias(i, j) = bias[i · bias_stride + j], f32: stride -1 makes a relative-position table of one head
// serve without a matrix. scratch: scratch_bytes(head_dim), 64-byte aligned, uninitialised.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../registry.h"

namespace tern::kernels {

struct AttentionArgs {
  int64_t queries, keys, head_dim;   // head_dim 1 … 256
  const void *q, *k, *v;
  int64_t q_stride, k_stride, v_stride;
  void* out;
  int64_t out_stride;
  float scale;
  const uint8_t* key_mask;   // [keys], 0 = masked, or null
  const float* bias;         // see above, or null
  int64_t bias_stride;
  void* scratch;
};

struct AttentionTable {
  const char* name;      // "attention_f32_avx512"
  Isa isa;
  Format format;         // of q, k, v and out
  int query_block;       // a good number of queries per call
  size_t (*scratch_bytes)(int64_t head_dim);
  void (*run)(const AttentionArgs&);
};

Variants<AttentionTable> attention_variants(Format format);

}  // namespace tern::kernels
