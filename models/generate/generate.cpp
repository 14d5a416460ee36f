// SPDX-License-Identifier: Apache-2.0
#include "generate.h"

#include <algorithm>
#include <chrono>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "grammar/json_schema.h"
#include "prompts.h"

namespace tern {

namespace {

constexpr int64_t kDefaultNewTokens = 20;

void check_assistant(const Model& model, const Model& assistant) {
  if (!assistant.causal() || assistant.causal()->has_encoder() != model.causal()->has_encoder()) {
    fail(ErrorCode::unsupported,
         cat("generate: ", assistant.class_name(), " cannot assist ", model.class_name(),
             ": both must be decoders, or both encoder–decoders"));
  }
  const auto vocabulary = [](const Model& m) {
    return m.config().integer({"vocab_size"}, 0, 0, INT64_MAX);
  };
  if (vocabulary(assistant) != vocabulary(model)) {
    fail(ErrorCode::unsupported,
         cat("generate: the assistant's vocabulary has ", vocabulary(assistant),
             " tokens, the model's ", vocabulary(model), ": both must have the same tokenizer"));
  }
}

void check(const Model& model, const GenerationConfig& c, const GenerateHooks& hooks) {
  const bool greedy = c.num_beams == 1 && !c.do_sample;
  if (greedy && c.num_return_sequences > 1) {
    fail(ErrorCode::invalid_argument,
         cat("generate: greedy search gives one sequence, but num_return_sequences is ",
             c.num_return_sequences, "; set do_sample or num_beams"));
  }
  if (c.num_beams > 1 && c.num_return_sequences > c.num_beams) {
    fail(ErrorCode::invalid_argument, cat("generate: num_return_sequences ", c.num_return_sequences,
                                          " is greater than num_beams ", c.num_beams));
  }
  if (c.num_beams > 1 && hooks.on_token) {
    fail(ErrorCode::unsupported,
         "generate: a callback for each token and beam search: set num_beams to 1");
  }
  const bool lookup = c.prompt_lookup_num_tokens > 0;
  if (c.num_beams > 1 && (lookup || hooks.assistant_model)) {
    fail(ErrorCode::unsupported,
         "generate: guesses (assistant_model, prompt_lookup_num_tokens) and beam search: set "
         "num_beams to 1");
  }
  if (hooks.assistant_model) check_assistant(model, *hooks.assistant_model);
  if (lookup && hooks.assistant_model) {
    fail(ErrorCode::invalid_argument,
         "generate: guesses come of assistant_model or of prompt_lookup_num_tokens, not of both");
  }
  if (hooks.past_key_values && (c.num_beams > 1 || !c.use_cache || model.causal()->has_encoder())) {
    fail(ErrorCode::unsupported,
         cat("generate: past_key_values of ", model.causal()->has_encoder() ? "an encoder–decoder"
                                              : c.use_cache                 ? "beam search"
                                                            : "a call with use_cache false"));
  }
  const bool guesses = lookup || hooks.assistant_model;
  if (c.guidance_scale != 1 && (c.num_beams > 1 || guesses || model.causal()->has_encoder())) {
    fail(ErrorCode::unsupported,
         cat("generate: guidance_scale and ", c.num_beams > 1 ? "beam search"
                                              : guesses       ? "guesses (assistant_model, "
                                                                "prompt_lookup_num_tokens)"
                                                              : "an encoder–decoder"));
  }
  if (c.quantizes_cache() && !c.use_cache) {
    fail(ErrorCode::invalid_argument,
         "generate: cache_implementation quantized without a cache: set use_cache");
  }
  if (c.needs_tokenizer() && !hooks.tokenizer) {
    fail(ErrorCode::invalid_argument,
         cat("generate: ", c.constrained() ? "grammar and json_schema" : "stop_strings",
             " need the tokenizer: give it in GenerateHooks"));
  }
  if (!c.grammar.empty() && !c.json_schema.empty())
    fail(ErrorCode::invalid_argument, "generate: give one of grammar and json_schema, not both");
  if (c.constrained() && c.eos_token_id.empty()) {
    fail(ErrorCode::invalid_argument,
         "generate: a text that a grammar ends needs a token to end with: set eos_token_id");
  }
}

void check(const Prompts& prompts, const Prompts& negative, const GenerateHooks& hooks) {
  if (hooks.past_key_values && prompts.columns.prompts() > 0) {
    fail(ErrorCode::unsupported,
         "generate: past_key_values go by ids alone: not with position_ids, token_type_ids, or "
         "padding that this model's positions count");
  }
  if (negative.real.empty() || negative.real.size() == prompts.real.size()) return;
  fail(ErrorCode::invalid_argument, cat("generate: negative_prompt_ids have ", negative.real.size(),
                                        " rows, but input_ids ", prompts.real.size()));
}

/// Null when anything may be generated.
std::shared_ptr<grammar::Constraint> constraint_of(const GenerationConfig& c,
                                                   const GenerateHooks& hooks) {
  if (!c.constrained()) return nullptr;
  const std::string text =
      c.grammar.empty() ? grammar::of_json_schema(hub::Json::parse(c.json_schema, "json_schema"))
                        : c.grammar;
  const char* what = c.grammar.empty() ? "json_schema as a grammar" : "grammar";
  return std::make_shared<grammar::Constraint>(grammar::Grammar::parse(text, what),
                                               *hooks.tokenizer, c.eos_token_id);
}

/// Tokens of a row, prompt included.
int64_t longest(const GenerationConfig& c, int64_t prompt, int64_t positions) {
  int64_t length = prompt + kDefaultNewTokens;
  if (positions > 0 && !c.max_new_tokens && !c.max_length)
    length = std::min(length, std::max(positions, prompt + 1));
  if (c.max_length) length = *c.max_length;
  if (c.max_new_tokens) length = prompt + *c.max_new_tokens;
  if (length > prompt) return length;
  fail(ErrorCode::invalid_argument,
       cat("generate: the prompt has ", prompt, " tokens and max_length is ", length,
           ": nothing can be generated; set max_new_tokens"));
}

void repeat_rows(TokenRows& rows, int64_t times) {
  TokenRows out;
  for (const std::vector<int64_t>& row : rows)
    out.insert(out.end(), static_cast<size_t>(times), row);
  rows = std::move(out);
}

Tensor sequences(const TokenRows& rows, int64_t padding) {
  size_t length = 0;
  for (const auto& row : rows) length = std::max(length, row.size());
  std::vector<int64_t> ids;
  for (const auto& row : rows) {
    ids.insert(ids.end(), row.begin(), row.end());
    ids.resize(ids.size() + length - row.size(), padding);
  }
  return Tensor::from<int64_t>(ids,
                               {static_cast<int64_t>(rows.size()), static_cast<int64_t>(length)});
}

/// [rows, steps, vocabulary]
Tensor stacked(const std::vector<Tensor>& steps) {
  const int64_t rows = steps[0].dim(0), count = static_cast<int64_t>(steps.size()),
                width = steps[0].dim(1);
  Tensor out = Tensor::empty(DType::f32, {rows, count, width});
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t step = 0; step < count; ++step) {
      std::copy_n(steps[static_cast<size_t>(step)].data<float>() + row * width, width,
                  out.data<float>() + (row * count + step) * width);
    }
  }
  return out;
}

}  // namespace

