// SPDX-License-Identifier: Apache-2.0
// Word, token type and position embeddings summed and normalised, for packed tokens:
//   x = norm((word + type) + position)
// Every id is checked against its table before anything is computed.
#pragma once

#include "../model.h"
#include "layers.h"

namespace tern {

struct EmbeddingSizes {
  int64_t vocab = 0, positions = 0, hidden = 0;
  int64_t types = 0;  // 0: the architecture has no token types
  int64_t pad_id = 0;
  /// RoBERTa's rule: the n-th token that is no padding stands at pad_id + n (from 1), padding at
  /// pad_id. Else a token stands at its place in the sequence.
  bool positions_after_pad = false;
  /// Before training: the row of word_embeddings that is 0 (-1: none), and of position_embeddings
  /// when positions_after_pad; what the positions are when they are not random.
  int64_t zero_row = -1;
  void (*initial_positions)(float* out, int64_t rows, int64_t columns) = nullptr;
  double eps = 1e-12;

  /// BERT's names in config.json.
  static EmbeddingSizes from(const Config& c, int64_t hidden);
  /// The longest sequence.
  int64_t max_length() const { return positions_after_pad ? positions - pad_id - 1 : positions; }
};

class TextEmbeddings {
 public:
  /// w holds word_embeddings, position_embeddings, token_type_embeddings, LayerNorm.
  TextEmbeddings(const EmbeddingSizes& sizes, const Weights& w);

  /// [tokens, hidden] f32
  Tensor operator()(Context& ctx, const TokenBatch& batch) const;
  const EmbeddingSizes& sizes() const noexcept { return sizes_; }

 private:
  Tensor position_ids(Context& ctx, const TokenBatch& batch) const;

  EmbeddingSizes sizes_;
  Embedding words_, positions_, types_;
  LayerNorm norm_;
};

}  // namespace tern
