// SPDX-License-Identifier: Apache-2.0
// GGUF files that lie about the model in them: each is an Error, or a model that runs.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <string>

#include "../hub/formats/gguf_bytes.h"
#include "gguf_export.h"
#include "golden.h"

using namespace tern;
using namespace tern::test;

namespace {

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

/// Golden checkpoints as GGUF, in blocks where their rows are whole ones.
std::vector<GgufFileBytes> exports() {
  struct Source {
    const char *folder, *architecture;
  };
  std::vector<GgufFileBytes> out;
  for (const Source& source :
       {Source{"llama", "llama"}, Source{"mixtral", "llama"}, Source{"gemma3", "gemma3"},
        Source{"phi3-longrope", "phi3"}, Source{"gpt2", "gpt2"}}) {
    out.push_back(export_gguf(golden::root() + "/" + source.folder, source.architecture));
    for (GgufFileBytes::Item& item : out.back().items) {
      const bool whole = item.shape.size() == 2 && item.shape[1] % 32 == 0;
      if (whole) quantize(item, hub::GgmlType::q8_0);
    }
  }
  return out;
}

/// An entry of 64 bits with a sign.
std::string integer_entry(const std::string& key, int64_t value) {
  return entry(key, 11, u64(static_cast<uint64_t>(value)));
}

/// Replaces the entry of that key, or adds it.
void set_integer(GgufFileBytes& file, const std::string& key, int64_t value) {
  std::erase_if(file.entries,
                [&](const std::string& e) { return e.starts_with(gguf_string(key)); });
  file.entries.push_back(integer_entry(key, value));
}

std::string architecture_of(const GgufFileBytes& file) {
  const std::string bytes = file.made();
  return std::string(*parse_gguf_bytes(bytes).metadata.find("general.architecture")->string());
}

struct Outcome {
  int loaded = 0, refused = 0;
};

/// Loads and calls the model of a file; an Error is as good, but for an internal one.
void try_model(const std::string& file, const LoadOptions& options, Outcome& outcome) {
  const NamedTensors inputs = {
      {"input_ids", Tensor::from<int64_t>(std::vector<int64_t>{5, 7, 11}, {1, 3})}};
  try {
    const PretrainedModel model = AutoModelForCausalLM::from_repo(gguf_repo(file), options);
    ++outcome.loaded;
    CHECK(model(inputs)["logits"].numel() > 0);
  } catch (const Error& error) {
    ++outcome.refused;
    CHECK_MESSAGE(error.code() != ErrorCode::internal, error.what());
  }
}

}  // namespace

TEST_CASE("a corrupted GGUF model is an Error or a model that runs") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  std::vector<std::string> files;
  for (const GgufFileBytes& file : exports()) files.push_back(file.made());
  golden::Rng rng{91};
  Outcome outcome;
  for (int round = 0; round < 400; ++round) {
    CAPTURE(round);
    std::string file = files[static_cast<size_t>(rng.below(static_cast<int64_t>(files.size())))];
    for (int64_t i = 1 + rng.below(3); i > 0; --i) {
      const auto at = static_cast<size_t>(rng.below(4096));  // where the header is
      file[at] = rng.below(2) ? static_cast<char>(rng.below(256))
                              : static_cast<char>(file[at] + (rng.below(2) ? 1 : -1));
    }
    const LoadOptions options = {.dtype = rng.below(2) ? "float32" : "auto",
                                 .gguf_file = "model.gguf"};
    try_model(file, options, outcome);
  }
  MESSAGE(outcome.loaded << " loaded, " << outcome.refused << " refused");
  CHECK(outcome.loaded > 20);
  CHECK(outcome.refused > 100);
}

