// SPDX-License-Identifier: Apache-2.0
// Normalizers: the first stage of a tokenizer. Each rewrites a piece of text between added tokens.
#pragma once

#include <memory>
#include <vector>

#include "../../../hub/formats/json.h"
#include "../text_pattern.h"
#include "charsmap.h"
#include "normalized.h"

namespace tern::text {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void normalize(Normalized& text) const = 0;
};

/// BERT's: drop controls, turn white space into ' ', space out ideographs, strip accents, lower
/// case.
struct BertNormalizer final : Normalizer {
  bool clean_text = true, handle_chinese_chars = true, strip_accents = true, lowercase = true;
  void normalize(Normalized& text) const override;
};

/// What BERT calls a Chinese character: its ideograph blocks, one of them misspelt (U+2B920).
bool is_bert_ideograph(char32_t c) noexcept;
/// Controls, formats, private use, NUL and U+FFFD, but not tab, line feed or carriage return.
bool is_bert_removed(char32_t c, uint16_t char_class) noexcept;

struct Lowercase final : Normalizer {
  void normalize(Normalized& text) const override;
};

struct UnicodeNormalizer final : Normalizer {
  explicit UnicodeNormalizer(NormalForm f) : form(f) {}
  NormalForm form;
  void normalize(Normalized& text) const override;
};

/// Drops marks; what carries one in a single character keeps it unless NFD came before.
struct StripAccents final : Normalizer {
  void normalize(Normalized& text) const override;
};

struct Strip final : Normalizer {
  bool left = true, right = true;
  void normalize(Normalized& text) const override;
};

/// Every match becomes `content`.
struct Replace final : Normalizer {
  TextPattern pattern;
  std::string content;
  void normalize(Normalized& text) const override;
};

struct Prepend final : Normalizer {
  std::string content;
  void normalize(Normalized& text) const override;
};

/// SentencePiece's NMT rules: controls go, odd blanks become ' '.
struct Nmt final : Normalizer {
  void normalize(Normalized& text) const override;
};

/// SentencePiece's compiled rules, grapheme by grapheme: one of up to 5 bytes becomes what stands
/// for its first characters, and its tail is lost; longer ones go character by character.
struct Precompiled final : Normalizer {
  Charsmap rules;
  void normalize(Normalized& text) const override;
};

/// Bytes as characters of the byte-level alphabet.
struct ByteLevelNormalizer final : Normalizer {
  void normalize(Normalized& text) const override;
};

struct NormalizerSequence final : Normalizer {
  std::vector<std::unique_ptr<Normalizer>> steps;
  void normalize(Normalized& text) const override;
};

/// The "normalizer" member of tokenizer.json; null gives nullptr. unsupported names the type.
std::unique_ptr<Normalizer> parse_normalizer(const hub::Json& json, int depth = 0);

}  // namespace tern::text
