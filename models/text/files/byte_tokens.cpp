// SPDX-License-Identifier: Apache-2.0
// Reading tiktoken and tekken files; see byte_tokens.h.
#include "byte_tokens.h"

#include <algorithm>

#include "../../../engine/base/error.h"
#include "../../../engine/base/format.h"
#include "../../../hub/formats/json.h"
#include "../base64.h"
#include "../regex/scanners.h"
#include "../subwords/bpe.h"
#include "../unicode/byte_alphabet.h"
#include "../unicode/utf8.h"
#include "plain_text.h"
#include "splits.h"

namespace tern::text {

namespace {

using hub::Json;

constexpr int64_t kMaxTokens = int64_t{1} << 28;

std::string in_alphabet(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) append_char(out, character_of_byte(static_cast<uint8_t>(c)));
  return out;
}

/// {"rank", "token_str"} by rank, which counts from 0, then as many fillers as are missing.
std::vector<std::string> tekken_specials(const Json& json, std::string_view what) {
  const Json& list = json["special_tokens"];
  if (list.is_null()) {
    fail(ErrorCode::unsupported,
         cat(what, ": a tekken file of the first version, which lists no special_tokens"));
  }
  std::vector<std::string> out(list.elements().size());
  std::vector<bool> seen(out.size());
  for (const Json& entry : list.elements()) {
    const auto rank = entry["rank"].integer();
    const auto text = entry["token_str"].string();
    if (!rank || !text || *rank < 0 || *rank >= static_cast<int64_t>(out.size()) ||
        seen[static_cast<size_t>(*rank)]) {
      fail(ErrorCode::corrupt,
           cat(what, ": the ranks of special_tokens must be 0 to ", out.size() - 1));
    }
    seen[static_cast<size_t>(*rank)] = true;
    out[static_cast<size_t>(*rank)] = *text;
  }
  const Json& number = json["config"]["default_num_special_tokens"];
  if (number.is_null()) return out;
  const auto count = number.integer();
  if (!count || *count < 0 || *count > kMaxTokens / 256) {
    fail(ErrorCode::corrupt, cat(what, ": default_num_special_tokens"));
  }
  while (static_cast<int64_t>(out.size()) < *count) {
    out.push_back(cat("<SPECIAL_", out.size(), ">"));
  }
  return out;
}

}  // namespace

ByteTokens read_tiktoken(std::string_view text, std::string_view what) {
  ByteTokens out;
  out.pattern = kCl100kPattern;
  std::vector<std::pair<int64_t, std::string>> ranked;
  std::string_view line;
  for (size_t number = 1; next_line(text, line); ++number) {
    if (line.empty()) continue;
    const size_t blank = line.find(' ');
    const auto rank = blank == line.npos ? std::nullopt : small_number(line.substr(blank + 1));
    if (!rank || blank == 0) {
      fail(ErrorCode::corrupt, cat(what, ": line ", number, " must be base64, a blank and a rank"));
    }
    ranked.emplace_back(*rank, decode_base64(line.substr(0, blank), what));
  }
  std::sort(ranked.begin(), ranked.end());
  for (auto& [rank, token] : ranked) {
    if (rank != static_cast<int64_t>(out.tokens.size())) {
      fail(ErrorCode::unsupported, cat(what, ": the ranks must be 0 to ", ranked.size() - 1));
    }
    out.tokens.push_back(std::move(token));
  }
  if (out.tokens.empty()) fail(ErrorCode::corrupt, cat(what, ": has no tokens"));
  return out;
}

ByteTokens read_tekken(std::string_view text, std::string_view what) {
  const Json json = Json::parse(text, what);
  const Json& config = json["config"];
  const auto pattern = config["pattern"].string();
  if (!pattern || !json["vocab"].is_array()) {
    fail(ErrorCode::corrupt, cat(what, ": needs config.pattern and an array 'vocab'"));
  }
  ByteTokens out;
  out.pattern = *pattern;
  out.specials = tekken_specials(json, what);
  // Beyond default_vocab_size the file is padding.
  const auto& vocab = json["vocab"].elements();
  auto count = static_cast<int64_t>(vocab.size());
  if (const Json& size = config["default_vocab_size"]; !size.is_null()) {
    const auto value = size.integer();
    const auto specials = static_cast<int64_t>(out.specials.size());
    if (!value || *value < specials || *value > kMaxTokens) {
      fail(ErrorCode::corrupt, cat(what, ": default_vocab_size"));
    }
    count = std::min(count, *value - specials);
  }
  out.tokens.reserve(static_cast<size_t>(count));
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const auto bytes = vocab[i]["token_bytes"].string();
    if (!bytes) fail(ErrorCode::corrupt, cat(what, ": token_bytes of entry ", i, " of 'vocab'"));
    out.tokens.push_back(decode_base64(*bytes, what));
  }
  return out;
}

std::unique_ptr<TextModel> make_model(const ByteTokens& tokens, std::string_view what) {
  std::vector<std::string_view> bytes(tokens.tokens.begin(), tokens.tokens.end());
  std::vector<std::string> written;
  BpeConfig config;
  const auto first = static_cast<int64_t>(tokens.specials.size());
  for (const std::string_view t : bytes) {
    if (t.empty()) fail(ErrorCode::corrupt, cat(what, ": token ", written.size(), " is empty"));
    written.push_back(in_alphabet(t));
    config.vocabulary.add(written.back(), first + static_cast<int64_t>(written.size()) - 1);
  }
  for (size_t i = 0; i < tokens.specials.size(); ++i) {
    config.vocabulary.add(tokens.specials[i], static_cast<int64_t>(i));
  }
  config.vocabulary.finish();
  std::vector<Split> splits = all_splits(bytes);
  std::sort(splits.begin(), splits.end(), [](const Split& a, const Split& b) {
    return std::tie(a.whole, a.left, a.right) < std::tie(b.whole, b.left, b.right);
  });
  for (const Split& s : splits) config.merges.emplace_back(written[s.left], written[s.right]);
  config.ignore_merges = true;
  return std::make_unique<Bpe>(std::move(config));
}

}  // namespace tern::text
