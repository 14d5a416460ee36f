// SPDX-License-Identifier: Apache-2.0
// Architectures that GGUF files name, and their metadata; see gguf_model.h.
#include <algorithm>
#include <cmath>

#include "../engine/base/error.h"
#include "../engine/base/format.h"
#include "gguf_model.h"
#include "key_names.h"

namespace tern {

namespace {

// Mixtral stands apart: its files say "llama" and have experts.
constexpr GgufArchitecture kMixtral = {"llama",          "mixtral", "MixtralForCausalLM",
                                       GgufNames::llama, true,      false};

constexpr GgufArchitecture kArchitectures[] = {
    {"llama", "llama", "LlamaForCausalLM", GgufNames::llama, true, false},
    {"mistral", "mistral", "MistralForCausalLM", GgufNames::llama, true, false},
    {"qwen2", "qwen2", "Qwen2ForCausalLM", GgufNames::llama, false, false},
    {"qwen3", "qwen3", "Qwen3ForCausalLM", GgufNames::llama, false, false},
    {"gemma", "gemma", "GemmaForCausalLM", GgufNames::llama, false, true},
    {"gemma2", "gemma2", "Gemma2ForCausalLM", GgufNames::gemma2, false, true},
    {"gemma3", "gemma3_text", "Gemma3ForCausalLM", GgufNames::gemma2, false, true},
    {"phi3", "phi3", "Phi3ForCausalLM", GgufNames::phi3, false, false},
    {"gpt2", "gpt2", "GPT2LMHeadModel", GgufNames::gpt2, false, false},
};

constexpr std::string_view kArchitectureKey = "general.architecture";

std::string_view architecture_name(const hub::GgufFile& file) {
  const auto value = file.header.metadata.find(kArchitectureKey);
  const auto name = value ? value->string() : std::nullopt;
  if (!name) {
    fail(ErrorCode::corrupt,
         cat(file.name, ": no ", kArchitectureKey, ", so the architecture is unknown"));
  }
  return *name;
}

}  // namespace

const GgufArchitecture& gguf_architecture(const hub::GgufFile& file) {
  const std::string_view name = architecture_name(file);
  std::string known;
  for (const GgufArchitecture& entry : kArchitectures) {
    if (entry.name != name) {
      known += cat(known.empty() ? "" : ", ", entry.name);
      continue;
    }
    const bool experts = name == "llama" && GgufKeys(file).integer("expert_count").value_or(0) > 0;
    return experts ? kMixtral : entry;
  }
  fail(ErrorCode::unsupported, cat(file.name, ": ", kArchitectureKey, " '", printable_name(name),
                                   "' is not supported as a model; supported: ", known));
}

GgufKeys::GgufKeys(const hub::GgufFile& file)
    : file_(file), prefix_(cat(architecture_name(file), ".")) {}

std::string GgufKeys::name(std::string_view key) const {
  return cat(prefix_, key);
}

std::optional<hub::GgufValue> GgufKeys::find(std::string_view key) const {
  return file_.header.metadata.find(name(key));
}

void GgufKeys::fail_kind(std::string_view key, std::string_view expected) const {
  const auto value = find(key);
  const bool many = value && value->type() == hub::GgufType::array;
  fail(many ? ErrorCode::unsupported : ErrorCode::corrupt,
       cat(file_.name, ": '", printable_name(name(key)), "' must be ", expected,
           value ? cat(", found ", many ? "a list (one for each layer?)" : "another value")
                 : std::string(", but it is missing")));
}

std::optional<int64_t> GgufKeys::integer(std::string_view key, int64_t low) const {
  const auto value = find(key);
  if (!value) return std::nullopt;
  const auto number = value->type() == hub::GgufType::array ? std::nullopt : value->integer();
  if (!number || *number < low) fail_kind(key, cat("an integer of ", low, " or more"));
  return number;
}

int64_t GgufKeys::required(std::string_view key, int64_t low) const {
  const auto value = integer(key, low);
  if (!value) fail_kind(key, cat("an integer of ", low, " or more"));
  return *value;
}

std::optional<double> GgufKeys::number(std::string_view key) const {
  const auto value = find(key);
  if (!value) return std::nullopt;
  const auto number = value->type() == hub::GgufType::array ? std::nullopt : value->number();
  if (!number || !std::isfinite(*number)) fail_kind(key, "a finite number");
  return number;
}

std::optional<std::string_view> GgufKeys::text(std::string_view key) const {
  const auto value = find(key);
  if (!value) return std::nullopt;
  const auto text = value->string();
  if (!text) fail_kind(key, "a text");
  return text;
}

const hub::GgufTensor* find_tensor(const hub::GgufFile& file, std::string_view name) {
  const auto& tensors = file.header.tensors;
  const auto it = std::find_if(tensors.begin(), tensors.end(),
                               [&](const hub::GgufTensor& t) { return t.name == name; });
  return it == tensors.end() ? nullptr : &*it;
}

}  // namespace tern
