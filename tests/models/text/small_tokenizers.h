// SPDX-License-Identifier: Apache-2.0
// Small tokenizers of the kinds that run word by word, as texts of tokenizer.json.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../../engine/base/format.h"
#include "../../../hub/formats/json.h"
#include "../../../models/text/subwords/vocabulary.h"

namespace tern::test {

/// A BPE whose merges join across blanks behind '>' only.
inline std::string bpe(std::string_view options,
                       const std::vector<std::pair<std::string, std::string>>& more = {}) {
  std::string vocab, merges;
  int id = 0;
  const auto add = [&](const std::string& token) {
    vocab += cat(id == 0 ? "" : ",", hub::json_quote(token), ":", id);
    ++id;
  };
  for (int byte = 0; byte < 256; ++byte) add(text::byte_token(static_cast<uint8_t>(byte)));
  for (const char* token : {"<unk>", "\u2581", "a", "b", "c", "t", "h", "e", "<", ">", "/", "\n",
                            ".", ",", "x", "A", "é", "世"}) {
    add(token);
  }
  std::vector<std::pair<std::string, std::string>> pairs = {
      {"a", "b"},   {"t", "h"},       {"th", "e"},       {"\u2581", "the"},
      {"<", "/"},   {"\u2581", "</"}, {">", "\u2581</"}, {"\u2581", "\u2581"},
      {"\n", "\n"}, {"b", "a"},       {".", "."}};
  pairs.insert(pairs.end(), more.begin(), more.end());
  for (const auto& [left, right] : pairs) {
    add(left + right);
    merges += cat(merges.empty() ? "" : ",", "[", hub::json_quote(left), ",",
                  hub::json_quote(right), "]");
  }
  return cat(R"({"type":"BPE","unk_token":"<unk>",)", options, R"("vocab":{)", vocab,
             R"(},"merges":[)", merges, "]}");
}

inline std::string unigram() {
  std::string pieces = R"(["<unk>",0.0])";
  double score = -2;
  for (const char* piece : {"\u2581", "a", "b", "\u2581the", "the", "\u2581a", "ab", "t", "h", "e",
                            "\"", ".", "\u2581мир", "é", "x", "i", "f"}) {
    pieces += cat(",[", hub::json_quote(piece), ",", score -= 0.5, "]");
  }
  return cat(R"({"type":"Unigram","unk_id":0,"vocab":[)", pieces, "]}");
}

inline std::string tokenizer_json(std::string_view normalizer, std::string_view pre_tokenizer,
                                  std::string_view model, std::string_view added = "") {
  return cat(R"({"added_tokens":[)", added, R"(],"normalizer":)", normalizer,
             R"(,"pre_tokenizer":)", pre_tokenizer, R"(,"model":)", model, "}");
}

inline constexpr const char* kLlama =
    R"({"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},)"
    R"({"type":"Replace","pattern":{"String":" "},"content":"▁"}]})";
inline constexpr const char* kGemma =
    R"({"type":"Replace","pattern":{"String":" "},"content":"▁"})";
inline constexpr const char* kSplit =
    R"({"type":"Split","pattern":{"String":" "},"behavior":"MergedWithPrevious","invert":false})";
inline constexpr const char* kAlbert =
    R"({"type":"Sequence","normalizers":[{"type":"Replace","pattern":{"String":"``"},)"
    R"("content":"\""},{"type":"Replace","pattern":{"String":"''"},"content":"\""},)"
    R"({"type":"NFKD"},{"type":"StripAccents"},{"type":"Lowercase"}]})";
inline constexpr const char* kStrip =
    R"({"type":"Sequence","normalizers":[{"type":"Nmt"},{"type":"NFKC"},)"
    R"({"type":"Strip","strip_left":true,"strip_right":true},)"
    R"({"type":"Replace","pattern":{"Regex":" {2,}"},"content":"▁"}]})";
inline constexpr const char* kWords =
    R"({"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},)"
    R"({"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}]})";

inline std::string metaspace(std::string_view scheme, bool split) {
  return cat(R"({"type":"Metaspace","replacement":"▁","prepend_scheme":")", scheme, R"(","split":)",
             split ? "true" : "false", "}");
}

inline constexpr const char* kAdded =
    R"({"id":900,"content":"<s>","normalized":false,"special":true},)"
    R"({"id":901,"content":"<y>","normalized":true,"special":false})";

}  // namespace tern::test
