// SPDX-License-Identifier: Apache-2.0
// What the rows of a generation begin with.
#pragma once

#include "search.h"

namespace tern {

struct Prompts {
  TokenRows whole, real;  // as in Search
  std::vector<int64_t> padding;
  PromptColumns columns;
  int64_t length = 0;
};

/// The same, and where no attention_mask is given one that hides pad_token_id, if that is in
/// input_ids and no end of sequence (Transformers' _prepare_attention_mask_for_generation).
NamedTensors with_mask(const NamedTensors& inputs, const GenerationConfig& config);

/// Of a decoder-only model: input_ids, attention_mask, position_ids and, where it has them,
/// token_type_ids. positions_count_padding: as CausalModel's.
Prompts read_prompts(const Model& model, const NamedTensors& inputs, bool positions_count_padding);

/// negative_prompt_ids and negative_prompt_attention_mask, taken out of `inputs`; their positions
/// count padding, as in Transformers. None where there are none.
Prompts take_negative_prompts(const Model& model, NamedTensors& inputs);

/// input_ids as they were given, for processors that read the source; none where there are none.
TokenRows source_rows(const NamedTensors& inputs);

/// Of an encoder–decoder, for each row of its input_ids or inputs_embeds: decoder_input_ids, or the
/// config's start token, else its bos_token_id. unsupported: a decoder_attention_mask that hides
/// tokens. The source itself is not checked.
Prompts read_decoder_prompts(const NamedTensors& inputs, const GenerationConfig& config);

}  // namespace tern
