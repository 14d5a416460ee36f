// SPDX-License-Identifier: Apache-2.0
// BertChars: what BertNormalizer and BertPreTokenizer together do with one character, as a table
// whose pages of 256 characters are computed when first needed. Any number of threads may ask.
#pragma once

#include <array>

#include "../unicode/lazy_pages.h"
#include "normalizers.h"

namespace tern::text {

class BertChars {
 public:
  enum Kind : uint32_t {
    kLetter,   // goes on the word, as the mapped character
    kSeveral,  // goes on the word, as several characters: several()
    kRemoved,  // leaves no trace
    kSpace,    // ends the word
    kAlone,    // is a word by itself, as the mapped character
    kRare,     // its effect depends on its neighbours: take the stages instead
  };
  struct Record {
    Kind kind : 8;
    uint32_t mapped : 24;
  };

  explicit BertChars(const BertNormalizer& rules) : rules_(rules) {}

  Record operator[](char32_t c) const {
    return pages_.page_of(c, [this](char32_t x) { return compute(x); })[c & 0xFF];
  }
  /// What a character of kind kSeveral becomes.
  Decomposition several(char32_t c) const;

 private:
  Record compute(char32_t c) const;

  BertNormalizer rules_;
  LazyPages<std::array<Record, 256>> pages_;
};

}  // namespace tern::text