TEST_CASE("a GGUF model with an integer of any size in its metadata is an Error or runs") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  constexpr const char* kKeys[] = {
      "block_count",
      "context_length",
      "embedding_length",
      "feed_forward_length",
      "attention.head_count",
      "attention.head_count_kv",
      "attention.key_length",
      "attention.value_length",
      "attention.sliding_window",
      "attention.sliding_window_pattern",
      "attention.scale",
      "attention.layer_norm_rms_epsilon",
      "attention.layer_norm_epsilon",
      "attn_logit_softcapping",
      "final_logit_softcapping",
      "expert_count",
      "expert_used_count",
      "rope.dimension_count",
      "rope.freq_base",
      "rope.freq_base_swa",
      "rope.scale_linear",
      "rope.scaling.factor",
      "rope.scaling.original_context_length",
      "rope.scaling.attn_factor",
      "vocab_size",
  };
  Outcome outcome;
  for (const GgufFileBytes& file : exports()) {
    const std::string architecture = architecture_of(file);
    std::vector<std::string> keys = {"general.alignment", "tokenizer.ggml.bos_token_id",
                                     "tokenizer.ggml.eos_token_id",
                                     "tokenizer.ggml.padding_token_id"};
    for (const char* key : kKeys) keys.push_back(architecture + "." + key);
    LoadOptions options = {.gguf_file = "model.gguf"};
    // Laid over what the file says, so that the tensors meet the number too.
    const hub::Json config = AutoConfig::from_repo(gguf_repo(file.made()), options).json();
    for (const std::string& key : keys) {
      for (const int64_t value : {int64_t{0}, int64_t{-1}, int64_t{1} << 31, kMost}) {
        CAPTURE(architecture);
        CAPTURE(key);
        CAPTURE(value);
        GgufFileBytes changed = file;
        set_integer(changed, key, value);
        for (const hub::Json& overrides : {hub::Json(), config}) {
          options.config_overrides = overrides;
          try_model(changed.made(), options, outcome);
        }
      }
    }
  }
  MESSAGE(outcome.loaded << " loaded, " << outcome.refused << " refused");
  CHECK(outcome.loaded > 300);
  CHECK(outcome.refused > 300);
}

TEST_CASE("rows that are no pairs of the heads that a GGUF file counts are an Error") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  GgufFileBytes file = export_gguf(golden::root() + "/llama", "llama");
  LoadOptions options = {.dtype = "float32", .gguf_file = "model.gguf"};
  options.config_overrides = AutoConfig::from_repo(gguf_repo(file.made()), options).json();
  // Of the 64 rows of q: none for each head, one, no whole number.
  for (const int64_t heads : {kMost, int64_t{1} << 62, int64_t{64}, int64_t{3}}) {
    CAPTURE(heads);
    set_integer(file, "llama.attention.head_count", heads);
    const auto found =
        golden::error_of([&] { AutoModelForCausalLM::from_repo(gguf_repo(file.made()), options); });
    CHECK(found.first == ErrorCode::corrupt);
    CHECK_MESSAGE(found.second.find("self_attn.q_proj.weight' of shape [64, 64] should have rows "
                                    "in pairs for " +
                                    std::to_string(heads) + " heads") != std::string::npos,
                  found.second);
  }
}

TEST_CASE("a tensor of experts is taken for them only when it has as many as the file says") {
  if (golden::root().empty()) {
    MESSAGE("skipped: no shared golden data");
    return;
  }
  GgufFileBytes file = export_gguf(golden::root() + "/mixtral", "llama");
  LoadOptions options = {.dtype = "float32", .gguf_file = "model.gguf"};
  const PretrainedModel whole = AutoModelForCausalLM::from_repo(gguf_repo(file.made()), options);
  CHECK(whole->loading_report().clean());
  options.config_overrides = AutoConfig::from_repo(gguf_repo(file.made()), options).json();
  set_integer(file, "llama.expert_count", 3);
  const PretrainedModel other = AutoModelForCausalLM::from_repo(gguf_repo(file.made()), options);
  const auto& unexpected = other->loading_report().unexpected_keys;
  CHECK(std::find(unexpected.begin(), unexpected.end(), "blk.0.ffn_down_exps.weight") !=
        unexpected.end());
}

