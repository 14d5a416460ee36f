// SPDX-License-Identifier: Apache-2.0
// Text generation with language models, as Transformers' generate(): greedy search, sampling, beam
// search. Padding of a prompt (attention_mask 0, on either side or inside) is not computed;
// positions of decoder-only models count real tokens (BART's: all), as there. An encoder–decoder
// reads the prompt once with its encoder, for all beams and sequences.
#pragma once

#include <functional>
#include <optional>

#include "../auto.h"
#include "../text/tokenizer.h"
#include "generation_config.h"
#include "past_key_values.h"

namespace tern {

/// What a call has beside its arguments.
struct GenerateHooks {
  /// Needed for stop_strings, grammar and json_schema.
  std::optional<Tokenizer> tokenizer = {};
  /// Called with each token when it has been chosen, `row` being one of `sequences`; false ends the
  /// row. TextStream makes text of them as it comes. Not with beams, which are not final until the
  /// end.
  std::function<bool(int64_t row, int64_t token)> on_token = {};
  /// Assisted generation: a smaller model with the same vocabulary, whose guesses the model checks
  /// several at a time. The tokens are those of the call without it, bit for bit.
  const Model* assistant_model = nullptr;
  /// Goes on from what an earlier call has computed, and leaves it what this one has. Not with
  /// beams, nor of an encoder–decoder.
  PastKeyValues* past_key_values = nullptr;
  /// Called after each step of a row with guesses (of the assistant, or of
  /// prompt_lookup_num_tokens): how many there were, and how many of them were right.
  std::function<void(int64_t guessed, int64_t right)> on_guesses = {};
};

/// inputs: input_ids [rows, length], attention_mask [rows, length] (absent: all 1); of a decoder
/// also position_ids, token_type_ids (what follows goes on from their last column, as in
/// Transformers) and, for guidance_scale, negative_prompt_ids, negative_prompt_attention_mask; of
/// an encoder–decoder also decoder_input_ids [rows, length] (absent: decoder_start_token_id, which
/// is put before them when no row begins with it). Outputs:
/// - sequences [rows · num_return_sequences, longest] i64: prompt (an encoder–decoder's: what its
///   decoder began with) and continuation, then padding.
/// - sequences_scores [the same rows] f32, of beams: sum of log probabilities /
/// length^length_penalty.
/// - step_logits [rows, or all beams, steps, vocabulary] f32, with output_logits.
///
/// The call ends early with ctx's cancellation or deadline. unsupported: a model that is no
/// language model that generates; invalid_argument: ids, a prompt as long as max_length, arguments
/// that contradict.
TERN_API NamedTensors generate(Context& ctx, const Model& model, const NamedTensors& inputs,
                               const GenerationConfig& config, const GenerateHooks& hooks = {});

}  // namespace tern
