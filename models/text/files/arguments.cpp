// SPDX-License-Identifier: Apache-2.0
// Merging; see arguments.h. tokenizer_config.json with added_tokens_decoder is of the new kind and
// the older files are not looked at; else special_tokens_map.json overrides it.
#include "arguments.h"

#include <algorithm>
#include <set>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "plain_text.h"

namespace tern::text {

namespace {

using hub::Json;

Json read_object(const hub::Repo& repo, std::string_view file) {
  const auto text = repo.read_if_exists(file);
  if (!text) return {};
  Json json = Json::parse(*text, repo.path(file));
  if (!json.is_object()) fail(ErrorCode::corrupt, cat(repo.path(file), ": must be an object"));
  return json;
}

bool member_flag(const Json& json, const char* name, bool fallback) {
  return json[name].boolean().value_or(fallback);
}

/// A text, or an object with the flags; nullopt: neither.
std::optional<GivenToken> token_of(const Json& json, bool special) {
  GivenToken t;
  if (const auto text = json.string()) {
    t.content = *text;
    return t;
  }
  const auto content = json["content"].string();
  if (!content) return std::nullopt;
  t.content = *content;
  t.is_text = false;
  t.single_word = member_flag(json, "single_word", false);
  t.lstrip = member_flag(json, "lstrip", false);
  t.rstrip = member_flag(json, "rstrip", false);
  t.special = special || member_flag(json, "special", false);
  t.normalized = json["normalized"].boolean();
  return t;
}

std::vector<GivenToken> tokens_of(const Json& json) {
  std::vector<GivenToken> out;
  for (const Json& entry : json.elements()) {
    if (auto t = token_of(entry, true)) out.push_back(std::move(*t));
  }
  return out;
}

bool usual(std::string_view key) {
  return std::find(std::begin(kTokenNames), std::end(kTokenNames), key) != std::end(kTokenNames);
}

}  // namespace

AddedToken GivenToken::made() const {
  AddedToken t;
  t.content = content;
  t.single_word = single_word;
  t.lstrip = lstrip;
  t.rstrip = rstrip;
  t.special = is_text || special;
  t.normalized = normalized.value_or(!t.special);
  return t;
}

Arguments::Arguments(const hub::Repo& repo)
    : config_(read_object(repo, "tokenizer_config.json")),
      model_(read_object(repo, "config.json")) {
  for (const auto& [key, value] : config_.members()) values_[std::string(key)] = &value;
  const bool modern = config_.contains("added_tokens_decoder");
  if (!modern) special_ = read_object(repo, "special_tokens_map.json");
  for (const auto& [key, value] : special_.members()) {
    if (key != "extra_special_tokens") values_[std::string(key)] = &value;
  }
  read_own();
  const Json& more = config_["additional_special_tokens"];
  const Json& given = config_["extra_special_tokens"];
  if (given.is_array()) extra = tokens_of(given);
  if (more.is_array() && (!extra || extra->empty())) extra = tokens_of(more);
  read_special_map(special_);
  read_listed(modern ? Json() : read_object(repo, "added_tokens.json"));
}

void Arguments::read_own() {
  const auto add = [&](std::string_view key, const Json& value) {
    if (auto t = token_of(value, false)) own.emplace_back(key, std::move(*t));
  };
  // Of one name the last counts, at the first one's place: here tokenizer_config.json's.
  for (const Json* file : {&special_, &config_}) {
    for (const auto& [key, value] : file->members()) {
      if (key.ends_with("_token") && !usual(key)) add(key, value);
    }
  }
  for (const Json* file : {&config_, &special_}) {
    for (const auto& [key, value] : (*file)["extra_special_tokens"].members()) add(key, value);
  }
}

void Arguments::read_special_map(const Json& map) {
  if (map["additional_special_tokens"].is_array()) {
    additional = tokens_of(map["additional_special_tokens"]);
  }
  if (!map["extra_special_tokens"].is_array()) return;
  if (!extra) extra.emplace();
  std::set<GivenToken> seen(extra->begin(), extra->end());
  for (GivenToken& t : tokens_of(map["extra_special_tokens"])) {
    if (seen.insert(t).second) extra->push_back(std::move(t));
  }
}

void Arguments::read_listed(const Json& added) {
  for (const auto& [key, value] : config_["added_tokens_decoder"].members()) {
    const auto id = small_number(key);
    auto t = value.is_object() ? token_of(value, false) : std::nullopt;
    if (!id || !t) {
      fail(ErrorCode::corrupt,
           cat("tokenizer_config.json: entry '", key, "' of added_tokens_decoder"));
    }
    listed[*id] = std::move(*t);
  }
  std::set<std::string_view> specials;
  for (const std::string_view name : kTokenNames) {
    const Json& given = (*this)[name];
    if (const auto text = given.is_object() ? given["content"].string() : given.string())
      specials.insert(*text);
  }
  if (extra) {
    for (const GivenToken& t : *extra) specials.insert(t.content);
  }
  for (const auto& [content, value] : added.members()) {
    const auto id = value.integer();
    if (!id || *id < 0) {
      fail(ErrorCode::corrupt, cat("added_tokens.json: the id of '", content, "'"));
    }
    GivenToken t;
    t.content = content;
    t.is_text = false;
    t.special = specials.contains(content);
    t.normalized = !t.special;
    listed[*id] = std::move(t);
  }
  for (const auto& [id, token] : listed) by_text_[token.content] = &token;
}

const Json& Arguments::operator[](std::string_view key) const noexcept {
  static const Json kNull;
  const auto at = values_.find(key);
  return at == values_.end() ? kNull : *at->second;
}

bool Arguments::has(std::string_view key) const noexcept {
  return values_.find(key) != values_.end();
}

bool Arguments::flag(std::string_view key, bool fallback) const {
  const Json& value = (*this)[key];
  if (value.is_null()) return fallback;
  if (const auto b = value.boolean()) return *b;
  fail(ErrorCode::corrupt,
       cat("tokenizer_config.json: '", key, "' must be true or false, found ", value.dump()));
}

int64_t Arguments::count(std::string_view key, int64_t fallback) const {
  constexpr int64_t kMost = 100000;
  const Json& value = (*this)[key];
  if (value.is_null()) return fallback;
  const auto i = value.integer();
  if (i && *i >= 0 && *i <= kMost) return *i;
  fail(ErrorCode::corrupt,
       cat("tokenizer_config.json: '", key, "' must be an integer from 0 to ", kMost));
}

std::optional<GivenToken> Arguments::named(std::string_view key,
                                           std::optional<GivenToken> fallback) const {
  if (!has(key)) return fallback;
  auto t = token_of((*this)[key], special_.contains(key));
  if (!t) return std::nullopt;
  if (const auto at = by_text_.find(t->content); at != by_text_.end()) *t = *at->second;
  return t;
}

}  // namespace tern::text
