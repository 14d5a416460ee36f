// SPDX-License-Identifier: Apache-2.0
// From tokenizer.json's members to normalizers and pre-tokenizers.
#include "fields.h"
#include "normalizers.h"
#include "pre_tokenizers.h"

namespace tern::text {

namespace {

using hub::Json;

std::unique_ptr<Normalizer> parse_bert_normalizer(const Json& json) {
  auto n = std::make_unique<BertNormalizer>();
  n->clean_text = read_bool(json, "clean_text", true);
  n->handle_chinese_chars = read_bool(json, "handle_chinese_chars", true);
  n->lowercase = read_bool(json, "lowercase", true);
  n->strip_accents = read_bool(json, "strip_accents", n->lowercase);
  return n;
}

std::unique_ptr<Normalizer> parse_replace(const Json& json) {
  const Json& pattern = json["pattern"];
  if (!pattern.contains("String")) fail_unsupported("normalizer", "Replace with a regex");
  auto n = std::make_unique<Replace>();
  n->pattern = read_string(pattern, "String", std::nullopt);
  n->content = read_string(json, "content", std::nullopt);
  return n;
}

std::unique_ptr<Normalizer> parse_strip(const Json& json) {
  auto n = std::make_unique<Strip>();
  n->left = read_bool(json, "strip_left", true);
  n->right = read_bool(json, "strip_right", true);
  return n;
}

std::unique_ptr<Normalizer> parse_prepend(const Json& json) {
  auto n = std::make_unique<Prepend>();
  n->content = read_string(json, "prepend", std::nullopt);
  return n;
}

SplitBehavior parse_behavior(const Json& json) {
  const std::string name = read_string(json, "behavior", "Isolated");
  if (name == "Removed") return SplitBehavior::removed;
  if (name == "Isolated") return SplitBehavior::isolated;
  if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
  if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
  if (name == "Contiguous") return SplitBehavior::contiguous;
  fail(ErrorCode::corrupt, cat("tokenizer.json: unknown split behavior '", name, "'"));
}

std::unique_ptr<PreTokenizer> class_splitter(ClassPreTokenizer::Kind kind, SplitBehavior behavior) {
  auto p = std::make_unique<ClassPreTokenizer>();
  p->kind = kind;
  p->behavior = behavior;
  return p;
}

std::unique_ptr<PreTokenizer> parse_delimiter(const Json& json) {
  const std::string delimiter = read_string(json, "delimiter", std::nullopt);
  auto p = std::make_unique<ClassPreTokenizer>();
  p->kind = ClassPreTokenizer::Kind::one_char;
  size_t end = 0;
  if (!delimiter.empty()) p->delimiter = next_char(delimiter, end);
  if (end == 0 || end != delimiter.size()) {
    fail(ErrorCode::corrupt, "tokenizer.json: 'delimiter' must be one character");
  }
  return p;
}

}  // namespace

std::unique_ptr<Normalizer> parse_normalizer(const Json& json, int depth) {
  if (json.is_null()) return nullptr;
  const std::string type = read_type(json, "normalizer", depth);
  if (type == "BertNormalizer") return parse_bert_normalizer(json);
  if (type == "Lowercase") return std::make_unique<Lowercase>();
  if (type == "NFC") return std::make_unique<UnicodeNormalizer>(NormalForm::nfc);
  if (type == "NFD") return std::make_unique<UnicodeNormalizer>(NormalForm::nfd);
  if (type == "NFKC") return std::make_unique<UnicodeNormalizer>(NormalForm::nfkc);
  if (type == "NFKD") return std::make_unique<UnicodeNormalizer>(NormalForm::nfkd);
  if (type == "StripAccents") return std::make_unique<StripAccents>();
  if (type == "Strip") return parse_strip(json);
  if (type == "Replace") return parse_replace(json);
  if (type == "Prepend") return parse_prepend(json);
  if (type != "Sequence") fail_unsupported("normalizer", type);
  auto sequence = std::make_unique<NormalizerSequence>();
  for (const Json& step : read_array(json, "normalizers")) {
    sequence->steps.push_back(parse_normalizer(step, depth + 1));
    if (!sequence->steps.back()) sequence->steps.pop_back();
  }
  return sequence;
}

std::unique_ptr<PreTokenizer> parse_pre_tokenizer(const Json& json, int depth) {
  using Kind = ClassPreTokenizer::Kind;
  if (json.is_null()) return nullptr;
  const std::string type = read_type(json, "pre-tokenizer", depth);
  if (type == "BertPreTokenizer") return std::make_unique<BertPreTokenizer>();
  if (type == "Whitespace") return std::make_unique<WhitespacePreTokenizer>();
  if (type == "WhitespaceSplit") return class_splitter(Kind::white_space, SplitBehavior::removed);
  if (type == "Punctuation") return class_splitter(Kind::punctuation, parse_behavior(json));
  if (type == "CharDelimiterSplit") return parse_delimiter(json);
  if (type == "Digits") {
    const bool each = read_bool(json, "individual_digits", false);
    return class_splitter(Kind::numeric,
                          each ? SplitBehavior::isolated : SplitBehavior::contiguous);
  }
  if (type != "Sequence") fail_unsupported("pre-tokenizer", type);
  auto sequence = std::make_unique<PreTokenizerSequence>();
  for (const Json& step : read_array(json, "pretokenizers")) {
    sequence->steps.push_back(parse_pre_tokenizer(step, depth + 1));
    if (!sequence->steps.back()) sequence->steps.pop_back();
  }
  return sequence;
}

}  // namespace tern::text
