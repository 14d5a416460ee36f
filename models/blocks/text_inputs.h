// SPDX-License-Identifier: Apache-2.0
// The keyword arguments of a text encoder, checked and packed row by row. Padding keeps its place:
// as in Transformers it is a query like any other token and only masked as a key.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "../model.h"

namespace tern {

/// Any integer, boolean or floating tensor as int64, dense; `name` is for errors.
std::vector<int64_t> int64_values(const Tensor& x, std::string_view name);

/// Of an encoder–decoder: the names of the decoder's inputs begin so.
constexpr std::string_view kDecoderPrefix = "decoder_";
struct SplitInputs {
  NamedTensors encoder, decoder;
};
SplitInputs split_decoder_inputs(const NamedTensors& inputs);

struct PaddedBatch {
  int64_t rows = 0, length = 0;                                  // rows: batch, or batch · choices
  int64_t choices = 0;                                           // of multiple choice; else 0
  std::vector<int64_t> input_ids, token_type_ids, position_ids;  // [rows · length] or empty
  std::vector<uint8_t> key_mask;                                 // [rows · length] or empty
  std::vector<Segment> sequences;                                // one per row
  Tensor inputs_embeds;  // [rows · length, hidden] or empty

  /// Views of this object.
  TokenBatch tokens() const;
  Segments segments() const;
};

struct TextInputRules {
  int64_t hidden = 0;
  bool token_types = true;
  bool positions = true;
  std::string_view prefix = {};  // of the names: "decoder_"
  std::string_view others = {};  // what else the model takes, for errors
  bool choices = false;          // inputs are [batch, choices, length]
};

PaddedBatch read_text_inputs(const NamedTensors& inputs, const TextInputRules& rules);

struct TextArguments {
  bool output_hidden_states = false;
};

/// return_dict, and a decoder's use_cache, are accepted and mean nothing here; output_attentions is
/// unsupported.
TextArguments read_text_arguments(const hub::Json& arguments, const Config& config, bool decoder);

}  // namespace tern
