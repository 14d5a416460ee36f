// SPDX-License-Identifier: Apache-2.0
// What generate() is told: Transformers' GenerationConfig with its names and defaults, read from
// generation_config.json (or, where there is none, from config.json) and from a call's arguments.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "../../hub/repo.h"
#include "../config.h"

namespace tern {

struct TERN_API GenerationConfig {
  enum class EarlyStopping { no, yes, never };

  // How long.
  std::optional<int64_t> max_length, max_new_tokens;  // neither: 20 new tokens
  std::optional<double> max_time;  // seconds; rows end with the step that passes them
  int64_t min_length = 0, min_new_tokens = 0;
  // Which search.
  bool do_sample = false;
  int64_t num_beams = 1, num_return_sequences = 1;
  double length_penalty = 1;
  EarlyStopping early_stopping = EarlyStopping::no;
  uint64_t seed = 0;  // of do_sample; the same seed gives the same tokens
  bool use_cache = true;
  /// "quantized": keys and values in int8 with a scale for each token and head, a quarter of their
  /// memory in float32; prefill reads them rounded, too, so a prompt may be cut as one likes. Other
  /// names of Transformers, or none: as they are computed.
  std::string cache_implementation;
  bool output_logits = false;
  // Guesses that save steps (candidates.h): of what the row holds, 0 of them for none; of an
  // assistant model.
  int64_t prompt_lookup_num_tokens = 0, max_matching_ngram_size = 2;
  int64_t num_assistant_tokens = 20;
  std::string num_assistant_tokens_schedule = "constant";  // or heuristic, heuristic_transient
  double assistant_confidence_threshold = 0.4;  // an assistant stops after a token less likely
  // Special tokens.
  std::vector<int64_t> eos_token_id;
  std::optional<int64_t> pad_token_id, bos_token_id;
  /// Of encoder–decoders, what the decoder begins with: one for all rows, or one for each.
  std::vector<int64_t> decoder_start_token_id;
  std::optional<int64_t> forced_bos_token_id;
  std::vector<int64_t> forced_eos_token_id;
  std::vector<int64_t> suppress_tokens, begin_suppress_tokens;
  std::vector<std::vector<int64_t>> bad_words_ids;
  std::vector<std::string> stop_strings;  // a row ends with the token that completes one
  /// What is generated is one of a grammar's texts (GBNF, as llama.cpp reads it), or JSON that
  /// satisfies a schema (its text; {}: any JSON). Empty: anything; one of both at most.
  std::string grammar, json_schema;
  // Changes of the scores.
  struct Bias {
    std::vector<int64_t> ids;
    float bias;
  };
  std::vector<Bias> sequence_bias;  // added to the last of ids where a row ends with the others
  double repetition_penalty = 1;
  /// Classifier-free guidance, 1 for none: above it the prompt counts for more against another one
  /// (negative_prompt_ids, else the prompt's last token).
  double guidance_scale = 1;
  /// Subtracted from a token's score, as vLLM and OpenAI's interface have them: for each time that
  /// it was generated, and once when it was.
  double frequency_penalty = 0, presence_penalty = 0;
  int64_t no_repeat_ngram_size = 0;
  /// Of the tokens of the source (of a decoder-only model: the prompt), padding included: above 1
  /// they become likelier; what follows them there is forbidden after them.
  double encoder_repetition_penalty = 1;
  int64_t encoder_no_repeat_ngram_size = 0;
  bool remove_invalid_values = false, renormalize_logits = false;
  /// Behind `decay_start` generated tokens an end's score s becomes s + |s| (factor^n - 1), n
  /// tokens later: exponential_decay_length_penalty [start, factor].
  std::optional<int64_t> decay_start;
  double decay_factor = 1;
  // Only with do_sample.
  double temperature = 1, top_h = 0, top_p = 1, min_p = 0, typical_p = 1, epsilon_cutoff = 0,
         eta_cutoff = 0;
  int64_t top_k = 50;

  /// generation_config.json, else the same fields of config.json.
  static GenerationConfig from_repo(const hub::Repo& repo, const Config& config);
  /// The same with an object's members laid over it. invalid_argument: a member that is not known,
  /// of another type, or out of its range.
  GenerationConfig with(const hub::Json& arguments) const;

  /// A grammar or a schema is given.
  bool constrained() const noexcept { return !grammar.empty() || !json_schema.empty(); }
  bool quantizes_cache() const noexcept { return cache_implementation == "quantized"; }
  /// For constrained() and stop_strings.
  bool needs_tokenizer() const noexcept { return constrained() || !stop_strings.empty(); }

 private:
  void read(const Config& c);
  void read_assisted(const Config& c);
  void read_cache(const Config& c);
  void read_scores(const Config& c);
};

}  // namespace tern
