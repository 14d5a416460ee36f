// SPDX-License-Identifier: Apache-2.0
// What the files beside a vocabulary say to the tokenizer's class: tokenizer_config.json,
// special_tokens_map.json and added_tokens.json, merged as Transformers 5 merges them.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../../hub/formats/json.h"
#include "../../../hub/repo.h"
#include "../added_tokens.h"

namespace tern::text {

/// A special token as the files or a class give it.
struct GivenToken {
  std::string content;
  bool is_text = true;  // a plain text: becomes special and not normalized
  bool single_word = false, lstrip = false, rstrip = false, special = false;
  std::optional<bool> normalized = {};  // by default what is not special

  AddedToken made() const;
  auto operator<=>(const GivenToken&) const = default;
};

class Arguments {
 public:
  explicit Arguments(const hub::Repo& repo);
  Arguments(const Arguments&) = delete;  // views of its own members
  Arguments& operator=(const Arguments&) = delete;

  /// The value for a parameter of the class, null when no file has it.
  const hub::Json& operator[](std::string_view key) const noexcept;
  bool has(std::string_view key) const noexcept;
  /// corrupt: the value is no boolean.
  bool flag(std::string_view key, bool fallback) const;
  /// A number of tokens. corrupt: no integer, or out of all reason.
  int64_t count(std::string_view key, int64_t fallback) const;
  /// "bos_token" …: as given; nullopt when the files say null; `fallback` when they are silent.
  std::optional<GivenToken> named(std::string_view key, std::optional<GivenToken> fallback) const;

  const hub::Json& config() const noexcept { return config_; }  // tokenizer_config.json
  const hub::Json& model() const noexcept { return model_; }    // config.json

  /// added_tokens_decoder, or added_tokens.json.
  std::map<int64_t, GivenToken> listed = {};
  /// extra_special_tokens, when there are; additional_special_tokens then counts for nothing.
  std::optional<std::vector<GivenToken>> extra = {};
  std::optional<std::vector<GivenToken>> additional = {};
  /// Named tokens beyond the usual seven, in order.
  std::vector<std::pair<std::string, GivenToken>> own = {};

 private:
  void read_special_map(const hub::Json& map);
  void read_own();
  void read_listed(const hub::Json& added);

  hub::Json config_, special_, model_;
  std::map<std::string, const hub::Json*, std::less<>> values_;
  std::map<std::string_view, const GivenToken*> by_text_;  // the last of those listed
};

/// The seven names in Transformers' order.
inline constexpr std::string_view kTokenNames[] = {
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};

}  // namespace tern::text
