// SPDX-License-Identifier: Apache-2.0
// What a GGUF file's metadata say about its tokenizer (keys tokenizer.ggml.… and
// tokenizer.chat_template…), read and checked.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../../../hub/formats/gguf.h"
#include "arguments.h"

namespace tern::text {

/// Views are into the file.
struct GgufVocabulary {
  /// tokenizer.ggml.token_type; other numbers count as normal.
  enum Type : int64_t { normal = 1, unknown, control, user_defined, unused, byte };

  std::string what;                      // the file, for errors
  std::string_view architecture;         // general.architecture, may be empty
  std::string_view name;                 // general.name, may be empty
  std::string_view model, pre;           // tokenizer.ggml.model and .pre (may be empty)
  std::vector<std::string_view> tokens;  // valid UTF-8; the place is the id
  std::optional<std::vector<std::string_view>> merges;
  Bytes charsmap;
  /// Ids of the named tokens, as kTokenNames orders them; -1: not given.
  int64_t named[std::size(kTokenNames)] = {-1, -1, -1, -1, -1, -1, -1};
  std::optional<bool> add_bos, add_eos;

  Type type(size_t id) const noexcept;
  bool has_scores() const noexcept { return scores_.has_value(); }
  /// Never NaN; 0 without scores.
  double score(size_t id) const noexcept;

  explicit GgufVocabulary(const hub::GgufFile& file);

 private:
  std::optional<hub::GgufValue> scores_, types_;
};

/// Chat templates by name; the plain one is "default".
std::map<std::string, std::string> gguf_chat_templates(const hub::GgufFile& file);

}  // namespace tern::text
