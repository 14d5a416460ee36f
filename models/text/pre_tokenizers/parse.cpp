// SPDX-License-Identifier: Apache-2.0
// From tokenizer.json's "pre_tokenizer" to a PreTokenizer.
#include "../fields.h"
#include "pre_tokenizers.h"

namespace tern::text {

namespace {

using hub::Json;

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
