// SPDX-License-Identifier: Apache-2.0
#include "generation_config.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "../../engine/base/error.h"
#include "../../engine/base/format.h"
#include "../key_names.h"
#include "../out_of_memory.h"

namespace tern {

namespace {

constexpr int64_t kMost = int64_t{1} << 31;
constexpr int64_t kMostGuesses = 1 << 10;

constexpr std::array<std::string_view, 51> kArguments = {"max_length",
                                                         "max_time",
                                                         "max_new_tokens",
                                                         "min_length",
                                                         "min_new_tokens",
                                                         "do_sample",
                                                         "num_beams",
                                                         "num_return_sequences",
                                                         "length_penalty",
                                                         "early_stopping",
                                                         "seed",
                                                         "use_cache",
                                                         "cache_implementation",
                                                         "cache_config",
                                                         "output_logits",
                                                         "prompt_lookup_num_tokens",
                                                         "max_matching_ngram_size",
                                                         "num_assistant_tokens",
                                                         "num_assistant_tokens_schedule",
                                                         "assistant_confidence_threshold",
                                                         "eos_token_id",
                                                         "pad_token_id",
                                                         "bos_token_id",
                                                         "decoder_start_token_id",
                                                         "forced_bos_token_id",
                                                         "forced_eos_token_id",
                                                         "suppress_tokens",
                                                         "begin_suppress_tokens",
                                                         "bad_words_ids",
                                                         "stop_strings",
                                                         "grammar",
                                                         "json_schema",
                                                         "sequence_bias",
                                                         "guidance_scale",
                                                         "repetition_penalty",
                                                         "frequency_penalty",
                                                         "presence_penalty",
                                                         "exponential_decay_length_penalty",
                                                         "no_repeat_ngram_size",
                                                         "encoder_repetition_penalty",
                                                         "encoder_no_repeat_ngram_size",
                                                         "remove_invalid_values",
                                                         "renormalize_logits",
                                                         "temperature",
                                                         "top_h",
                                                         "top_p",
                                                         "min_p",
                                                         "typical_p",
                                                         "epsilon_cutoff",
                                                         "eta_cutoff",
                                                         "top_k"};

[[noreturn]] void fail_ids(const Config& c, std::string_view name, const hub::Json& found) {
  fail(ErrorCode::invalid_argument,
       cat(c.what(), ": '", name, "' must be a token id, or a list of them, in [0, ", kMost,
           "], found ", found.dump().substr(0, 120)));
}

int64_t token_id(const Config& c, std::string_view name, const hub::Json& value) {
  const auto id = value.integer();
  if (!id || *id < 0 || *id > kMost) fail_ids(c, name, value);
  return *id;
}

/// One id or a list; null keeps what was there.
void read_ids(const Config& c, std::string_view name, std::vector<int64_t>& out) {
  const hub::Json& value = c.json()[name];
  if (value.is_null()) return;
  out.clear();
  if (!value.is_array()) out.push_back(token_id(c, name, value));
  for (const hub::Json& element : value.elements()) out.push_back(token_id(c, name, element));
}

void read_id(const Config& c, std::string_view name, std::optional<int64_t>& out) {
  const hub::Json& value = c.json()[name];
  if (!value.is_null()) out = token_id(c, name, value);
}

void read_words(const Config& c, std::vector<std::vector<int64_t>>& out) {
  const hub::Json& words = c.json()["bad_words_ids"];
  if (words.is_null()) return;
  out.clear();
  for (const hub::Json& word : words.elements()) {
    std::vector<int64_t> ids;
    for (const hub::Json& id : word.elements()) ids.push_back(token_id(c, "bad_words_ids", id));
    if (ids.empty()) fail_ids(c, "bad_words_ids", words);
    out.push_back(std::move(ids));
  }
  if (out.empty()) fail_ids(c, "bad_words_ids", words);
}

/// [[[id, …], bias], …]; null keeps what was there.
void read_biases(const Config& c, std::vector<GenerationConfig::Bias>& out) {
  const hub::Json& list = c.json()["sequence_bias"];
  if (list.is_null()) return;
  const auto refuse = [&] {
    fail(ErrorCode::invalid_argument,
         cat(c.what(), ": 'sequence_bias' must be a list of [[token ids], bias], none of them ",
             "empty, found ", list.dump().substr(0, 120)));
  };
  out.clear();
  for (const hub::Json& pair : list.elements()) {
    if (pair.elements().size() != 2) refuse();
    GenerationConfig::Bias next;
    for (const hub::Json& id : pair.elements()[0].elements())
      next.ids.push_back(token_id(c, "sequence_bias", id));
    const auto bias = pair.elements()[1].number();
    if (next.ids.empty() || !bias) refuse();
    next.bias = static_cast<float>(*bias);
    // Of equal sequences the last counts, as in a dictionary.
    std::erase_if(out, [&](const auto& other) { return other.ids == next.ids; });
    out.push_back(std::move(next));
  }
  if (out.empty()) refuse();
}

/// [start, factor]; null keeps what was there.
void read_decay(const Config& c, std::optional<int64_t>& start, double& factor) {
  const hub::Json& pair = c.json()["exponential_decay_length_penalty"];
  if (pair.is_null()) return;
  const auto elements = pair.elements();
  const auto from = elements.size() == 2 ? elements[0].integer() : std::nullopt;
  const auto by = elements.size() == 2 ? elements[1].number() : std::nullopt;
  if (!from || *from < 0 || *from > kMost || !by || !(*by > 0 && *by < 1e6)) {
    fail(ErrorCode::invalid_argument,
         cat(c.what(), ": 'exponential_decay_length_penalty' must be [start, factor] with a start ",
             "in [0, ", kMost, "] and a factor in (0, 1e6), found ", pair.dump().substr(0, 120)));
  }
  start = *from;
  factor = *by;
}

/// One string or a list; null keeps what was there.
void read_strings(const Config& c, std::string_view name, std::vector<std::string>& out) {
  const hub::Json& value = c.json()[name];
  if (value.is_null()) return;
  out.clear();
  const std::span<const hub::Json> one(&value, 1);
  for (const hub::Json& element : value.is_array() ? std::span(value.elements()) : one) {
    const auto text = element.string();
    if (!text || text->empty()) {
      fail(ErrorCode::invalid_argument,
           cat(c.what(), ": '", name,
               "' must be a text, or a list of them, none of them empty, found ",
               value.dump().substr(0, 120)));
    }
    out.emplace_back(*text);
  }
}

}  // namespace

void GenerationConfig::read(const Config& c) {
  const auto count = [&](const char* name, int64_t& value, int64_t low) {
    value = c.integer({name}, value, low, kMost);
  };
  const auto number = [&](const char* name, double& value, double low, double high) {
    value = c.number({name}, value, low, high);
  };
  if (!c.json()["max_time"].is_null()) max_time = c.number({"max_time"}, {}, 0, 1e9);
  if (!c.json()["max_length"].is_null()) max_length = c.integer({"max_length"}, {}, 1, kMost);
  if (!c.json()["max_new_tokens"].is_null())
    max_new_tokens = c.integer({"max_new_tokens"}, {}, 1, kMost);
  count("min_length", min_length, 0);
  count("min_new_tokens", min_new_tokens, 0);
  do_sample = c.boolean({"do_sample"}, do_sample);
  num_beams = c.integer({"num_beams"}, num_beams, 1, 1024);
  num_return_sequences = c.integer({"num_return_sequences"}, num_return_sequences, 1, 1024);
  number("length_penalty", length_penalty, -100, 100);
  const hub::Json& stopping = c.json()["early_stopping"];
  if (stopping.string() == "never") {
    early_stopping = EarlyStopping::never;
  } else if (!stopping.is_null()) {
    early_stopping = c.boolean({"early_stopping"}, false) ? EarlyStopping::yes : EarlyStopping::no;
  }
  seed = static_cast<uint64_t>(c.integer({"seed"}, static_cast<int64_t>(seed), 0, INT64_MAX));
  use_cache = c.boolean({"use_cache"}, use_cache);
  output_logits = c.boolean({"output_logits"}, output_logits);
  read_cache(c);
  read_assisted(c);
  read_ids(c, "eos_token_id", eos_token_id);
  read_id(c, "pad_token_id", pad_token_id);
  read_id(c, "bos_token_id", bos_token_id);
  read_ids(c, "decoder_start_token_id", decoder_start_token_id);
  read_id(c, "forced_bos_token_id", forced_bos_token_id);
  read_ids(c, "forced_eos_token_id", forced_eos_token_id);
  read_ids(c, "suppress_tokens", suppress_tokens);
  read_ids(c, "begin_suppress_tokens", begin_suppress_tokens);
  read_words(c, bad_words_ids);
  read_strings(c, "stop_strings", stop_strings);
  read_scores(c);
}

void GenerationConfig::read_scores(const Config& c) {
  const auto count = [&](const char* name, int64_t& value) {
    value = c.integer({name}, value, 0, kMost);
  };
  const auto number = [&](const char* name, double& value, double low, double high) {
    value = c.number({name}, value, low, high);
  };
  read_biases(c, sequence_bias);
  number("guidance_scale", guidance_scale, -1e6, 1e6);
  number("repetition_penalty", repetition_penalty, 1e-6, 1e6);
  number("frequency_penalty", frequency_penalty, -100, 100);
  number("presence_penalty", presence_penalty, -100, 100);
  count("no_repeat_ngram_size", no_repeat_ngram_size);
  number("encoder_repetition_penalty", encoder_repetition_penalty, 1e-6, 1e6);
  count("encoder_no_repeat_ngram_size", encoder_no_repeat_ngram_size);
  read_decay(c, decay_start, decay_factor);
  remove_invalid_values = c.boolean({"remove_invalid_values"}, remove_invalid_values);
  renormalize_logits = c.boolean({"renormalize_logits"}, renormalize_logits);
  number("temperature", temperature, 1e-6, 1e6);
  count("top_k", top_k);
  if (!c.json()["top_h"].is_null()) number("top_h", top_h, 1e-9, 1);
  number("top_p", top_p, 0, 1);
  number("min_p", min_p, 0, 1);
  number("typical_p", typical_p, 1e-9, 1);
  number("epsilon_cutoff", epsilon_cutoff, 0, 1);
  number("eta_cutoff", eta_cutoff, 0, 1);
}

void GenerationConfig::read_cache(const Config& c) {
  // Those of Transformers 5.23 (generation/configuration_utils.py).
  constexpr std::string_view kNames[] = {"",
                                         "dynamic",
                                         "offloaded",
                                         "quantized",
                                         "static",
                                         "offloaded_static",
                                         "sliding_window",
                                         "hybrid",
                                         "hybrid_chunked",
                                         "offloaded_hybrid",
                                         "offloaded_hybrid_chunked",
                                         "paged"};
  cache_implementation = c.string({"cache_implementation"}, cache_implementation);
  if (std::find(std::begin(kNames), std::end(kNames), cache_implementation) == std::end(kNames)) {
    fail(ErrorCode::invalid_argument,
         cat(c.what(), ": 'cache_implementation' must be dynamic, static, quantized or another of ",
             "Transformers' names, found '", printable_name(cache_implementation), "'"));
  }
  const hub::Json& options = c.json()["cache_config"];
  if (!quantizes_cache() || options.is_null()) return;
  const int64_t nbits = Config(options, "cache_config").integer({"nbits"}, 8, 1, 64);
  if (nbits != 8) {
    fail(ErrorCode::unsupported, cat(c.what(),
                                     ": a quantized cache has 8 bits here, 'cache_config' "
                                     "wants nbits ",
                                     nbits));
  }
}

void GenerationConfig::read_assisted(const Config& c) {
  const auto count = [&](const char* name, int64_t& value, int64_t low) {
    value = c.integer({name}, value, low, kMostGuesses);
  };
  count("prompt_lookup_num_tokens", prompt_lookup_num_tokens, 0);
  count("max_matching_ngram_size", max_matching_ngram_size, 1);
  count("num_assistant_tokens", num_assistant_tokens, 1);
  assistant_confidence_threshold =
      c.number({"assistant_confidence_threshold"}, assistant_confidence_threshold, 0, 1);
  std::string& schedule = num_assistant_tokens_schedule;
  schedule = c.string({"num_assistant_tokens_schedule"}, schedule);
  if (schedule == "constant" || schedule == "heuristic" || schedule == "heuristic_transient")
    return;
  fail(ErrorCode::invalid_argument,
       cat(c.what(),
           ": 'num_assistant_tokens_schedule' must be constant, heuristic or "
           "heuristic_transient, found '",
           printable_name(schedule), "'"));
}

GenerationConfig GenerationConfig::from_repo(const hub::Repo& repo, const Config& config) {
  return within_memory(repo.name(), [&] {
    GenerationConfig out;
    constexpr const char* kFile = "generation_config.json";
    const auto text = repo.read_if_exists(kFile);
    out.read(text ? Config(hub::Json::parse(*text, repo.path(kFile)), kFile) : config);
    return out;
  });
}

GenerationConfig GenerationConfig::with(const hub::Json& arguments) const {
  GenerationConfig out = *this;
  if (arguments.is_null()) return out;
  for (const auto& [name, value] : arguments.members()) {
    if (std::find(kArguments.begin(), kArguments.end(), name) != kArguments.end()) continue;
    std::string known;
    for (const std::string_view argument : kArguments)
      known += cat(known.empty() ? "" : ", ", argument);
    fail(ErrorCode::invalid_argument,
         cat("generate: argument '", printable_name(name), "' is not known; there are ", known));
  }
  const Config call(arguments, "generate");
  out.read(call);
  out.grammar = call.string({"grammar"}, out.grammar);
  const hub::Json& schema = arguments["json_schema"];
  if (schema.is_object() || schema.is_boolean()) {
    out.json_schema = schema.dump();
  } else {
    out.json_schema = call.string({"json_schema"}, out.json_schema);
  }
  // An argument of the call outranks a length of the file.
  const bool length = !arguments["max_length"].is_null();
  if (length && arguments["max_new_tokens"].is_null()) out.max_new_tokens.reset();
  return out;
}

}  // namespace tern
