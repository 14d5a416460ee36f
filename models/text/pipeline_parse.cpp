// SPDX-License-Identifier: Apache-2.0
// From the text of tokenizer.json to a Pipeline.
#include "fields.h"
#include "pipeline.h"

namespace tern {

namespace text {

namespace {

using hub::Json;

constexpr int64_t kMaxLength = int64_t{1} << 40;

Side parse_side(const Json& json) {
  const std::string side = read_string(json, "direction", "Right");
  if (side == "Right") return Side::right;
  if (side == "Left") return Side::left;
  fail(ErrorCode::corrupt, cat("tokenizer.json: unknown direction '", side, "'"));
}

std::optional<Truncation> parse_truncation(const Json& json) {
  if (json.is_null()) return std::nullopt;
  Truncation t;
  t.max_length = read_integer(json, "max_length", std::nullopt, 0, kMaxLength);
  t.stride = read_integer(json, "stride", 0, 0, kMaxLength);
  t.side = parse_side(json);
  const std::string strategy = read_string(json, "strategy", "LongestFirst");
  if (strategy == "OnlyFirst")
    t.strategy = TruncationStrategy::only_first;
  else if (strategy == "OnlySecond")
    t.strategy = TruncationStrategy::only_second;
  else if (strategy != "LongestFirst") {
    fail(ErrorCode::corrupt, cat("tokenizer.json: unknown truncation strategy '", strategy, "'"));
  }
  return t;
}

std::optional<Padding> parse_padding(const Json& json) {
  if (json.is_null()) return std::nullopt;
  Padding p;
  p.side = parse_side(json);
  p.pad_id = read_integer(json, "pad_id", 0, 0, 0x7FFFFFFF);
  p.pad_type_id = read_integer(json, "pad_type_id", 0, 0, 0x7FFFFFFF);
  p.pad_token = read_string(json, "pad_token", "[PAD]");
  p.multiple = read_integer(json, "pad_to_multiple_of", 0, 0, kMaxLength);
  if (json["strategy"].contains("Fixed")) {
    p.length = read_integer(json["strategy"], "Fixed", std::nullopt, 0, kMaxLength);
  }
  return p;
}

}  // namespace

}  // namespace text

std::unique_ptr<Tokenizer::Pipeline> Tokenizer::Pipeline::parse(std::string_view text,
                                                                std::string_view what) {
  const hub::Json json = hub::Json::parse(text, what);
  if (!json.is_object()) fail(ErrorCode::corrupt, cat(what, ": must be a JSON object"));
  auto p = std::make_unique<Pipeline>();
  p->model = text::parse_text_model(json["model"]);
  p->normalizer = text::parse_normalizer(json["normalizer"]);
  p->pre_tokenizer = text::parse_pre_tokenizer(json["pre_tokenizer"]);
  p->post_processor = text::parse_post_processor(json["post_processor"]);
  p->decoder = text::parse_decoder(json["decoder"]);
  p->truncation = text::parse_truncation(json["truncation"]);
  p->padding = text::parse_padding(json["padding"]);
  p->added =
      text::parse_added_tokens(json["added_tokens"], p->model->vocabulary, p->normalizer.get());
  if (p->padding) {
    p->settings.pad_token = p->padding->pad_token;
    p->settings.pad_id = p->padding->pad_id;
    p->settings.pad_type_id = p->padding->pad_type_id;
    p->settings.padding_side = p->padding->side;
  }
  if (p->truncation) p->settings.truncation_side = p->truncation->side;
  return p;
}

void Tokenizer::Pipeline::finish() {
  for (const char* pad : {"[PAD]", "<pad>"}) {
    const text::AddedToken* token = settings.pad_token.empty() ? added.find(pad) : nullptr;
    if (token) settings.pad_token = pad, settings.pad_id = token->id;
  }
  needs_origins = normalizer && pre_tokenizer && pre_tokenizer->needs_origins();
  const auto* rules = dynamic_cast<const text::BertNormalizer*>(normalizer.get());
  const auto* words = dynamic_cast<const text::WordPiece*>(model.get());
  const bool bert = rules && words && dynamic_cast<text::BertPreTokenizer*>(pre_tokenizer.get());
  byte_level = text::ByteLevelScan::make(normalizer.get(), pre_tokenizer.get(), *model);
  if (bert && !added.any(true)) fused = std::make_unique<text::BertScan>(*rules, *words);
  wordwise = text::Wordwise::make(normalizer.get(), pre_tokenizer.get(), *model, added);
}

}  // namespace tern
