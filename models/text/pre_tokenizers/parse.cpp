// SPDX-License-Identifier: Apache-2.0
// From tokenizer.json's "pre_tokenizer" to a PreTokenizer.
#include "../fields.h"
#include "../regex/scanners.h"
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

std::unique_ptr<PreTokenizer> parse_split(const Json& json) {
  auto p = std::make_unique<SplitPreTokenizer>();
  p->pattern = TextPattern::parse(json["pattern"], "pre-tokenizer Split");
  read_string(json, "behavior", std::nullopt);
  p->behavior = parse_behavior(json);
  p->invert = read_bool(json, "invert", std::nullopt);
  return p;
}

std::unique_ptr<PreTokenizer> parse_byte_level(const Json& json) {
  auto p = std::make_unique<ByteLevelPreTokenizer>();
  p->add_prefix_space = read_bool(json, "add_prefix_space", std::nullopt);
  if (read_bool(json, "use_regex", true)) {
    p->regex = Regex::compile(kGpt2Pattern, "tokenizer.json: pre-tokenizer ByteLevel");
  }
  return p;
}

std::unique_ptr<PreTokenizer> parse_metaspace(const Json& json) {
  using Scheme = MetaspacePreTokenizer::Scheme;
  auto p = std::make_unique<MetaspacePreTokenizer>();
  p->replacement = read_string(json, "replacement", std::nullopt);
  if (count_chars(p->replacement) != 1) {
    fail(ErrorCode::corrupt, "tokenizer.json: Metaspace's 'replacement' must be one character");
  }
  const std::string scheme = read_string(json, "prepend_scheme", "always");
  if (scheme == "first")
    p->scheme = Scheme::first;
  else if (scheme == "never")
    p->scheme = Scheme::never;
  else if (scheme != "always")
    fail(ErrorCode::corrupt, cat("tokenizer.json: unknown prepend_scheme '", scheme, "'"));
  // The older member may not contradict the newer one.
  if (!read_bool(json, "add_prefix_space", true) && p->scheme != Scheme::never) {
    fail(ErrorCode::corrupt, "tokenizer.json: 'add_prefix_space' does not match 'prepend_scheme'");
  }
  p->cuts = read_bool(json, "split", true);
  return p;
}

std::unique_ptr<PreTokenizer> parse_fixed_length(const Json& json) {
  auto p = std::make_unique<FixedLengthPreTokenizer>();
  p->length = static_cast<size_t>(read_integer(json, "length", 5, 1, int64_t{1} << 40));
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
  if (type == "Split") return parse_split(json);
  if (type == "ByteLevel") return parse_byte_level(json);
  if (type == "Metaspace") return parse_metaspace(json);
  if (type == "UnicodeScripts") return std::make_unique<UnicodeScriptsPreTokenizer>();
  if (type == "FixedLength") return parse_fixed_length(json);
  if (type != "Sequence") fail_unsupported("pre-tokenizer", type);
  auto sequence = std::make_unique<PreTokenizerSequence>();
  for (const Json& step : read_array(json, "pretokenizers")) {
    sequence->steps.push_back(parse_pre_tokenizer(step, depth + 1));
    if (!sequence->steps.back()) sequence->steps.pop_back();
  }
  return sequence;
}

}  // namespace tern::text
