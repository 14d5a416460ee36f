// SPDX-License-Identifier: Apache-2.0
// What BERT, RoBERTa and their kin compute below their heads: embeddings and post-norm layers. With
// is_decoder in the config a token sees those before it alone, in a cache too.
#pragma once

#include "encoder_layer.h"
#include "text_embeddings.h"
#include "text_heads.h"

namespace tern {

class BertBackbone : public TextBackbone {
 public:
  /// w / embeddings, encoder.layer.N; `embeddings` reads the config as EmbeddingSizes::from does.
  /// unsupported: cross attention, positions that are not absolute.
  BertBackbone(const Config& c, const Weights& w,
               EmbeddingSizes (*embeddings)(const Config&, int64_t hidden));
  Tensor run(Context& ctx, const TokenBatch& batch, std::vector<Tensor>* states) const override;

 private:
  BertBackbone(const EncoderSizes& sizes, const EmbeddingSizes& embeddings, const Weights& w);

  TextEmbeddings embeddings_;
  std::vector<PostNormLayer> layers_;
};

}  // namespace tern