NamedTensors generate(Context& ctx, const Model& model, const NamedTensors& given,
                      const GenerationConfig& config, const GenerateHooks& hooks) {
  const CausalModel* causal = model.causal();
  if (!causal) {
    fail(ErrorCode::unsupported,
         cat("generate: ", model.class_name(), " is no causal language model"));
  }
  check(model, config, hooks);
  NamedTensors inputs = with_mask(given, config);
  Prompts negative;
  if (config.guidance_scale != 1) negative = take_negative_prompts(model, inputs);
  std::optional<std::chrono::steady_clock::time_point> until;
  if (config.max_time) {
    until = std::chrono::steady_clock::now() +
            std::chrono::nanoseconds(static_cast<int64_t>(*config.max_time * 1e9));
  }
  const bool encodes = causal->has_encoder();
  Prompts prompts = encodes ? read_decoder_prompts(inputs, config)
                            : read_prompts(model, inputs, causal->positions_count_padding());
  check(prompts, negative, hooks);
  const int64_t length = longest(config, prompts.length, model.max_length());
  std::shared_ptr<grammar::Constraint> constraint = constraint_of(config, hooks);
  Encoded encoded, assistant_encoded;
  if (encodes) {
    encoded = causal->encode_sources(ctx, inputs);
    if (const Model* assistant = hooks.assistant_model)
      assistant_encoded = assistant->causal()->encode_sources(ctx, inputs);
  }
  if (config.num_beams == 1) {
    repeat_rows(prompts.whole, config.num_return_sequences);
    repeat_rows(prompts.real, config.num_return_sequences);
  }
  Search search = {.ctx = ctx,
                   .model = *causal,
                   .config = config,
                   .whole = std::move(prompts.whole),
                   .real = std::move(prompts.real),
                   .prompt_length = prompts.length,
                   .max_length = length,
                   .positions = model.max_length(),
                   .hooks = hooks,
                   .encoded = encodes ? &encoded : nullptr,
                   .assistant_encoded = encodes ? &assistant_encoded : nullptr,
                   .columns = std::move(prompts.columns),
                   .negative = std::move(negative.real),
                   .negative_columns = std::move(negative.columns),
                   .constraint = std::move(constraint)};
  if (config.repetition_penalty != 1) search.padding = std::move(prompts.padding);
  search.until = until;
  if (config.encoder_repetition_penalty != 1 || config.encoder_no_repeat_ngram_size > 0)
    search.sources = source_rows(inputs);
  if (!config.stop_strings.empty()) search.stop.emplace(*hooks.tokenizer, config.stop_strings);
  int64_t padding = search.pad_token();
  // Transformers' beam search takes a pad_token_id of 0 for none (a tensor of 0 is false there).
  if (config.num_beams > 1 && padding == 0 && !config.eos_token_id.empty()) {
    padding = config.eos_token_id.front();
  }
  const Found found =
      config.num_beams > 1 ? search_beams(std::move(search)) : search_tokens(std::move(search));
  NamedTensors out;
  out.set("sequences", sequences(found.sequences, padding));
  if (config.num_beams > 1) {
    out.set("sequences_scores",
            Tensor::from<float>(found.scores, {static_cast<int64_t>(found.scores.size())}));
  }
  if (!found.step_logits.empty()) out.set("step_logits", stacked(found.step_logits));
  return out;
}

}  // namespace tern
