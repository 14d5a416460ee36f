// SPDX-License-Identifier: Apache-2.0
// Reading; see gguf_vocabulary.h. A value of the wrong kind is Error corrupt that names its key.
#include "gguf_vocabulary.h"

#include <cmath>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../unicode/utf8.h"

namespace tern::text {

namespace {

using hub::GgufFile;
using hub::GgufValue;

constexpr std::string_view kTemplate = "tokenizer.chat_template";

[[noreturn]] void reject(const GgufFile& file, std::string_view key, std::string_view problem) {
  fail(ErrorCode::corrupt, cat(file.name, ": metadata '", key, "' ", problem));
}

std::string_view string_of(const GgufFile& file, std::string_view key) {
  const auto value = file.header.metadata.find(key);
  if (!value) return {};
  const auto text = value->string();
  if (!text) reject(file, key, "must be a string");
  std::string scratch;
  if (valid_utf8(*text, scratch).data() != text->data()) reject(file, key, "is no valid UTF-8");
  return *text;
}

std::vector<std::string_view> strings_of(const GgufFile& file, std::string_view key,
                                         const GgufValue& value) {
  auto out = value.strings();
  if (!out) reject(file, key, "must be an array of strings");
  std::string scratch;
  for (size_t i = 0; i < out->size(); ++i) {
    const std::string_view text = (*out)[i];
    if (!text.empty() && valid_utf8(text, scratch).data() != text.data()) {
      reject(file, key, cat("has an entry that is no valid UTF-8: ", i));
    }
  }
  return std::move(*out);
}

std::optional<bool> flag_of(const GgufFile& file, std::string_view key) {
  const auto value = file.header.metadata.find(key);
  if (!value) return std::nullopt;
  const auto flag = value->type() == hub::GgufType::array ? std::nullopt : value->boolean();
  if (!flag) reject(file, key, "must be a boolean");
  return flag;
}

/// An array with a number for each token.
std::optional<GgufValue> numbers_of(const GgufFile& file, std::string_view key, size_t tokens,
                                    bool integers) {
  auto value = file.header.metadata.find(key);
  if (!value) return value;
  const bool array = value->type() == hub::GgufType::array;
  if (!array || value->size() != tokens || (tokens > 0 && !value->number()) ||
      (integers && tokens > 0 && !value->integer())) {
    reject(file, key,
           cat("must be an array of ", tokens, integers ? " integers" : " numbers",
               ", one for each token"));
  }
  return value;
}

/// The id of a named token, -1 without.
int64_t id_of(const GgufFile& file, std::string_view key, size_t tokens) {
  const auto value = file.header.metadata.find(key);
  if (!value) return -1;
  const auto id = value->type() == hub::GgufType::array ? std::nullopt : value->integer();
  if (!id || *id < 0 || static_cast<uint64_t>(*id) >= tokens) {
    reject(file, key,
           cat("must be the id of one of the ", tokens, " tokens",
               id ? cat(", found ", *id) : std::string()));
  }
  return *id;
}

}  // namespace

GgufVocabulary::GgufVocabulary(const GgufFile& file) : what(file.name) {
  const hub::GgufMetadata& metadata = file.header.metadata;
  architecture = string_of(file, "general.architecture");
  name = string_of(file, "general.name");
  model = string_of(file, "tokenizer.ggml.model");
  pre = string_of(file, "tokenizer.ggml.pre");
  constexpr std::string_view kTokens = "tokenizer.ggml.tokens", kMerges = "tokenizer.ggml.merges";
  const auto list = metadata.find(kTokens);
  if (model.empty() || !list) {
    fail(ErrorCode::not_found, cat(what, ": the file has no tokenizer (metadata '",
                                   list ? "tokenizer.ggml.model" : kTokens, "')"));
  }
  tokens = strings_of(file, kTokens, *list);
  if (tokens.empty()) reject(file, kTokens, "lists no tokens");
  if (const auto given = metadata.find(kMerges)) merges = strings_of(file, kMerges, *given);
  scores_ = numbers_of(file, "tokenizer.ggml.scores", tokens.size(), false);
  for (size_t i = 0; scores_ && i < tokens.size(); ++i) {
    if (std::isnan(score(i))) reject(file, "tokenizer.ggml.scores", cat("is NaN at ", i));
  }
  types_ = numbers_of(file, "tokenizer.ggml.token_type", tokens.size(), true);
  if (const auto map = metadata.find("tokenizer.ggml.precompiled_charsmap"))
    charsmap = map->bytes();
  constexpr std::string_view kNames[] = {"bos",     "eos", "unknown", "seperator",
                                         "padding", "cls", "mask"};
  for (size_t i = 0; i < std::size(kNames); ++i) {
    named[i] = id_of(file, cat("tokenizer.ggml.", kNames[i], "_token_id"), tokens.size());
  }
  add_bos = flag_of(file, "tokenizer.ggml.add_bos_token");
  add_eos = flag_of(file, "tokenizer.ggml.add_eos_token");
}

GgufVocabulary::Type GgufVocabulary::type(size_t id) const noexcept {
  const auto value = types_ ? types_->integer(id) : std::nullopt;
  return static_cast<Type>(value.value_or(normal));
}

double GgufVocabulary::score(size_t id) const noexcept {
  return scores_ ? scores_->number(id).value_or(0) : 0;
}

std::map<std::string, std::string> gguf_chat_templates(const GgufFile& file) {
  std::map<std::string, std::string> out;
  const hub::GgufMetadata& metadata = file.header.metadata;
  for (size_t i = 0; i < metadata.size(); ++i) {
    const std::string_view key = metadata.key(i);
    if (key == kTemplate) {
      out["default"] = string_of(file, key);
    } else if (key.starts_with(kTemplate) && key[kTemplate.size()] == '.') {
      out[std::string(key.substr(kTemplate.size() + 1))] = string_of(file, key);
    }
  }
  return out;
}

}  // namespace tern::text
