// SPDX-License-Identifier: Apache-2.0
// See two_ways.h.
#include "two_ways.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"

namespace tern::test {

namespace {

std::shared_ptr<Tokenizer::Pipeline> parsed(const std::string& json) {
  auto out = Tokenizer::Pipeline::parse(json, "tokenizer.json");
  out->finish();
  return out;
}

/// The expressions of the pre-tokenizer with an alternative that matches nothing and that only
/// PCRE2 can run.
std::string without_scanners(std::string_view json) {
  constexpr std::string_view kKey = "\"Regex\"";
  const size_t first = std::min(json.find("\"pre_tokenizer\""), json.size());
  const size_t last = std::min(json.find("\"model\"", first), json.size());
  std::string out;
  size_t from = 0;
  for (size_t at = first; (at = json.find(kKey, at)) < last;) {
    const size_t begin = json.find('"', at + kKey.size()) + 1;
    for (at = begin; json[at] != '"'; ++at) at += json[at] == '\\';
    out += cat(json.substr(from, at - from), "|(?<=x)(?<!x)x");
    from = at;
  }
  return out += json.substr(from);
}

Tokenizer staged(const std::string& json) {
  const auto pipeline = parsed(without_scanners(json));
  pipeline->fused.reset();
  pipeline->byte_level.reset();
  pipeline->wordwise.reset();
  return Tokenizer(pipeline);
}

std::optional<Encoding> encode(const Tokenizer& tokenizer, std::string_view text,
                               const EncodeOptions& options) {
  try {
    return tokenizer.encode(text, options);
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

TwoWays::TwoWays(const std::string& json)
    : pipeline_(parsed(json)), fast_(pipeline_), stages_(staged(json)) {}

std::optional<Encoding> TwoWays::check(std::string_view text) const {
  const EncodeOptions ids = {.add_special_tokens = false};
  EncodeOptions offsets = ids, tokens = ids;
  offsets.want_offsets = tokens.want_tokens = true;
  auto whole = encode(stages_, text, tokens);
  if (!whole) {
    for (const EncodeOptions& o : {ids, offsets, tokens}) REQUIRE(!encode(fast_, text, o));
    return std::nullopt;
  }
  if (whole->ids.size() > 3) {
    // A word that the limit cuts is not kept.
    std::vector<int64_t> first;
    fast_.encode_ids(text, {.add_special_tokens = false, .max_length = 3}, first);
    REQUIRE(std::equal(first.begin(), first.end(), whole->ids.begin(), whole->ids.begin() + 3));
  }
  // Words that the caches may lack, and then have; filled by one way or the other.
  const bool places_first = text.size() % 2 != 0;
  for (int i = 0; i < 4; ++i) {
    if (places_first == (i % 2 != 0)) {
      REQUIRE(encode(fast_, text, ids)->ids == whole->ids);
      continue;
    }
    const auto places = encode(fast_, text, offsets);
    REQUIRE(places->ids == whole->ids);
    REQUIRE(places->offsets == whole->offsets);
    REQUIRE(places->word_ids == whole->word_ids);
  }
  const auto all = encode(fast_, text, tokens);
  REQUIRE(all->ids == whole->ids);
  REQUIRE(all->offsets == whole->offsets);
  REQUIRE(all->tokens == whole->tokens);
  REQUIRE(all->word_ids == whole->word_ids);
  return whole;
}

}  // namespace tern::test
