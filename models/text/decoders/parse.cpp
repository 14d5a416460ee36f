// SPDX-License-Identifier: Apache-2.0
// From tokenizer.json's "decoder" to a Decoder.
#include "../fields.h"
#include "../unicode/utf8.h"
#include "decoders.h"

namespace tern::text {

namespace {

using hub::Json;

constexpr int64_t kMostStripped = int64_t{1} << 40;

/// A member that must be one character.
std::string read_character(const Json& json, std::string_view member,
                           std::optional<std::string_view> fallback) {
  std::string c = read_string(json, member, fallback);
  if (!c.empty() && utf8_length(c[0]) == c.size()) return c;
  fail(ErrorCode::corrupt,
       cat("tokenizer.json: '", member, "' of a decoder must be one character"));
}

std::unique_ptr<Decoder> parse_bpe(const Json& json) {
  auto d = std::make_unique<BpeDecoder>();
  d->suffix = read_string(json, "suffix", "</w>");
  return d;
}

std::unique_ptr<Decoder> parse_wordpiece(const Json& json) {
  auto d = std::make_unique<WordPieceDecoder>();
  d->prefix = read_string(json, "prefix", "##");
  d->cleanup = read_bool(json, "cleanup", true);
  return d;
}

std::unique_ptr<Decoder> parse_metaspace(const Json& json) {
  auto d = std::make_unique<MetaspaceDecoder>();
  d->replacement = read_character(json, "replacement", "▁");
  // Files of before 2024 have add_prefix_space instead.
  const bool prepends = read_bool(json, "add_prefix_space", true);
  d->prepends = read_string(json, "prepend_scheme", prepends ? "always" : "never") != "never";
  return d;
}

std::unique_ptr<Decoder> parse_ctc(const Json& json) {
  auto d = std::make_unique<CtcDecoder>();
  d->pad_token = read_string(json, "pad_token", "<pad>");
  d->word_delimiter_token = read_string(json, "word_delimiter_token", "|");
  d->cleanup = read_bool(json, "cleanup", true);
  return d;
}

std::unique_ptr<Decoder> parse_replace(const Json& json) {
  auto d = std::make_unique<ReplaceDecoder>();
  d->pattern = TextPattern::parse(json["pattern"], "decoder Replace");
  d->content = read_string(json, "content", std::nullopt);
  return d;
}

std::unique_ptr<Decoder> parse_strip(const Json& json) {
  auto d = std::make_unique<StripDecoder>();
  d->content = read_character(json, "content", std::nullopt);
  d->start = static_cast<size_t>(read_integer(json, "start", std::nullopt, 0, kMostStripped));
  d->stop = static_cast<size_t>(read_integer(json, "stop", std::nullopt, 0, kMostStripped));
  return d;
}

}  // namespace

std::unique_ptr<Decoder> parse_decoder(const Json& json, int depth) {
  if (json.is_null()) return nullptr;
  const std::string type = read_type(json, "decoder", depth);
  if (type == "BPEDecoder") return parse_bpe(json);
  if (type == "ByteLevel") return std::make_unique<ByteLevelDecoder>();
  if (type == "WordPiece") return parse_wordpiece(json);
  if (type == "Metaspace") return parse_metaspace(json);
  if (type == "CTC") return parse_ctc(json);
  if (type == "Replace") return parse_replace(json);
  if (type == "Fuse") return std::make_unique<FuseDecoder>();
  if (type == "Strip") return parse_strip(json);
  if (type == "ByteFallback") return std::make_unique<ByteFallbackDecoder>();
  if (type != "Sequence") fail_unsupported("decoder", type);
  auto sequence = std::make_unique<DecoderSequence>();
  for (const Json& step : read_array(json, "decoders")) {
    sequence->steps.push_back(parse_decoder(step, depth + 1));
    if (!sequence->steps.back()) sequence->steps.pop_back();
  }
  return sequence;
}

}  // namespace tern::text
