// SPDX-License-Identifier: Apache-2.0
// Alphabet: the letters that a pattern can tell apart. Code points that are in the same of its sets
// are one letter, so that a text becomes one byte per character and every set a set of bytes: the
// matcher needs to know nothing of Unicode.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../unicode/tables.h"
#include "char_set.h"

namespace tern::text {

class Alphabet {
 public:
  static constexpr size_t kMost = 256;

  /// False when the sets tell more than kMost kinds of characters apart.
  bool build(const std::vector<CharSet>& sets);

  /// The letters that make up sets[i], ascending.
  const std::vector<uint8_t>& letters(size_t set) const { return letters_[set]; }
  /// How many letters there are.
  size_t size() const { return size_; }
  uint8_t letter(char32_t c) const { return of_code_[c]; }
  /// One letter for each character of valid UTF-8.
  void spell(std::string_view text, std::string& out) const;

 private:
  std::vector<std::vector<uint8_t>> letters_;
  PagedBytes of_code_;
  size_t size_ = 0;
};

}  // namespace tern::text
