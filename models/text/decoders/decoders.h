// SPDX-License-Identifier: Apache-2.0
// Decoders: from tokens back to text. Each rewrites the list of tokens; what the last one leaves is
// joined without anything between. Without a decoder, tokens are joined by blanks.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../../../hub/formats/json.h"
#include "../text_pattern.h"

namespace tern::text {

class Decoder {
 public:
  virtual ~Decoder() = default;
  /// May change the number of tokens.
  virtual void decode(std::vector<std::string>& tokens) const = 0;
  /// The bytes of a token that need not be whole characters; none: it has only these.
  virtual std::optional<std::string> raw_bytes(std::string_view) const { return std::nullopt; }
};

/// The end-of-word suffix becomes a blank, except in the last token, where it goes.
struct BpeDecoder final : Decoder {
  std::string suffix = "</w>";
  void decode(std::vector<std::string>& tokens) const override;
};

/// The byte-level alphabet becomes bytes; a token with any other character stands for itself. What
/// is not UTF-8 in the end becomes U+FFFD.
struct ByteLevelDecoder final : Decoder {
  void decode(std::vector<std::string>& tokens) const override;
  std::optional<std::string> raw_bytes(std::string_view token) const override;
};

/// Glues continuing pieces; with `cleanup`, takes back the blanks before punctuation.
struct WordPieceDecoder final : Decoder {
  std::string prefix = "##";
  bool cleanup = true;
  void decode(std::vector<std::string>& tokens) const override;
};

/// The replacement becomes a blank; those of the first token vanish when the scheme prepends one.
struct MetaspaceDecoder final : Decoder {
  std::string replacement = "▁";
  bool prepends = true;
  void decode(std::vector<std::string>& tokens) const override;
};

/// Connectionist temporal classification: repeated tokens are one, padding goes.
struct CtcDecoder final : Decoder {
  std::string pad_token = "<pad>", word_delimiter_token = "|";
  bool cleanup = true;
  void decode(std::vector<std::string>& tokens) const override;
};

/// Every match in a token becomes `content`.
struct ReplaceDecoder final : Decoder {
  TextPattern pattern;
  std::string content;
  void decode(std::vector<std::string>& tokens) const override;
};

/// All tokens become one.
struct FuseDecoder final : Decoder {
  void decode(std::vector<std::string>& tokens) const override;
};

/// Up to `start` (`stop`) times `content` at the beginning (end) of every token go.
struct StripDecoder final : Decoder {
  std::string content;
  size_t start = 0, stop = 0;
  void decode(std::vector<std::string>& tokens) const override;
};

/// Runs of "<0x41>" become characters; a run that is not UTF-8, U+FFFD for each of its bytes.
struct ByteFallbackDecoder final : Decoder {
  void decode(std::vector<std::string>& tokens) const override;
  std::optional<std::string> raw_bytes(std::string_view token) const override;
};

struct DecoderSequence final : Decoder {
  std::vector<std::unique_ptr<Decoder>> steps;
  void decode(std::vector<std::string>& tokens) const override;
  /// The first step's that has them.
  std::optional<std::string> raw_bytes(std::string_view token) const override;
};

/// The "decoder" member of tokenizer.json; null gives nullptr. unsupported names the type.
std::unique_ptr<Decoder> parse_decoder(const hub::Json& json, int depth = 0);

}  // namespace tern::text