TEST_CASE("rotary embeddings that a GGUF file describes in no way or two are an Error") {
  const auto factors = [](const char* name, int64_t count = 4) {
    return GgufFileBytes::Item{name, {count}, {}, std::string(static_cast<size_t>(count) * 4, '?')};
  };
  const auto text = [](const char* value) {
    return entry("llama.rope.scaling.type", 8, gguf_string(value));
  };
  const auto number = [](const char* key, float value) {
    return number_entry(std::string("llama.rope.") + key, value);
  };
  const GgufFileBytes::Item all = factors("rope_freqs.weight"),
                            shorter = factors("rope_factors_short.weight"),
                            longer = factors("rope_factors_long.weight");
  struct Row {
    std::vector<std::string> entries;
    std::vector<GgufFileBytes::Item> items;
    ErrorCode code;
    const char* message;
  };
  const Row rows[] = {
      {{}, {shorter}, ErrorCode::corrupt, "belong together, and to 'llama.rope.scaling.type'"},
      {{}, {longer}, ErrorCode::corrupt, "found the second alone"},
      {{text("longrope")}, {}, ErrorCode::corrupt, "longrope; found neither"},
      {{text("longrope")}, {all}, ErrorCode::corrupt, "longrope; found neither"},
      {{}, {all, shorter, longer}, ErrorCode::unsupported, "together with rope_freqs.weight"},
      {{number("scale_linear", 2)}, {all}, ErrorCode::unsupported, "type' linear by 2"},
      {{number("scaling.factor", 2)}, {shorter, longer}, ErrorCode::unsupported, "linear by 2"},
      {{text("yarn"), number("scaling.factor", 4)},
       {all},
       ErrorCode::unsupported,
       "rope_freqs.weight together with 'llama.rope.scaling.type' yarn by 4"},
      {{text("longrope"), number("scaling.factor", 4)},
       {shorter, longer},
       ErrorCode::unsupported,
       "longrope by 4"},
      {{text("llama3")},
       {},
       ErrorCode::unsupported,
       "is 'llama3'; none, linear, yarn and longrope"},
      {{text("yarn"), number("scaling.factor", 4), number("scaling.attn_factor", 0.5F)},
       {},
       ErrorCode::unsupported,
       "'llama.rope.scaling.attn_factor' is 0.5; only 1 is supported"},
      {{number("scaling.yarn_ext_factor", 0)}, {}, ErrorCode::unsupported, "ext_factor' is 0;"},
      {{}, {factors("rope_freqs.weight", 40000)}, ErrorCode::unsupported, "at most 32768 F32"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.message);
    GgufFileBytes file = {llama_entries(row.entries), row.items};
    const auto found = golden::error_of(
        [&] { AutoConfig::from_repo(gguf_repo(file.made()), {.gguf_file = "model.gguf"}); });
    CHECK(found.first == row.code);
    CHECK_MESSAGE(found.second.find(row.message) != std::string::npos, found.second);
    CHECK(found.second.find("model.gguf") != std::string::npos);
  }
}

TEST_CASE("a GGUF file's scaling of rotary embeddings, in new keys and old ones") {
  const auto scaling = [](std::vector<std::string> more, std::vector<GgufFileBytes::Item> items) {
    const GgufFileBytes file = {llama_entries(std::move(more)), std::move(items)};
    return AutoConfig::from_repo(gguf_repo(file.made()), {.gguf_file = "model.gguf"})
        .json()["rope_scaling"]
        .dump();
  };
  const std::string type = "llama.rope.scaling.type", factor = "llama.rope.scaling.factor";
  const std::string old = "llama.rope.scale_linear";
  const char* linear = R"({"rope_type":"linear","factor":4.0})";
  CHECK(scaling({entry(type, 8, gguf_string("linear")), number_entry(factor, 4)}, {}) == linear);
  CHECK(scaling({number_entry(old, 4)}, {}) == linear);
  CHECK(scaling({number_entry(factor, 4), number_entry(old, 2)}, {}) == linear);
  CHECK(scaling({entry(type, 8, gguf_string("none")), number_entry(old, 4)}, {}) == "null");
  CHECK(scaling({number_entry(old, 1)}, {}) == "null");
  CHECK(scaling({entry(type, 8, gguf_string("linear"))}, {}) == "null");
}
