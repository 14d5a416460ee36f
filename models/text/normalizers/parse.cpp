// SPDX-License-Identifier: Apache-2.0
// From tokenizer.json's "normalizer" to a Normalizer.
#include "../fields.h"
#include "normalizers.h"

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
  auto n = std::make_unique<Replace>();
  n->pattern = TextPattern::parse(json["pattern"], "normalizer Replace");
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

std::unique_ptr<Normalizer> parse_precompiled(const Json& json) {
  auto n = std::make_unique<Precompiled>();
  n->rules = Charsmap::from_base64(read_string(json, "precompiled_charsmap", std::nullopt),
                                   "tokenizer.json: precompiled_charsmap");
  return n;
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
  if (type == "Nmt") return std::make_unique<Nmt>();
  if (type == "Precompiled") return parse_precompiled(json);
  if (type == "ByteLevel") return std::make_unique<ByteLevelNormalizer>();
  if (type != "Sequence") fail_unsupported("normalizer", type);
  auto sequence = std::make_unique<NormalizerSequence>();
  for (const Json& step : read_array(json, "normalizers")) {
    sequence->steps.push_back(parse_normalizer(step, depth + 1));
    if (!sequence->steps.back()) sequence->steps.pop_back();
  }
  return sequence;
}

}  // namespace tern::text
