// SPDX-License-Identifier: Apache-2.0
// Which special tokens there are; see special_tokens.h. Linear (up to a logarithm) in their number:
// the files may have any number of them.
#include "special_tokens.h"

#include <algorithm>

#include "plain_text.h"

namespace tern::text {

SpecialTokens::SpecialTokens(const Arguments& arguments, const TokenizerClass* row)
    : arguments_(arguments), row_(row) {
  if (row) std::copy(std::begin(row->tokens), std::end(row->tokens), usual_);
}

std::optional<GivenToken> SpecialTokens::named(std::string_view key) const {
  const auto at = std::find(std::begin(kTokenNames), std::end(kTokenNames), key);
  if (at == std::end(kTokenNames)) {
    for (auto& [name, token] : own()) {
      if (name == key) return token;
    }
    return std::nullopt;
  }
  std::optional<GivenToken> fallback;
  if (const char* text = usual_[at - std::begin(kTokenNames)]) fallback.emplace().content = text;
  auto t = arguments_.named(key, fallback);
  if (t && t->is_text && key == "mask_token" && row_ && row_->mask_lstrip) {
    t->is_text = false;
    t->lstrip = true;
    t->special = true;
    if (row_->mask_normalized) t->normalized = true;
  }
  return t;
}

NamedTokens SpecialTokens::all_named() const {
  NamedTokens out;
  for (const std::string_view key : kTokenNames) {
    if (auto t = named(key)) out.emplace_back(key, std::move(*t));
  }
  for (auto& token : own()) out.push_back(std::move(token));
  return out;
}

NamedTokens SpecialTokens::own() const {
  NamedTokens out;
  std::map<std::string_view, size_t> places;  // of names, which outlive `out`
  const auto set = [&](std::string_view name, const GivenToken& token) {
    const auto [at, is_new] = places.emplace(name, out.size());
    if (is_new)
      out.emplace_back(name, token);
    else
      out[at->second].second = token;
  };
  each_word(row_ && row_->own ? row_->own : "", [&](std::string_view word) {
    const KeyDefault token(word);
    set(token.key, {.content = std::string(token.fallback)});
  });
  for (const auto& [name, token] : arguments_.own) set(name, token);
  return out;
}

std::vector<GivenToken> SpecialTokens::extra() const {
  if (arguments_.extra) return *arguments_.extra;
  if (row_) return class_extras(*row_, arguments_);
  return arguments_.additional.value_or(std::vector<GivenToken>());
}

std::vector<GivenToken> SpecialTokens::to_add(const std::map<int64_t, GivenToken>& listed,
                                              std::set<std::string> there) const {
  std::vector<GivenToken> out;
  for (const auto& [id, token] : listed) {
    out.push_back(token);
    there.insert(token.content);
  }
  std::set<std::string> names;
  std::set<GivenToken> seen;
  const auto add = [&](GivenToken t) {
    if (!there.contains(t.content) && seen.insert(t).second) out.push_back(std::move(t));
  };
  for (auto& [name, token] : all_named()) {
    names.insert(token.content);
    add(std::move(token));
  }
  for (GivenToken& t : extra()) add(std::move(t));
  for (GivenToken& t : out) t.special = t.special || names.contains(t.content);
  return out;
}

}  // namespace tern::text
